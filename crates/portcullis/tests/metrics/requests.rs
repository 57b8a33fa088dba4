//! Requests and calls.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use portcullis::axum::RouteLayer;
use portcullis::metrics::{MetricsObserver, Naming};
use portcullis::trace::{StageLayer, Timings, TraceContextLayer};
use tower::{Layer, Service, ServiceExt as _};

use crate::Stand;

/// A body of which one frame comes, and then none.
struct Endless(Option<Bytes>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(data) => Poll::Ready(Some(Ok(http_body::Frame::data(data)))),
            None => Poll::Pending,
        }
    }
}

async fn panics() -> StatusCode {
    panic!("the handler")
}

pub(crate) fn app(metrics: &MetricsObserver) -> Router {
    let stream = || async { Body::new(Endless(Some(Bytes::from_static(b"a")))) };
    Router::new()
        .route("/users/{id}", get(|| async { "hello" }))
        .route("/gone/{id}", get(|| async { StatusCode::NOT_FOUND }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/odd", get(|| async { StatusCode::from_u16(599).unwrap() }))
        .route("/hangs", get(pending::<StatusCode>))
        .route("/stream", get(stream))
        .route("/panics", get(panics))
        .layer((
            TraceContextLayer::server()
                .with_timings(Timings::new())
                .observed_by(metrics.clone()),
            RouteLayer,
            StageLayer::new("handler"),
        ))
}

fn request(method: &str, path: &str) -> Request<Body> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).unwrap()
}

pub(crate) async fn whole(app: &Router, method: &str, path: &str) -> StatusCode {
    let answer = app.clone().oneshot(request(method, path)).await.unwrap();
    let (head, body) = answer.into_parts();
    body.collect().await.unwrap();
    head.status
}

#[tokio::test]
async fn each_request_is_counted_once_by_what_became_of_it() {
    let stand = Stand::new();
    let app = app(&stand.metrics);
    for path in ["/users/1", "/users/2", "/gone/1", "/broken", "/odd", "/x"] {
        whole(&app, "GET", path).await;
    }
    whole(&app, "PURGE", "/users/1").await;
    {
        let mut hangs = pin!(app.clone().oneshot(request("GET", "/hangs")));
        assert!(
            hangs
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        let running = stand.page();
        assert_eq!(
            running.get("http_requests_in_flight{side=server}"),
            Some(1.0)
        );
        assert!(running.of("http_request_duration_seconds_count").len() < 8);
    }
    {
        let mut stream = app
            .clone()
            .oneshot(request("GET", "/stream"))
            .await
            .unwrap();
        assert!(stream.body_mut().frame().await.unwrap().is_ok());
        let running = stand.page();
        assert_eq!(
            running.get("http_requests_in_flight{side=server}"),
            Some(1.0)
        );
    }
    let panicked = tokio::spawn(app.clone().oneshot(request("GET", "/panics"))).await;
    assert!(panicked.unwrap_err().is_panic());

    let page = stand.page();
    assert_eq!(
        page.of("http_request_duration_seconds_count"),
        [
            ("{method=GET,route=/broken,status=500}", 1.0),
            ("{method=GET,route=/gone/{id},status=404}", 1.0),
            ("{method=GET,route=/hangs,status=cancelled}", 1.0),
            ("{method=GET,route=/odd,status=5xx}", 1.0),
            ("{method=GET,route=/panics,status=panicked}", 1.0),
            ("{method=GET,route=/stream,status=cancelled}", 1.0),
            ("{method=GET,route=/users/{id},status=200}", 2.0),
            ("{method=GET,route=_unmatched,status=404}", 1.0),
            ("{method=_OTHER,route=/users/{id},status=405}", 1.0),
        ]
    );
    assert_eq!(
        page.of("http_requests_cancelled_total"),
        [
            ("{side=server,phase=body}", 1.0),
            ("{side=server,phase=head}", 1.0)
        ]
    );
    assert_eq!(page.get("http_requests_in_flight{side=server}"), Some(0.0));
    let bucket = "{method=GET,route=/users/{id},status=200,le=0.075}";
    assert!(
        page.get(&format!("http_request_duration_seconds_bucket{bucket}"))
            .is_some()
    );
    // Timed, all of them.
    for family in ["auth_stage_duration_seconds", "auth_stage_waiting_seconds"] {
        assert_eq!(
            page.get(&format!("{family}_count{{stage=handler}}")),
            Some(10.0)
        );
        assert!(
            page.get(&format!("{family}_bucket{{stage=handler,le=0.00001}}"))
                .is_some()
        );
    }
    assert_eq!(
        page.of("trace_context_total"),
        [("{format=none,result=absent}", 10.0)]
    );
    assert_eq!(page.of("rpc_server_duration_seconds_count"), []);
}

#[tokio::test]
async fn of_grpc_the_status_is_counted_beside_that_of_http() {
    let stand = Stand::new();
    let answer = |code: &'static str| {
        move || async move {
            (
                [("grpc-status", code), ("content-type", "application/grpc")],
                "",
            )
        }
    };
    let app = Router::new()
        .route("/shop.Orders/Get", get(answer("0")).post(answer("5")))
        .layer((
            TraceContextLayer::server().observed_by(stand.metrics.clone()),
            RouteLayer,
        ));
    let mut ask = request("POST", "/shop.Orders/Get");
    ask.headers_mut()
        .insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    let answer = app.clone().oneshot(ask).await.unwrap();
    answer.into_body().collect().await.unwrap();
    let page = stand.page();
    assert_eq!(
        page.of("rpc_server_duration_seconds_count"),
        [("{route=/shop.Orders/Get,code=NOT_FOUND}", 1.0)]
    );
    assert_eq!(
        page.of("http_request_duration_seconds_count"),
        [("{method=POST,route=/shop.Orders/Get,status=200}", 1.0)]
    );
}

