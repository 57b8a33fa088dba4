//! A service that asks one of several instances of another one, each behind a circuit of its own.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use axum::{Router, extract::State, routing::get};
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis::Outcome;
use portcullis::circuit_breaker::{Circuit, CircuitBreakerLayer, KeyedCircuits, Rejected};
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// The instances, whose turn it is, and how each of them is.
struct Instances {
    all: Vec<Uri>,
    turn: AtomicUsize,
    circuits: KeyedCircuits<Uri>,
    client: Client<HttpConnector, Body>,
}

impl Instances {
    fn new(list: &str) -> Result<Self, BoxError> {
        let all: Vec<Uri> = list.split(',').map(str::parse).collect::<Result<_, _>>()?;
        // Three failures in a row, whenever they were; then longer and longer, up to a minute.
        let circuits = KeyedCircuits::new(Circuit::by_the_row("instance"), all.len())?;
        Ok(Self {
            all,
            turn: AtomicUsize::new(0),
            circuits,
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Asks the next instance that is worth asking.
    async fn ask(&self) -> Result<Response<Body>, BoxError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..self.all.len()).map(|n| &self.all[(turn + n) % self.all.len()]);
        let circuits = in_turn.map(|instance| (instance, self.circuits.get(instance)));
        let mut circuits: Vec<_> = circuits.collect();
        let worth_asking = circuits.iter().position(|(_, circuit)| circuit.admits());
        // If none is, the circuit of the first says how long.
        let (instance, circuit) = circuits.swap_remove(worth_asking.unwrap_or(0));

        // The timeout is inside: what is late failed.
        let service = ServiceBuilder::new()
            .layer(CircuitBreakerLayer::new(circuit).with_classify(outcome))
            .timeout(Duration::from_secs(1))
            .service(self.client.clone());
        let request = Request::get(instance).body(Body::empty())?;
        Ok(service.oneshot(request).await?.map(Body::new))
    }
}

fn outcome<B>(result: Result<&Response<B>, &BoxError>) -> Outcome {
    match result {
        Ok(response) if response.status().is_server_error() => Outcome::Failure,
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure,
    }
}

async fn front(State(instances): State<Arc<Instances>>) -> Response<Body> {
    instances.ask().await.unwrap_or_else(|error| {
        let Some(rejected) = error.downcast_ref::<Rejected>() else {
            return (StatusCode::BAD_GATEWAY, error.to_string()).into_response();
        };
        let wait = rejected.retry_after().unwrap_or_default().as_secs() + 1;
        let retry_after = [(RETRY_AFTER, wait.to_string())];
        (
            StatusCode::SERVICE_UNAVAILABLE,
            retry_after,
            rejected.to_string(),
        )
            .into_response()
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let instances = Instances::new(&env::var("INSTANCES")?)?;
    let app = Router::new()
        .route("/", get(front))
        .with_state(Arc::new(instances));
    let listener = tokio::net::TcpListener::bind(env::var("LISTEN")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
