//! The seven facts that every tower layer must prove, for both layers.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion
#![cfg(feature = "http")]

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis_circuit_breaker::http::{HttpCircuitBreaker, HttpCircuitBreakerLayer, RequestBody};
use portcullis_circuit_breaker::{Circuit, CircuitBreaker, CircuitBreakerLayer};
use portcullis_core::{CircuitState, HttpOutcomes};
use portcullis_testing::contract::{self, Inner};
use tower::util::{MapRequest, MapRequestLayer};
use tower_layer::Layer;

type Body = Full<Bytes>;

fn circuit(state: CircuitState) -> Circuit {
    let circuit = Circuit::builder("contract").build().unwrap();
    circuit.move_to(state).unwrap();
    circuit
}

fn request() -> Request<Body> {
    Request::post("/").body(Full::from("body")).unwrap()
}

/// The layer, and the body of the request unwrapped for the service inside.
#[derive(Clone)]
struct Http(HttpCircuitBreakerLayer<Circuit>);

impl Http {
    fn with(state: CircuitState) -> Self {
        Self(HttpCircuitBreakerLayer::new(circuit(state)))
    }
}

type Unwrap = fn(Request<RequestBody<Body>>) -> Request<Body>;

impl<S> Layer<S> for Http {
    type Service = HttpCircuitBreaker<MapRequest<S, Unwrap>, Circuit, HttpOutcomes>;

    fn layer(&self, inner: S) -> Self::Service {
        let unwrap: Unwrap = |request| request.map(RequestBody::into_inner);
        self.0.layer(MapRequestLayer::new(unwrap).layer(inner))
    }
}

#[tokio::test]
async fn the_layer_that_answers_with_an_error_keeps_the_contract() {
    contract::of(
        || CircuitBreakerLayer::new(circuit(CircuitState::Closed)),
        request,
    )
    .fails_under(
        || CircuitBreakerLayer::new(circuit(CircuitState::ForcedOpen)),
        request,
    )
    .fails_under(
        || CircuitBreakerLayer::new(circuit(CircuitState::Open)),
        request,
    )
    .prove()
    .await;
}

#[tokio::test]
async fn the_layer_of_http_keeps_the_contract() {
    contract::of(|| Http::with(CircuitState::Closed), request)
        .refuses_under(
            || Http::with(CircuitState::ForcedOpen),
            StatusCode::SERVICE_UNAVAILABLE,
            request,
        )
        .refuses_under(
            || Http::with(CircuitState::Open),
            StatusCode::SERVICE_UNAVAILABLE,
            request,
        )
        .prove()
        .await;
}

#[test]
fn everything_can_be_sent_and_shared() {
    fn is<T: Send + Sync + 'static>() {}
    is::<Circuit>();
    is::<portcullis_circuit_breaker::Permit>();
    is::<portcullis_circuit_breaker::Upload>();
    is::<portcullis_circuit_breaker::KeyedCircuits<String>>();
    is::<CircuitBreaker<Inner<Body>>>();
    is::<HttpCircuitBreaker<Inner<Body>, Circuit, HttpOutcomes>>();
    is::<RequestBody<Body>>();
}

/// In place: the service inside needs to be neither cloned nor sent.
#[tokio::test]
async fn the_service_inside_needs_no_clone() {
    use std::rc::Rc;
    use tower::{Service, ServiceExt, service_fn};

    let not_send = Rc::new(());
    let inner = service_fn(move |n: u32| {
        let kept = Rc::clone(&not_send);
        async move { Ok::<_, std::io::Error>(n + u32::try_from(Rc::strong_count(&kept)).unwrap()) }
    });
    let layer = CircuitBreakerLayer::new(circuit(CircuitState::Closed));
    let mut service = layer.layer(inner);
    assert!(service.ready().await.unwrap().call(1).await.unwrap() > 1);
}
