//! What a request that goes out carries.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::time::Instant;

use http::{HeaderValue, Request};
use portcullis_core::{Carried, RequestContext, RequestTrace, SpanId, TraceContext};
use portcullis_trace::{Egress, Format, Formats, Roots, TraceContextLayer, TraceServer};
use tower::{Layer, Service, ServiceExt};

mod kit;

use kit::{Body, Saw, Seen, caller, request};

fn within(sampled: bool) -> (RequestContext, TraceContext) {
    let own = TraceContext::root(sampled);
    let carried = Carried::new(
        Some(HeaderValue::from_static("vendor=1")),
        Some(HeaderValue::from_static("tenant=7")),
    );
    let trace = RequestTrace::new(own).with_carried(carried);
    (RequestContext::traced(Instant::now(), trace), own)
}

async fn sent_by<L>(layer: L, request: Request<Body>) -> Saw
where
    L: Layer<Seen>,
    L::Service: Service<Request<Body>, Error = std::convert::Infallible>,
{
    let seen = Seen::default();
    let mut service = layer.layer(seen.clone());
    service.ready().await.unwrap().call(request).await.unwrap();
    seen.only()
}

#[tokio::test]
async fn a_call_for_the_current_request_is_a_child_of_its_span() {
    for sampled in [true, false] {
        let (context, own) = within(sampled);
        let call = sent_by(TraceContextLayer::client(), request(&[]));
        let saw = context.in_scope(call).await;
        let sent = saw.sent();
        assert_eq!((sent.trace_id, sent.flags), (own.trace_id, own.flags));
        assert_ne!(sent.span_id, own.span_id, "also when unsampled");
        assert_eq!(saw.header("tracestate"), Some("vendor=1"));
        assert_eq!(saw.header("baggage"), Some("tenant=7"));
    }
}

#[tokio::test]
async fn what_is_handed_on_unchanged_is_the_same_value() {
    let (context, _) = within(true);
    let before = context.trace().unwrap().carried().clone();
    let call = sent_by(TraceContextLayer::client(), request(&[]));
    let saw = context.in_scope(call).await;
    let pointer = |value: &HeaderValue| value.as_bytes().as_ptr();
    assert_eq!(
        pointer(&saw.headers["tracestate"]),
        pointer(&before.state.unwrap())
    );
    assert_eq!(
        pointer(&saw.headers["baggage"]),
        pointer(&before.baggage.unwrap())
    );
}

#[tokio::test]
async fn the_request_among_the_extensions_outranks_the_current_one() {
    let (current, _) = within(true);
    let (handed_on, own) = within(true);
    let mut call = request(&[]);
    call.extensions_mut().insert(handed_on);
    let saw = current
        .in_scope(sent_by(TraceContextLayer::client(), call))
        .await;
    assert_eq!(saw.sent().trace_id, own.trace_id);
}

#[tokio::test]
async fn every_attempt_has_a_span_of_its_own() {
    let (context, own) = within(true);
    let seen = Seen::default();
    let mut service = TraceContextLayer::client().layer(seen.clone());
    let attempts = async {
        for _ in 0..3 {
            service.call(request(&[])).await.unwrap();
        }
    };
    context.in_scope(attempts).await;
    let spans: Vec<SpanId> = seen.all().iter().map(|saw| saw.sent().span_id).collect();
    assert_eq!(spans.len(), 3);
    assert!(spans[0] != spans[1] && spans[1] != spans[2] && spans[0] != spans[2]);
    assert!(
        seen.all()
            .iter()
            .all(|saw| saw.sent().trace_id == own.trace_id)
    );
}

#[tokio::test]
async fn what_was_copied_from_another_request_is_replaced() {
    let (context, own) = within(true);
    let stale = caller("01");
    let copied = request(&[
        ("traceparent", &stale),
        ("traceparent", &stale),
        ("tracestate", "stale=1"),
        ("baggage", "stale=1"),
        ("b3", "0"),
        ("x-b3-traceid", kit::T),
        ("x-b3-spanid", kit::S),
        ("x-b3-parentspanid", kit::S),
        ("x-b3-sampled", "0"),
        ("x-b3-flags", "1"),
    ]);
    let saw = context
        .in_scope(sent_by(TraceContextLayer::client(), copied))
        .await;
    assert_eq!(saw.sent().trace_id, own.trace_id);
    assert_eq!(saw.header("tracestate"), Some("vendor=1"));
    assert_eq!(saw.header("baggage"), Some("tenant=7"));
    assert_eq!(saw.headers.len(), 3, "{:?}", saw.headers);
}

