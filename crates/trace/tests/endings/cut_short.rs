//! Before its end: given up, broken off, panicked.

use super::*;

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
