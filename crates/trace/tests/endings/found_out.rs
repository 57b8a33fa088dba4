//! What is there when it ends, and while it goes on.

use super::*;

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