#[tokio::test]
async fn without_a_request_the_trace_of_the_calls_own_headers_goes_on() {
    let call = request(&[("traceparent", &caller("02")), ("tracestate", "a=1")]);
    let saw = sent_by(TraceContextLayer::client(), call).await;
    let sent = saw.sent();
    assert_eq!(sent.trace_id.to_string(), kit::T);
    assert_ne!(sent.span_id.to_string(), kit::S);
    assert_eq!(sent.flags.to_byte(), 2);
    assert_eq!(saw.header("tracestate"), Some("a=1"));
}

#[tokio::test]
async fn without_any_trace_one_begins() {
    for (roots, sampled) in [(Roots::Always, true), (Roots::Never, false)] {
        let layer = TraceContextLayer::client().with_roots(roots);
        let saw = sent_by(
            layer,
            request(&[("traceparent", "bad"), ("tracestate", "a=1")]),
        )
        .await;
        assert_eq!(saw.sent().flags.is_sampled(), sampled);
        assert!(saw.sent().flags.is_random());
        assert_eq!(saw.header("tracestate"), None);
    }
}

#[tokio::test]
async fn whoever_is_not_told_gets_no_header_of_any_format() {
    let egress = Egress::only(["*.internal"]).unwrap();
    for (host, told) in [("orders.internal", true), ("third.party", false)] {
        let (context, _) = within(true);
        let layer = TraceContextLayer::client().with_egress(egress.clone());
        let mut call = request(&[
            ("traceparent", &caller("01")),
            ("b3", "1"),
            ("baggage", "a=1"),
        ]);
        *call.uri_mut() = format!("http://{host}/").parse().unwrap();
        let saw = context.in_scope(sent_by(layer, call)).await;
        assert_eq!(saw.headers.contains_key("traceparent"), told);
        assert_eq!(
            saw.headers.len(),
            if told { 3 } else { 0 },
            "{:?}",
            saw.headers
        );
    }
}

#[tokio::test]
async fn several_formats_carry_the_same_span() {
    let (context, _) = within(true);
    let formats = Formats::new([Format::B3Single, Format::W3c, Format::B3Multi]);
    let layer = TraceContextLayer::client().with_formats(formats);
    let saw = context.in_scope(sent_by(layer, request(&[]))).await;
    let sent = saw.sent();
    let (trace, span) = (sent.trace_id.to_string(), sent.span_id.to_string());
    assert_eq!(saw.header("b3").unwrap(), format!("{trace}-{span}-1"));
    assert_eq!(saw.header("x-b3-traceid"), Some(&*trace));
    assert_eq!(saw.header("x-b3-spanid"), Some(&*span));
    assert_eq!(saw.header("x-b3-sampled"), Some("1"));
}

#[tokio::test]
async fn a_server_and_a_client_inside_it_make_one_trace() {
    let seen = Seen::default();
    let client = TraceContextLayer::client().layer(seen.clone());
    // A handler that makes a request of its own.
    let handler = tower::service_fn(move |_: Request<Body>| {
        let mut client = client.clone();
        async move { client.call(request(&[])).await }
    });
    let mut service: TraceServer<_> = TraceContextLayer::server().layer(handler);
    let incoming = request(&[("traceparent", &caller("01")), ("tracestate", "a=1")]);
    service.ready().await.unwrap().call(incoming).await.unwrap();
    let saw = seen.only();
    assert_eq!(saw.sent().trace_id.to_string(), kit::T);
    assert_ne!(saw.sent().span_id.to_string(), kit::S);
    assert_ne!(saw.sent().span_id, saw.current.unwrap().span_id);
    assert_eq!(saw.header("tracestate"), Some("a=1"));
}
