//! When a request ends, and how: each began once, and ends once.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use portcullis_core::{Ending, GrpcStatus, Phase, Side, TraceContext};
use portcullis_testing::TestClock;
use portcullis_trace::{TraceBody, TraceContextLayer};
use tower::{Layer, Service};

mod kit;

use kit::{Body, Over, Recorder};

/// What a body does next.
enum Step {
    Data(&'static str),
    Trailers(&'static [(&'static str, &'static str)]),
    Fail,
    Wait,
    Panic,
}

/// A body that does as it is told, and says as it is told whether it is over.
struct Script {
    steps: VecDeque<Step>,
    /// Whether it says that it is over once its steps are.
    tells_end: bool,
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script {
        steps: steps.into_iter().collect(),
        tells_end: false,
    }
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(headers(trailers)))),
            Some(Step::Fail) => Some(Err("broken")),
            Some(Step::Wait) => return Poll::Pending,
            Some(Step::Panic) => panic!("the body"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.tells_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let one = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), value.parse().unwrap())
    };
    pairs.iter().map(one).collect()
}

type Answer = Response<TraceBody<Script, Recorder, TestClock>>;

/// A server whose handler gives one answer.
struct Server {
    recorder: Recorder,
    clock: TestClock,
}

impl Server {
    fn new() -> Self {
        Self {
            recorder: Recorder::default(),
            clock: TestClock::new(),
        }
    }

