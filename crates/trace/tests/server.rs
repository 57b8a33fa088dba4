//! What becomes of the trace of a request that comes in.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::time::Instant;

use http::Request;
use portcullis_core::{RequestContext, TraceContext};
use portcullis_trace::{Format, Formats, TraceContextLayer, TraceServer, Trust, TrustLevel};
use tower::{Layer, Service, ServiceExt};

mod kit;

use kit::{Body, Saw, Seen, caller, request};

async fn seen_by(trust: Trust, formats: Formats, request: Request<Body>) -> Saw {
    let seen = Seen::default();
    let layer = TraceContextLayer::server();
    let mut service = layer
        .with_trust(trust)
        .with_formats(formats)
        .layer(seen.clone());
    service.ready().await.unwrap().call(request).await.unwrap();
    assert!(RequestContext::current().is_none());
    seen.only()
}

async fn internal(headers: &[(&str, &str)]) -> Saw {
    seen_by(Trust::internal(), Formats::W3C, request(headers)).await
}

#[tokio::test]
async fn the_trace_of_a_caller_of_ours_goes_on_in_a_span_of_its_own() {
    for flags in ["00", "01", "02", "03"] {
        let saw = internal(&[("traceparent", &caller(flags))]).await;
        let own = saw.own();
        assert_eq!(own.trace_id.to_string(), kit::T);
        assert_ne!(own.span_id.to_string(), kit::S);
        assert_eq!(format!("{:02x}", own.flags.to_byte()), flags);
        let trace = saw.context.as_ref().unwrap().trace().unwrap();
        assert_eq!(trace.parent().unwrap().to_string(), kit::S);
        assert_eq!(trace.link(), None);
    }
}

#[tokio::test]
async fn without_a_valid_trace_a_new_one_begins_with_a_random_id() {
    let good = caller("01");
    let two = [("traceparent", &*good), ("traceparent", &*good)];
    for headers in [&[][..], &[("traceparent", "00-bad")], &two] {
        let saw = internal(headers).await;
        let own = saw.own();
        assert_ne!(own.trace_id.to_string(), kit::T);
        assert!(own.flags.is_random() && own.flags.is_sampled());
        assert_eq!(
            saw.context.as_ref().unwrap().trace().unwrap().parent(),
            None
        );
    }
}

#[tokio::test]
async fn without_a_valid_trace_its_tracestate_does_not_count() {
    let state = ("tracestate", "a=1");
    let saw = internal(&[("traceparent", "00-bad"), state]).await;
    let carried = saw.context.unwrap().trace().unwrap().carried().clone();
    assert_eq!(carried.state, None);
    let saw = internal(&[("traceparent", &caller("01")), state]).await;
    let carried = saw.context.unwrap().trace().unwrap().carried().clone();
    assert_eq!(carried.state.unwrap(), "a=1");
}

#[tokio::test]
async fn the_trace_of_anybody_is_linked_and_nothing_of_it_goes_on() {
    let traceparent = caller("01");
    let sent = request(&[
        ("traceparent", &traceparent),
        ("tracestate", "a=1"),
        ("baggage", "user=1"),
    ]);
    let saw = seen_by(Trust::public(), Formats::W3C, sent).await;
    let trace = saw.context.as_ref().unwrap().trace().unwrap();
    assert_ne!(saw.own().trace_id.to_string(), kit::T);
    assert_eq!(trace.link().unwrap().to_string(), traceparent);
    assert_eq!(trace.parent(), None);
    assert_eq!(
        (&trace.carried().state, &trace.carried().baggage),
        (&None, &None)
    );
}