/// Answers as the path says.
async fn elsewhere(call: Request<Body>) -> Result<Response<Body>, &'static str> {
    let answer = Response::builder();
    match call.uri().path() {
        "/refuses" => Err("no connection"),
        "/grpc" => Ok(answer
            .header("grpc-status", "14")
            .body(Body::empty())
            .unwrap()),
        _ => Ok(answer.status(503).body(Body::empty()).unwrap()),
    }
}

#[tokio::test]
async fn calls_are_told_apart_from_requests_and_have_no_route() {
    let stand = Stand::new();
    let layer = TraceContextLayer::client().observed_by(stand.metrics.clone());
    let mut client = layer.layer(tower::service_fn(elsewhere));
    client.call(request("PUT", "/")).await.unwrap();
    client.call(request("PUT", "/refuses")).await.unwrap_err();
    let mut grpc = request("POST", "/grpc");
    grpc.headers_mut()
        .insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
    client.call(grpc).await.unwrap();
    drop(client.call(request("PUT", "/")));
    let page = stand.page();
    assert_eq!(
        page.of("http_client_request_duration_seconds_count"),
        [
            ("{method=POST,status=200}", 1.0),
            ("{method=PUT,status=503}", 1.0),
            ("{method=PUT,status=cancelled}", 1.0),
            ("{method=PUT,status=failed}", 1.0),
        ]
    );
    assert_eq!(
        page.of("rpc_client_duration_seconds_count"),
        [("{code=UNAVAILABLE}", 1.0)]
    );
    assert_eq!(
        page.of("http_requests_cancelled_total"),
        [("{side=client,phase=head}", 1.0)]
    );
    assert_eq!(page.get("http_requests_in_flight{side=client}"), Some(0.0));
    assert_eq!(page.of("http_request_duration_seconds_count"), []);
}

#[tokio::test]
async fn names_are_those_of_the_conventions_with_a_prefix_where_it_was_said_so() {
    let builder = MetricsObserver::builder();
    let stand = Stand::with(builder.with_prefix("shop").with_naming(Naming::Semconv));
    whole(&app(&stand.metrics), "GET", "/users/1").await;
    let labels = "{http_request_method=GET,http_route=/users/{id},http_response_status_code=200";
    let row = format!("shop_http_server_request_duration_seconds_bucket{labels},le=+Inf}}");
    let page = stand.page();
    assert_eq!(page.get(&row), Some(1.0), "{page:?}");
    assert!(page.0.keys().all(|row| row.starts_with("shop_")));
}