    fn answer(&self, request: Request<Body>, answer: Response<Script>) -> Answer {
        let answer = Arc::new(Mutex::new(Some(answer)));
        let handler = tower::service_fn(move |_: Request<Body>| {
            std::future::ready(Ok::<_, Infallible>(answer.lock().unwrap().take().unwrap()))
        });
        let layer = TraceContextLayer::server().observed_by(self.recorder.clone());
        let mut service = layer.with_clock(self.clock.clone()).layer(handler);
        let mut future = Box::pin(service.call(request));
        assert_eq!(self.recorder.in_flight(), 1);
        match poll(future.as_mut()) {
            Poll::Ready(Ok(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Reads the answer as a server does: not beyond where the body says that it is over.
    fn read(&self, answer: &mut Answer) -> Option<Over> {
        while !answer.body().is_end_stream() {
            match next(answer) {
                Poll::Ready(Some(Ok(_))) => {}
                _ => break,
            }
        }
        self.recorder.ended().pop()
    }
}

fn get() -> Request<Body> {
    kit::request(&[])
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn next(answer: &mut Answer) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
    let body = Pin::new(answer.body_mut());
    body.poll_frame(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_request_ends_with_the_last_frame_of_its_answer() {
    let server = Server::new();
    let body = script([Step::Data("a"), Step::Data("b")]);
    let mut answer = server.answer(get(), Response::new(body));
    server.clock.advance_sync(Duration::from_millis(5));
    assert!(next(&mut answer).is_ready() && next(&mut answer).is_ready());
    assert!(
        server.recorder.ended().is_empty(),
        "who knows whether more comes"
    );
    server.clock.advance_sync(Duration::from_millis(5));
    assert!(matches!(next(&mut answer), Poll::Ready(None)));
    let over = server.recorder.only();
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
    assert_eq!(
        (over.side, over.method, over.status),
        (Side::Server, "GET", Some(200))
    );
    assert_eq!(over.took, Duration::from_millis(10));
    assert_eq!(over.head_after, Some(Duration::ZERO));
}

#[test]
fn it_ends_with_the_frame_after_which_the_body_says_that_it_is_over() {
    let server = Server::new();
    let mut body = script([Step::Data("a"), Step::Data("b")]);
    body.tells_end = true;
    let mut answer = server.answer(get(), Response::new(body));
    assert!(next(&mut answer).is_ready());
    assert!(server.recorder.ended().is_empty());
    assert!(next(&mut answer).is_ready());
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_as_many_bytes_as_the_head_announced_for_nobody_asks_again() {
    let server = Server::new();
    let body = script([Step::Data("abc"), Step::Data("de")]);
    let answer = Response::builder().header("content-length", "5").body(body);
    let mut answer = server.answer(get(), answer.unwrap());
    assert!(next(&mut answer).is_ready());
    assert!(server.recorder.ended().is_empty());
    assert!(next(&mut answer).is_ready());
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_its_trailers() {
    let server = Server::new();
    let body = script([Step::Data("a"), Step::Trailers(&[("x", "1")])]);
    let mut answer = server.answer(get(), Response::new(body));
    assert!(next(&mut answer).is_ready() && next(&mut answer).is_ready());
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn it_ends_with_its_head_where_no_body_follows() {
    let body = || script([Step::Data("never asked for")]);
    let status = |code: u16| Response::builder().status(code).body(body()).unwrap();
    let asked = |method: Method| {
        let mut request = get();
        *request.method_mut() = method;
        request
    };
    let mut empty = script([]);
    empty.tells_end = true;
    let announced = Response::builder()
        .header("content-length", "0")
        .body(body());
    for (what, request, answer) in [
        ("HEAD", asked(Method::HEAD), status(200)),
        ("101", get(), status(101)),
        ("204", get(), status(204)),
        ("304", get(), status(304)),
        ("a tunnel", asked(Method::CONNECT), status(200)),
        ("an empty body", get(), Response::new(empty)),
        ("no bytes announced", get(), announced.unwrap()),
    ] {
        let server = Server::new();
        let answer = server.answer(request, answer);
        assert_eq!(server.recorder.only().end, Ending::Complete, "{what}");
        // Dropped unread, which is no cancellation.
        drop(answer);
        assert_eq!(server.recorder.only().end, Ending::Complete, "{what}");
    }
}

#[test]
fn a_tunnel_that_was_not_granted_has_a_body() {
    let server = Server::new();
    let mut request = get();
    *request.method_mut() = Method::CONNECT;
    let answer = Response::builder()
        .status(403)
        .body(script([Step::Data("no")]));
    let mut answer = server.answer(request, answer.unwrap());
    assert!(server.recorder.ended().is_empty());
    assert_eq!(server.read(&mut answer).unwrap().end, Ending::Complete);
}

#[test]
fn dropped_before_its_head_it_was_given_up() {
    let recorder = Recorder::default();
    let handler = tower::service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let layer = TraceContextLayer::server().observed_by(recorder.clone());
    let mut service = layer.layer(handler);
    let mut future = Box::pin(service.call(get()));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(recorder.in_flight(), 1);
    drop(future);
    assert_eq!(recorder.only().end, Ending::Cancelled(Phase::Head));
    assert_eq!(recorder.only().status, None);
    // Not even polled.
    drop(service.call(get()));
    assert_eq!(recorder.in_flight(), 0);
    assert_eq!(recorder.ended()[1].end, Ending::Cancelled(Phase::Head));
}

#[test]
fn dropped_before_its_end_it_was_given_up_in_the_middle() {
    for steps in [
        vec![Step::Data("a"), Step::Wait],
        vec![Step::Wait],
        vec![Step::Data("a"), Step::Data("b")],
    ] {
        let server = Server::new();
        let mut answer = server.answer(get(), Response::new(script(steps)));
        let _ = next(&mut answer);
        drop(answer);
        let over = server.recorder.only();
        assert_eq!(over.end, Ending::Cancelled(Phase::Body));
        assert_eq!(over.status, Some(200));
    }
}

#[test]
fn with_a_body_that_breaks_off_it_failed() {
    let server = Server::new();
    let mut answer = server.answer(get(), Response::new(script([Step::Data("a"), Step::Fail])));
    let over = server.read(&mut answer).unwrap();
    assert_eq!(over.end, Ending::Failed(Phase::Body));
    drop(answer);
    assert_eq!(server.recorder.only().end, Ending::Failed(Phase::Body));
}

#[test]
fn with_an_error_of_the_service_it_failed_before_its_head() {
    let recorder = Recorder::default();
    let handler = tower::service_fn(|_: Request<Body>| {
        std::future::ready(Err::<Response<Body>, _>("refused"))
    });
    let layer = TraceContextLayer::client().observed_by(recorder.clone());
    let mut service = layer.layer(handler);
    let mut future = Box::pin(service.call(get()));
    assert!(matches!(poll(future.as_mut()), Poll::Ready(Err("refused"))));
    assert_eq!(recorder.only().end, Ending::Failed(Phase::Head));
    assert_eq!(recorder.only().side, Side::Client);
}

#[test]
fn a_handler_that_panics_ends_its_request_once() {
    let recorder = Recorder::default();
    let layer = TraceContextLayer::server().observed_by(recorder.clone());
    // In the call itself, and in a poll.
    let mut at_once = layer.layer(tower::service_fn(
        |_: Request<Body>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
            panic!("the handler")
        },
    ));
    let call = AssertUnwindSafe(|| drop(at_once.call(get())));
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!(recorder.only().end, Ending::Panicked(Phase::Head));
    let mut later = layer.layer(tower::service_fn(|_: Request<Body>| async {
        if true {
            panic!("the handler");
        }
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    let call = AssertUnwindSafe(|| {
        let mut future = Box::pin(later.call(get()));
        poll(future.as_mut()).is_ready()
    });
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!((recorder.ended().len(), recorder.in_flight()), (2, 0));
    assert_eq!(recorder.ended()[1].end, Ending::Panicked(Phase::Head));
    assert!(portcullis_core::RequestContext::current().is_none());
}

#[test]
fn a_panic_that_somebody_catches_is_one_all_the_same() {
    let recorder = Recorder::default();
    let layer = TraceContextLayer::server().observed_by(recorder.clone());
    let mut service = layer.layer(tower::service_fn(|_: Request<Body>| async {
        if true {
            panic!("the handler");
        }
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    let mut future = Box::pin(service.call(get()));
    let polling = AssertUnwindSafe(|| poll(future.as_mut()).is_ready());
    assert!(std::panic::catch_unwind(polling).is_err());
    // Not while it unwinds.
    drop(future);
    assert_eq!(recorder.only().end, Ending::Panicked(Phase::Head));
}

#[test]
fn a_body_that_panics_ends_its_request_once() {
    let server = Server::new();
    let mut answer = server.answer(get(), Response::new(script([Step::Panic])));
    let read = AssertUnwindSafe(move || {
        let _ = next(&mut answer);
    });
    assert!(std::panic::catch_unwind(read).is_err());
    assert_eq!(server.recorder.only().end, Ending::Panicked(Phase::Body));
}

#[test]
fn the_status_of_grpc_is_in_the_head_or_in_the_trailers_and_unknown_where_there_is_none() {
    let grpc = || kit::request(&[("content-type", "application/grpc")]);
    let answer = |head: &[(&'static str, &'static str)], steps: Vec<Step>| {
        let mut answer = Response::new(script(steps));
        answer.body_mut().tells_end = true;
        let kind = http::HeaderValue::from_static("application/grpc");
        answer.headers_mut().insert("content-type", kind);
        answer.headers_mut().extend(headers(head));
        answer
    };
    for (what, answer, status) in [
        ("trailers only", answer(&[("grpc-status", "7")], vec![]), 7),
        (
            "good",
            answer(
                &[],
                vec![Step::Data("m"), Step::Trailers(&[("grpc-status", "0")])],
            ),
            0,
        ),
        (
            "an error after messages",
            answer(
                &[],
                vec![
                    Step::Data("m"),
                    Step::Data("m"),
                    Step::Trailers(&[("grpc-status", "13")]),
                ],
            ),
            13,
        ),
        (
            "a length that is known before the trailers",
            answer(
                &[("content-length", "1")],
                vec![Step::Data("m"), Step::Trailers(&[("grpc-status", "13")])],
            ),
            13,
        ),
        ("no trailers", answer(&[], vec![Step::Data("m")]), 2),
        (
            "no status in them",
            answer(&[], vec![Step::Trailers(&[("x", "1")])]),
            2,
        ),
        (
            "a status that is none",
            answer(&[("grpc-status", "a")], vec![]),
            2,
        ),
        ("reset", answer(&[], vec![Step::Data("m"), Step::Fail]), 2),
    ] {
        let server = Server::new();
        let mut answer = server.answer(grpc(), answer);
        server.read(&mut answer);
        let over = server.recorder.only();
        assert_eq!(over.grpc, Some(GrpcStatus::from_code(status)), "{what}");
    }
    let server = Server::new();
    drop(server.answer(grpc(), answer(&[], vec![Step::Wait])));
    assert_eq!(server.recorder.only().grpc, Some(GrpcStatus::CANCELLED));
    let server = Server::new();
    server.answer(get(), answer(&[("grpc-status", "7")], vec![]));
    assert_eq!(server.recorder.only().grpc, None, "it speaks HTTP");
    // Who says that it speaks gRPC to a service of HTTP is answered by HTTP.
    let server = Server::new();
    let mut missing = Response::builder().status(404).body(script([])).unwrap();
    missing.body_mut().tells_end = true;
    server.answer(grpc(), missing);
    let over = server.recorder.only();
    assert_eq!((over.grpc, over.status), (None, Some(404)));
}

#[test]
fn a_body_that_is_polled_after_its_end_changes_nothing() {
    let server = Server::new();
    let mut answer = server.answer(get(), Response::new(script([])));
    for _ in 0..3 {
        assert!(matches!(next(&mut answer), Poll::Ready(None)));
    }
    assert_eq!(server.recorder.only().end, Ending::Complete);
}

#[test]
fn what_an_inner_layer_found_out_is_told_at_the_end_whatever_the_order() {
    use portcullis_core::{Identity, IdentityParts, Provenance, RequestExt};
    let recorder = Recorder::default();
    let handler = tower::service_fn(|request: Request<Body>| {
        let context = request.request_context().unwrap();
        context.set_route("/orders/{id}".into());
        let parts = IdentityParts::new("https://idp");
        context.set_identity(Identity::new(parts, Provenance::Fresh));
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("x"))))
    });
    let layer = TraceContextLayer::server().observed_by(recorder.clone());
    let mut service = layer.layer(handler);
    let mut future = Box::pin(service.call(get()));
    let Poll::Ready(Ok(mut answer)) = poll(future.as_mut()) else {
        panic!("it answers at once");
    };
    let body = Pin::new(answer.body_mut());
    assert!(
        body.poll_frame(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    let over = recorder.only();
    assert_eq!(over.route.as_deref(), Some("/orders/{id}"));
    assert_eq!(over.issuer.as_deref(), Some("https://idp"));
}

#[test]
fn the_request_is_current_while_its_body_is_written() {
    struct Asking(Arc<Mutex<Vec<Option<TraceContext>>>>);
    impl http_body::Body for Asking {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let current = portcullis_core::RequestContext::current();
            let mut seen = self.0.lock().unwrap();
            seen.push(current.and_then(|context| context.trace_context()));
            let data = Frame::data(Bytes::from_static(b"x"));
            Poll::Ready((seen.len() < 3).then_some(Ok(data)))
        }
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let body = Arc::clone(&seen);
    let handler = tower::service_fn(move |_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Asking(body.clone()))))
    });
    // Nobody watches.
    let mut service = TraceContextLayer::server().layer(handler);
    let sent = kit::request(&[("traceparent", &kit::caller("01"))]);
    let Poll::Ready(Ok(mut answer)) = poll(Box::pin(service.call(sent)).as_mut()) else {
        panic!("it answers at once");
    };
    for _ in 0..3 {
        let body = Pin::new(answer.body_mut());
        let _ = body.poll_frame(&mut Context::from_waker(Waker::noop()));
    }
    let traces: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|own| own.unwrap().trace_id)
        .collect();
    assert!(traces.len() == 3 && traces.iter().all(|trace| trace.to_string() == kit::T));
    assert!(portcullis_core::RequestContext::current().is_none());
}