#[tokio::test]
async fn trust_can_follow_the_peer_and_a_peer_that_nobody_knows_is_anybody() {
    #[derive(Clone)]
    struct Peer(std::net::IpAddr);
    let trust = Trust::by_peer(["10.0.0.0/8".parse().unwrap()], |extensions| {
        extensions.get().map(|Peer(address)| *address)
    });
    for (peer, continued) in [
        (Some("10.1.2.3"), true),
        (Some("::ffff:10.1.2.3"), true),
        (Some("192.0.2.1"), false),
        (Some("::a01:203"), false),
        (None, false),
    ] {
        let mut sent = request(&[("traceparent", &caller("01"))]);
        if let Some(peer) = peer {
            sent.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        let saw = seen_by(trust.clone(), Formats::W3C, sent).await;
        assert_eq!(
            saw.own().trace_id.to_string() == kit::T,
            continued,
            "{peer:?}"
        );
    }
}

#[tokio::test]
async fn trust_can_follow_any_function_of_the_head() {
    let trust = Trust::by(|head| match head.headers.contains_key("x-mesh") {
        true => TrustLevel::Internal,
        false => TrustLevel::Public,
    });
    let traceparent = caller("01");
    for (headers, continued) in [
        (&[("traceparent", &*traceparent), ("x-mesh", "1")][..], true),
        (&[("traceparent", &*traceparent)], false),
    ] {
        let saw = seen_by(trust.clone(), Formats::W3C, request(headers)).await;
        assert_eq!(saw.own().trace_id.to_string() == kit::T, continued);
    }
}

#[tokio::test]
async fn the_request_is_the_current_one_while_it_is_worked_on() {
    let saw = internal(&[("traceparent", &caller("01"))]).await;
    assert_eq!(saw.current, Some(saw.own()));
}

#[tokio::test]
async fn a_second_layer_finds_the_trace_and_passes_through() {
    let seen = Seen::default();
    let (layer, second) = (TraceContextLayer::server(), TraceContextLayer::server());
    let second = second.with_trust(Trust::public());
    let observed = kit::Recorder::default();
    let mut service = layer.layer(second.observed_by(observed.clone()).layer(seen.clone()));
    let sent = request(&[("traceparent", &caller("01"))]);
    service.ready().await.unwrap().call(sent).await.unwrap();
    let saw = seen.only();
    assert_eq!(saw.own().trace_id.to_string(), kit::T);
    assert_eq!(saw.current, Some(saw.own()));
    assert!(observed.ended().is_empty(), "the first one counts it");
}

#[tokio::test]
async fn a_context_that_somebody_else_made_gets_the_trace() {
    let arrived = Instant::now();
    let context = RequestContext::new(arrived);
    let mut sent = request(&[("traceparent", &caller("01"))]);
    sent.extensions_mut().insert(context.clone());
    let saw = seen_by(Trust::internal(), Formats::W3C, sent).await;
    assert_eq!(context.trace_context(), Some(saw.own()));
    assert_eq!(context.arrived(), arrived);
}

#[tokio::test]
async fn of_several_formats_the_first_that_is_valid_wins() {
    const B3: &str = "00000000000000000000000000000b3b-00000000000000b3-1";
    let good = caller("01");
    let (w3c, b3) = (("traceparent", &*good), ("b3", B3));
    let bad = ("traceparent", "00-bad");
    let both = Formats::new([Format::W3c, Format::B3Single]);
    let other = Formats::new([Format::B3Single, Format::W3c]);
    for (formats, headers, trace) in [
        (both, &[w3c, b3][..], Some(kit::T)),
        (other, &[w3c, b3], Some("00000000000000000000000000000b3b")),
        (both, &[bad, b3], Some("00000000000000000000000000000b3b")),
        (Formats::W3C, &[b3], None),
        (Formats::NONE, &[w3c, b3], None),
    ] {
        let saw = seen_by(Trust::internal(), formats, request(headers)).await;
        let own = saw.own().trace_id.to_string();
        let continued = saw.context.unwrap().trace().unwrap().parent().is_some();
        match trace {
            Some(trace) => assert_eq!(own, trace),
            None => assert!(!continued),
        }
    }
}

#[tokio::test]
async fn an_observer_is_told_what_became_of_each_trace() {
    use portcullis_core::TraceOutcome::{Absent, Continued, Invalid, Restarted};
    let good = caller("01");
    let (w3c, b3) = (("traceparent", &*good), ("b3", "0"));
    let formats = Formats::new([Format::W3c, Format::B3Single]);
    for (trust, headers, format, outcome) in [
        (Trust::internal(), &[w3c][..], Some("w3c"), Continued),
        (Trust::public(), &[w3c], Some("w3c"), Restarted),
        (Trust::internal(), &[b3], Some("b3"), Restarted),
        (
            Trust::internal(),
            &[("traceparent", "00-bad")],
            Some("w3c"),
            Invalid,
        ),
        (Trust::public(), &[], None, Absent),
    ] {
        let recorder = kit::Recorder::default();
        let layer = TraceContextLayer::server().observed_by(recorder.clone());
        let layer = layer.with_trust(trust).with_formats(formats);
        let mut service = layer.layer(Seen::default());
        service.call(request(headers)).await.unwrap();
        let [event] = recorder.traces()[..] else {
            panic!("one event");
        };
        assert_eq!(
            (event.format, event.outcome),
            (format, outcome),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_service_keeps_its_error_type_and_is_there_to_be_reached() {
    let mut service: TraceServer<Seen> = TraceContextLayer::server().layer(Seen::default());
    let _: Result<_, std::convert::Infallible> =
        service.ready().await.unwrap().call(request(&[])).await;
    assert_eq!(service.get_ref().all().len(), 1);
    assert_eq!(service.clone().into_inner().all().len(), 1);
    assert_eq!(service.get_mut().all().len(), 1);
}

#[tokio::test]
async fn handlers_read_the_trace_without_any_subscriber() {
    use portcullis_core::RequestExt;
    let service = tower::service_fn(|request: Request<Body>| async move {
        let by_request = request.request_context().unwrap().trace_context();
        let carried = RequestContext::carry(async {
            RequestContext::current().and_then(|context| context.trace_context())
        });
        let by_task = tokio::spawn(carried).await.unwrap();
        let message = by_task.unwrap().to_string();
        assert_eq!(message.parse::<TraceContext>().ok(), by_request);
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(message)))
    });
    let mut service = TraceContextLayer::server().layer(service);
    let sent = request(&[("traceparent", &caller("03"))]);
    let answer = service.ready().await.unwrap().call(sent).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[test]
fn propagators_are_read_as_opentelemetry_names_them_and_every_wrong_one_is_named() {
    for (list, formats) in [
        ("tracecontext,baggage", Formats::W3C),
        (" baggage , tracecontext ", Formats::W3C),
        ("b3", Formats::new([Format::B3Single]).with_baggage(false)),
        (
            "b3multi,tracecontext,b3multi",
            Formats::new([Format::B3Multi, Format::W3c]).with_baggage(false),
        ),
        ("none", Formats::NONE),
    ] {
        assert_eq!(Formats::parse(list).unwrap(), formats, "{list}");
    }
    let error = Formats::parse("jaeger,tracecontext,xray,none")
        .unwrap_err()
        .to_string();
    for wrong in [
        "\"jaeger\"",
        "\"xray\"",
        "\"none\" beside others",
        "tracecontext, baggage, b3",
    ] {
        assert!(error.contains(wrong), "{error}");
    }
    assert!(Formats::parse(" , ").is_err());
}
