//! Nobody makes more series than there are things to measure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use portcullis::auth::{AuthLayer, Reason};
use portcullis::metrics::MetricsObserver;
use portcullis::{
    Ending, KeysEvent, KeysOutcome, Observer as _, Protocol, RequestBegan, RequestContext,
    RequestEnded, Side, TraceContext,
};
use portcullis_testing::{StubVerifier, identity};
use tower::ServiceExt as _;

use crate::Stand;
use crate::requests::app;

/// What a client may choose: the method, the path, the host, who it says it is, what it says of a trace.
fn chosen(round: usize) -> Request<Body> {
    let method = Method::from_bytes(format!("M{round}").as_bytes()).unwrap();
    let path = match round % 3 {
        0 => format!("/nowhere/{round}?q={round}"),
        1 => format!("/gone/{round}"),
        _ => format!("/users/{round}"),
    };
    let method = if round.is_multiple_of(2) {
        method
    } else {
        Method::GET
    };
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("host", format!("h{round}.example"))
        .header("authorization", format!("Bearer t{round}"))
        .header("traceparent", format!("00-{round:032x}-{round:016x}-01"))
        .header("tracestate", format!("v{round}=1"))
        .header("x-request-id", round);
    let request = match round % 5 {
        0 => request.header("content-type", format!("application/grpc+c{round}")),
        _ => request,
    };
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn ten_thousand_clients_that_all_differ_make_no_series() {
    const ROUNDS: usize = 10_000;
    let stand = Stand::new();
    let mut verifier = StubVerifier::new();
    for round in 0..=ROUNDS {
        let subject = identity(&format!("subject-{round}")).build();
        verifier = match round % 4 {
            0 => verifier.invalid(&format!("t{round}"), Reason::Expired),
            _ => verifier.valid(&format!("t{round}"), subject),
        };
    }
    let auth = AuthLayer::new(verifier).with_observer(stand.metrics.clone());
    let app = app(&stand.metrics).layer(auth);
    for round in 0..120 {
        app.clone().oneshot(chosen(round)).await.unwrap();
    }
    let before = stand.page().0.len();
    for round in 120..ROUNDS {
        app.clone().oneshot(chosen(round)).await.unwrap();
    }
    let page = stand.page();
    assert_eq!(page.0.len(), before);
    let counted = page.of("auth_requests_total");
    let counted: f64 = counted.iter().map(|(_, value)| value).sum();
    assert_eq!(counted, ROUNDS as f64, "all were there");
    for said in ["subject-", "example", "M6", "nowhere", "t6", "+c"] {
        assert!(!page.0.keys().any(|row| row.contains(said)), "{said}");
    }
}

fn ended(stand: &Stand, route: &str, status: StatusCode) {
    let began = RequestBegan::new(Side::Server, &Method::GET, Protocol::Http);
    let context = RequestContext::new(Instant::now());
    context.set_route(Arc::from(route));
    let span = TraceContext::root(false);
    let event = RequestEnded::new(began, span, Ending::Complete, Duration::from_millis(1));
    let event = event.of(Some(&context)).answered(status, Duration::ZERO);
    stand.metrics.request_began(&began);
    stand.metrics.request_ended(&event);
}

#[test]
fn routes_beyond_the_bound_are_one_and_counted() {
    let stand = Stand::with(MetricsObserver::builder().with_max_routes(2));
    for route in ["/a", "/b", "/c", "/d", "/c", "/a"] {
        ended(&stand, route, StatusCode::OK);
    }
    let page = stand.page();
    assert_eq!(
        page.of("http_request_duration_seconds_count"),
        [
            ("{method=GET,route=/a,status=200}", 2.0),
            ("{method=GET,route=/b,status=200}", 1.0),
            ("{method=GET,route=_overflow,status=200}", 3.0),
        ]
    );
    let sum = "http_request_duration_seconds_sum{method=GET,route=/a,status=200}";
    assert_eq!(page.get(sum), Some(0.002), "seconds");
    assert_eq!(page.of("metrics_overflow_total"), [("{label=route}", 3.0)]);
    assert_eq!(page.get("http_requests_in_flight{side=server}"), Some(0.0));
}

#[test]
fn unless_set_a_thousand_routes_are_told_apart() {
    let stand = Stand::new();
    for route in 0..1_001 {
        ended(&stand, &format!("/{route}"), StatusCode::OK);
    }
    let page = stand.page();
    let routes = page.of("http_request_duration_seconds_count");
    assert_eq!(routes.len(), 1_001);
    assert_eq!(page.of("metrics_overflow_total"), [("{label=route}", 1.0)]);
}

#[test]
fn a_handler_that_answers_with_any_code_makes_few_series() {
    let stand = Stand::new();
    for code in 100..1_000 {
        ended(&stand, "/status/{code}", code.try_into().unwrap());
    }
    let page = stand.page();
    let rows = page.of("http_request_duration_seconds_count");
    assert!(rows.len() < 80, "{}", rows.len());
    assert_eq!(rows.iter().map(|(_, value)| value).sum::<f64>(), 900.0);
}

#[test]
fn issuers_are_bounded_too() {
    let stand = Stand::new();
    for issuer in 0..1_100 {
        let failed = KeysOutcome::Failed { error: "timeout" };
        let issuer = format!("https://{issuer}.example");
        let event = KeysEvent::new(&issuer, failed, Duration::ZERO, None);
        stand.metrics.keys(&event);
    }
    let page = stand.page();
    assert_eq!(page.of("jwks_age_seconds").len(), 1_001);
    assert_eq!(
        page.of("metrics_overflow_total"),
        [("{label=issuer}", 100.0)]
    );
}
