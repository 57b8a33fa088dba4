//! The example of the README, run.

#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

// example
use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, jwks::Jwks};
use portcullis_core::ConfigError;
use portcullis_testing::{Endpoint, FakeIssuer, Mode, forge};
use std::time::Duration;
use tower::ServiceExt;

/// The service under test. It knows the issuer by its name only, and finds the keys by discovery.
fn service(issuer: &str) -> Result<Router, ConfigError> {
    let issuer = Issuer::published(Jwks::builder(issuer).build()?)
        .audience("api")
        .access_tokens_only();
    let verifier = JwtVerifier::builder().issuer(issuer).build()?;
    Ok(Router::new()
        .route("/", get(|| async { "hello" }))
        .layer(AuthLayer::new(verifier)))
}

async fn ask(service: &Router, token: &str) -> Response<Body> {
    let request = Request::get("/")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    service.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn good_tokens_outlive_their_issuer() {
    let issuer = FakeIssuer::start().await;
    let service = service(issuer.issuer()).unwrap();
    let good = issuer.token().subject("alice").issue();
    assert_eq!(ask(&service, &good).await.status(), 200);

    issuer.mode(Mode::Refuse);
    // Tokens are judged by the keys that are held: a good one is good, a bad one is bad.
    let another = issuer.token().subject("bob").issue();
    let expired = issuer.token().expired(Duration::from_secs(600)).issue();
    let stranger = issuer.token().audience("somebody-else").issue();
    let forged = forge::with_claim(&good, "sub", "root");
    assert_eq!(ask(&service, &another).await.status(), 200);
    for bad in [&expired, &stranger, &forged] {
        assert_eq!(ask(&service, bad).await.status(), 401);
    }
    // Of a key that nobody saw yet nothing can be said: 503, for a 401 would log the user out.
    issuer.rotate();
    let unseen = issuer.token().subject("carol").issue();
    let unknown = ask(&service, &unseen).await;
    assert_eq!(unknown.status(), 503);
    assert!(unknown.headers().contains_key("retry-after"));

    issuer.mode(Mode::Ok);
    assert_eq!(ask(&service, &good).await.status(), 200);
    // However many asked meanwhile, the issuer was not stormed.
    assert!(issuer.requests(Endpoint::Jwks) < 5);
}
// example

#[test]
fn the_readme_shows_this_very_example() {
    let source = include_str!("readme.rs");
    let example = source.split("// example\n").nth(1).unwrap();
    assert!(
        include_str!("../README.md").contains(example),
        "copy the example into the README"
    );
}
