//! One trace through the gateway, an axum service and a tonic service, and the issuer that authentication asked: on the
//! wire, and in the spans.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Router, serve};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use portcullis::axum::RouteLayer;
use portcullis::trace::{TraceClient, TraceContextLayer};
use portcullis_core::TraceContext;
use portcullis_gateway::{Config, Gateway, Running};
use portcullis_testing::{Algorithm, Endpoint, FakeIssuer};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer as _;

#[path = "../../crates/trace/tests/kit/capture.rs"]
#[allow(dead_code)] // a part of it is for the tests of the crate
mod capture;

use capture::{Shown, Spans};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const PATIENCE: Duration = Duration::from_secs(20);

/// What the axum service got on the wire.
type Got = Arc<Mutex<Vec<HeaderMap>>>;

/// A tonic service that says whether it is well.
async fn tonic_service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(TraceContextLayer::server())
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

/// An axum service that asks the tonic one.
async fn axum_service(tonic: SocketAddr) -> (SocketAddr, Got) {
    #[derive(Clone)]
    struct Shop {
        health: HealthClient<TraceClient<Channel>>,
        got: Got,
    }

    async fn order(State(mut shop): State<Shop>, headers: HeaderMap) -> StatusCode {
        shop.got.lock().unwrap().push(headers);
        match shop.health.check(HealthCheckRequest::default()).await {
            Ok(_) => StatusCode::OK,
            Err(status) => panic!("{status}"),
        }
    }

    let channel = Channel::from_shared(format!("http://{tonic}")).unwrap();
    let channel = TraceContextLayer::client().layer(channel.connect_lazy());
    let got = Got::default();
    let shop = Shop {
        health: HealthClient::new(channel),
        got: Arc::clone(&got),
    };
    let app = Router::new()
        .route("/orders/{id}", get(order))
        .with_state(shop)
        .layer((TraceContextLayer::server(), RouteLayer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, app).await });
    (address, got)
}

async fn gateway(issuer: &FakeIssuer, upstream: SocketAddr) -> Running {
    let config = format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        [trace]
        trust = "internal"
        [trace.spans]
        path = true
        [[issuer]]
        url = "{}"
        audiences = ["{}"]
        [[route]]
        path = "/orders/"
        upstream = ["http://{upstream}"]
        scopes = ["orders"]
        "#,
        issuer.issuer(),
        issuer.audience(),
    );
    Gateway::start(Config::parse(&config).unwrap())
        .await
        .unwrap()
}

async fn ask(gateway: &Running, token: &str, traceparent: &str) -> StatusCode {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{}/orders/7", gateway.address()))
        .header("authorization", format!("Bearer {token}"))
        .header("traceparent", traceparent)
        .body(Empty::new())
        .unwrap();
    let answer = tokio::time::timeout(PATIENCE, client.request(request))
        .await
        .unwrap()
        .unwrap();
    let status = answer.status();
    answer.into_body().collect().await.unwrap();
    status
}

/// The spans of the trace, once there are so many: a server's ends when its last byte is out.
async fn spans(captured: &Spans, count: usize) -> Vec<Shown> {
    let of_the_trace = || {
        let closed = captured.closed().into_iter();
        closed
            .filter(|span| span.field("trace_id") == Some(TRACE))
            .collect::<Vec<_>>()
    };
    let all = async {
        loop {
            let spans = of_the_trace();
            if spans.len() >= count {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(spans) => spans,
        Err(_) => panic!("{:#?}", captured.closed()),
    }
}

fn the<'a>(spans: &'a [Shown], kind: &str, field: &str, value: &str) -> &'a Shown {
    let is = |span: &&Shown| span.name == kind && span.field(field) == Some(value);
    let mut found = spans.iter().filter(is);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("{kind} {field}={value} in {spans:#?}"));
    assert!(
        found.next().is_none(),
        "{kind} {field}={value} twice in {spans:#?}"
    );
    span
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_goes_through_gateway_axum_and_tonic_and_to_the_issuer() {
    let captured = Spans::default();
    tracing::subscriber::set_global_default(captured.subscriber()).unwrap();
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await;
    let (axum, got) = axum_service(tonic_service().await).await;
    let gateway = gateway(&issuer, axum).await;
    let token = || issuer.token().scope("orders").issue();

    // Another trace first: keys are there, and connections.
    let other = PARENT.replace(TRACE, "1af7651916cd43dd8448eb211c80319c");
    assert_eq!(ask(&gateway, &token(), &other).await, StatusCode::OK);
    // A key that nobody has: authentication asks the issuer.
    issuer.rotate();
    assert_eq!(ask(&gateway, &token(), PARENT).await, StatusCode::OK);

    // gateway: server, client to axum, client to the issuer (metadata is remembered: keys alone);
    // axum: server, client to tonic; tonic: server.
    let spans = spans(&captured, 6).await;
    assert_eq!(spans.len(), 6, "{spans:#?}");
    let id = |span: &Shown| span.field("span_id").unwrap().to_owned();
    let parent = |span: &Shown| span.field("parent_span_id").unwrap().to_owned();

    let front = the(&spans, "server", "http.route", "/orders/");
    assert_eq!(parent(front), "b7ad6b7169203331");
    let fetch = the(&spans, "client", "url.path", "/jwks");
    assert_eq!(
        parent(fetch),
        id(front),
        "authentication asked for this request"
    );
    let forwarded = the(&spans, "client", "url.path", "/orders/7");
    assert_eq!(parent(forwarded), id(front));
    let shop = the(&spans, "server", "http.route", "/orders/{id}");
    assert_eq!(parent(shop), id(forwarded));
    let call = the(
        &spans,
        "client",
        "rpc.method",
        "grpc.health.v1.Health/Check",
    );
    assert_eq!(parent(call), id(shop));
    let health = the(
        &spans,
        "server",
        "rpc.method",
        "grpc.health.v1.Health/Check",
    );
    assert_eq!(parent(health), id(call));
    for span in [call, health] {
        assert_eq!(span.field("rpc.response.status_code"), Some("OK"));
    }
    for span in &spans {
        assert_eq!(span.field("end"), None, "{span:?}");
        assert_eq!(span.field("error.type"), None, "{span:?}");
    }

    // The same on the wire.
    let wire = got.lock().unwrap().last().unwrap()["traceparent"].clone();
    let wire = TraceContext::parse(wire.as_bytes()).unwrap();
    assert_eq!(
        (wire.trace_id.to_string(), wire.span_id.to_string()),
        (TRACE.into(), id(forwarded))
    );
    let asked = issuer.last_headers(Endpoint::Jwks).unwrap()["traceparent"].clone();
    let asked = TraceContext::parse(asked.as_bytes()).unwrap();
    assert_eq!(
        (asked.trace_id.to_string(), asked.span_id.to_string()),
        (TRACE.into(), id(fetch))
    );
    gateway.shut_down().await;
}
