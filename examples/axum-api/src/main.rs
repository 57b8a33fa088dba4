//! An API of orders behind an identity provider: an axum router, and one stack of layers round it.

use std::env::{self, VarError};
use std::error::Error;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use portcullis::auth::jwks::Jwks;
use portcullis::auth::{AuthLayer, Issuer, JwtVerifier, RequireLayer, client};
use portcullis::axum::{Caller, RouteLayer};
use portcullis::trace::{StageLayer, Timings, TraceContextLayer, Trust};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_http::cors::{Any, CorsLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    // Discovery finds the keys. They are fetched in the background, and it starts without them too. Where a request
    // needs a new one, that is fetched in its trace.
    let http = client::default_client()?.layer(&TraceContextLayer::client());
    let url = setting("ISSUER")?;
    let keys = Jwks::builder(url).with_http_client(http).build()?;
    let issuer = Issuer::published(keys)
        .audience(setting("AUDIENCE")?)
        // An ID token grants nothing, so it does not pass for an access token.
        .scope_required();
    let auth = AuthLayer::new(JwtVerifier::builder().issuer(issuer).build()?);

    let listener = TcpListener::bind(setting("LISTEN")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(auth)?)
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

fn app(auth: AuthLayer<JwtVerifier>) -> Result<Router, Box<dyn Error>> {
    let may_write = RequireLayer::new().with_scopes(["orders:write"])?;
    let api = Router::new()
        .route("/me", get(me))
        .route("/orders", get(list))
        .route("/orders", post(create).layer(may_write));

    // CORS is outermost, so that a browser sees a refusal as what it is and not as a network error.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(Any)
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER]);
    // The trace is outside of everything, so that refusals are part of it. Whoever takes too long is named in the log.
    let timings = Timings::new().with_slow_above(Duration::from_secs(1));
    let trace = TraceContextLayer::server()
        // Anybody calls: a trace of theirs is linked to, and nobody is told how long what took.
        .with_trust(Trust::public())
        .with_timings(timings);
    // How long authentication took, and how long the handler.
    let auth = (StageLayer::new("auth"), auth);
    // One call of `layer`: each further one would box every request once more.
    let guarded = api.layer((trace, RouteLayer, cors, auth, StageLayer::new("handler")));
    Ok(guarded.route("/health", get(|| async { "well" })))
}

/// Whom the token speaks for, and how that is known: `fresh`, `cached` or `degraded`.
async fn me(Caller(caller): Caller) -> Json<Value> {
    Json(json!({
        "subject": caller.subject(),
        "issuer": caller.issuer(),
        "scopes": caller.scopes().iter().collect::<Vec<_>>(),
        "known": caller.provenance().as_str(),
    }))
}

async fn list(Caller(caller): Caller) -> Json<Value> {
    Json(json!({ "orders_of": caller.subject() }))
}

async fn create(Caller(caller): Caller, Json(order): Json<Value>) -> Json<Value> {
    Json(json!({ "ordered": order, "by": caller.subject() }))
}

fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => format!("set {name}: see the README"),
        VarError::NotUnicode(_) => format!("{name} is not text"),
    })
}
