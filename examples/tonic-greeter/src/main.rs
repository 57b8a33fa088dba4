//! A greeter behind an identity provider: a tonic server, and the layers round it.

use std::env::{self, VarError};
use std::error::Error;

use portcullis::RequestExt as _;
use portcullis::auth::jwks::Jwks;
use portcullis::auth::{AuthLayer, Issuer, JwtVerifier, RequireLayer};
use portcullis::trace::TraceContextLayer;
use tokio::net::TcpListener;
use tonic::codegen::tokio_stream::{self, Iter};
use tonic::service::LayerExt as _;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_greeter::greeter_server::{Greeter, GreeterServer};
use tonic_greeter::{GreetManyRequest, GreetReply, GreetRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();

    // Discovery finds the keys. They are fetched in the background, and it starts without them too.
    let keys = Jwks::builder(setting("ISSUER")?).build()?;
    let issuer = Issuer::published(keys)
        .audience(setting("AUDIENCE")?)
        // An ID token grants nothing, so it does not pass for an access token.
        .scope_required();
    let verifier = JwtVerifier::builder().issuer(issuer).build()?;

    // Who probes has no token. Who has one is known, and who has a bad one is refused, everywhere.
    let auth = AuthLayer::new(verifier).optional();
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<GreeterServer<Desk>>().await;

    // Who greets needs a token, with this scope.
    let may_greet = RequireLayer::new().with_scopes(["greet"])?;
    let greeter = may_greet.named_layer(GreeterServer::new(Desk));

    let listener = TcpListener::bind(setting("LISTEN")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Server::builder()
        // Outside of everything, so that refusals are part of the trace too.
        .layer(TraceContextLayer::server())
        .layer(auth)
        .add_service(health)
        .add_service(greeter)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

struct Desk;

#[tonic::async_trait]
impl Greeter for Desk {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        let greeting = greeting(&caller(&request), &request.get_ref().name)?;
        Ok(Response::new(greeting))
    }

    type GreetManyStream = Iter<std::vec::IntoIter<Result<GreetReply, Status>>>;

    async fn greet_many(
        &self,
        request: Request<GreetManyRequest>,
    ) -> Result<Response<Self::GreetManyStream>, Status> {
        let caller = caller(&request);
        let names = request.into_inner().names;
        let greetings: Vec<_> = names.iter().map(|name| greeting(&caller, name)).collect();
        Ok(Response::new(tokio_stream::iter(greetings)))
    }
}

fn greeting(caller: &str, name: &str) -> Result<GreetReply, Status> {
    if name.is_empty() {
        return Err(Status::invalid_argument("whom?"));
    }
    let greeting = format!("{caller} greets {name}");
    Ok(GreetReply { greeting })
}

/// Whom the token speaks for.
fn caller<T>(request: &Request<T>) -> String {
    let identity = request.extensions().identity();
    let subject = identity.and_then(|identity| identity.subject());
    subject.unwrap_or("somebody").to_owned()
}

fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => format!("set {name}: see the README"),
        VarError::NotUnicode(_) => format!("{name} is not text"),
    })
}
