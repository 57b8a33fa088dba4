//! Traces in axum: the argument, and the route.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use portcullis::axum::{RouteLayer, Traced};
use portcullis::trace::TraceContextLayer;
use portcullis::{Observer, RequestEnded};
use tower::ServiceExt;

#[derive(Clone, Default)]
struct Routes(Arc<Mutex<Vec<Option<String>>>>);

impl Observer for Routes {
    fn request_ended(&self, event: &RequestEnded<'_>) {
        let route = event.context.unwrap().route().map(str::to_owned);
        self.0.lock().unwrap().push(route);
    }
}

async fn answer(app: Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path)
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(Body::empty());
    let answer = app.oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn span(Traced(span): Traced) -> String {
    span.to_string()
}

async fn maybe(span: Option<Traced>) -> String {
    format!("{}", span.is_some())
}

fn app() -> Router {
    Router::new()
        .route("/users/{id}", get(span))
        .route("/maybe", get(maybe))
}

#[tokio::test]
async fn a_handler_takes_the_span_as_an_argument() {
    let app = app().layer(TraceContextLayer::server());
    let (status, text) = answer(app.clone(), "/users/7").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        text.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
        "{text}"
    );
    assert_eq!(answer(app, "/maybe").await.1, "true");
}

#[tokio::test]
async fn without_the_layer_it_is_our_fault_and_an_option_is_none() {
    assert_eq!(
        answer(app(), "/users/7").await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(answer(app(), "/maybe").await.1, "false");
}

#[tokio::test]
async fn an_observer_reads_the_route_that_axum_matched_and_none_of_what_it_did_not() {
    let routes = Routes::default();
    let layer = TraceContextLayer::server().observed_by(routes.clone());
    let app = app().layer((layer, RouteLayer));
    answer(app.clone(), "/users/7").await;
    answer(app, "/nowhere/at/all").await;
    let seen = routes.0.lock().unwrap().clone();
    assert_eq!(seen, [Some("/users/{id}".to_owned()), None]);
}
