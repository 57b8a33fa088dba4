//! What one request shares.

use std::time::Instant;

use http::{Extensions, Request};

use super::*;
use crate::{ClientIp, Identity, IdentityParts, Provenance, TraceContext};

fn identity(issuer: &str) -> Identity {
    Identity::new(IdentityParts::new(issuer), Provenance::Fresh)
}

#[test]
fn without_a_context_the_identity_is_an_extension_of_its_own() {
    let mut request = Request::new(());
    identity("a").attach(request.extensions_mut());
    assert_eq!(request.identity().unwrap().issuer(), "a");
    assert!(request.request_context().is_none());
}

#[test]
fn an_outer_layer_reads_what_an_inner_one_filled() {
    let mut request = Request::new(());
    let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
    identity("a").attach(request.extensions_mut());
    assert_eq!(outer.identity().unwrap().issuer(), "a");
    assert!(
        request.extensions().get::<Identity>().is_none(),
        "one insert is enough"
    );
}

#[test]
fn the_innermost_identity_is_the_one_that_handlers_see() {
    let mut request = Request::new(());
    let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
    identity("outer").attach(request.extensions_mut());
    identity("inner").attach(request.extensions_mut());
    assert_eq!(request.identity().unwrap().issuer(), "inner");
    assert_eq!(outer.identity().unwrap().issuer(), "outer");
}

#[test]
fn a_context_between_two_layers_does_not_let_the_outer_identity_win() {
    let mut request = Request::new(());
    identity("outer").attach(request.extensions_mut());
    RequestContext::ensure(request.extensions_mut(), Instant::now);
    identity("inner").attach(request.extensions_mut());
    assert_eq!(request.identity().unwrap().issuer(), "inner");
}

#[test]
fn a_caller_that_was_taken_back_is_gone_until_another_comes() {
    for with_context in [false, true] {
        let mut request = Request::new(());
        if with_context {
            RequestContext::ensure(request.extensions_mut(), Instant::now);
        }
        Identity::detach(request.extensions_mut());
        identity("outer").attach(request.extensions_mut());
        Identity::detach(request.extensions_mut());
        assert!(request.identity().is_none(), "{with_context}");
        identity("inner").attach(request.extensions_mut());
        assert_eq!(request.identity().unwrap().issuer(), "inner");
    }
}

#[test]
fn the_address_that_was_told_first_stays() {
    let context = RequestContext::new(Instant::now());
    assert_eq!(context.client(), None);
    let address = |ip: [u8; 4]| {
        let peer = std::net::IpAddr::from(ip);
        ClientIp::peer()
            .resolve(peer, &http::HeaderMap::new())
            .unwrap()
    };
    assert!(context.set_client(address([192, 0, 2, 1])));
    assert!(!context.set_client(address([192, 0, 2, 2])));
    assert_eq!(context.client(), Some(address([192, 0, 2, 1])));
    assert!(!format!("{context:?}").contains("192.0.2.1"));
}

#[test]
fn an_outer_layer_sees_that_an_inner_one_answered_by_itself() {
    let mut request = Request::new(());
    let outer = RequestContext::ensure(request.extensions_mut(), Instant::now).clone();
    outer.set_verdict("ok");
    assert!(!outer.refused(), "a verdict is no answer");
    let inner = request.request_context().unwrap().clone();
    inner.note_refusal();
    assert!(outer.refused());
    inner.set_verdict("ok");
    assert!(outer.refused(), "the mark stays");
    assert!(format!("{outer:?}").contains("refused: true"));
}

#[test]
fn one_request_does_not_bear_the_mark_of_another() {
    let refused = RequestContext::new(Instant::now());
    refused.note_refusal();
    assert!(!RequestContext::new(Instant::now()).refused());
}

#[test]
fn ensure_keeps_the_first_arrival() {
    let mut extensions = Extensions::new();
    let first = RequestContext::ensure(&mut extensions, Instant::now).arrived();
    let again = RequestContext::ensure(&mut extensions, || unreachable!("found")).arrived();
    assert_eq!(first, again);
}

fn at_span(sampled: bool) -> (RequestContext, TraceContext) {
    let own = TraceContext::root(sampled);
    let trace = crate::RequestTrace::new(own);
    (RequestContext::traced(Instant::now(), trace), own)
}

fn current_span() -> Option<TraceContext> {
    RequestContext::current().and_then(|context| context.trace_context())
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[test]
fn a_request_is_current_within_its_future_and_nowhere_else() {
    let (outer, outer_span) = at_span(true);
    let (inner, inner_span) = at_span(true);
    let mut inside = Box::pin(inner.in_scope(async { current_span() }));
    let mut future = Box::pin(outer.in_scope(async {
        let before = current_span();
        (before, inside.as_mut().await, current_span())
    }));
    assert_eq!(current_span(), None);
    let std::task::Poll::Ready(seen) = poll_once(future.as_mut()) else {
        unreachable!("it never waits");
    };
    assert_eq!(seen, (Some(outer_span), Some(inner_span), Some(outer_span)));
    assert_eq!(current_span(), None);
}

#[test]
fn a_future_that_panics_leaves_no_request_behind() {
    let (context, span) = at_span(true);
    let mut calls = 0;
    let mut future = Box::pin(context.in_scope(std::future::poll_fn(|_| {
        calls += 1;
        assert!(calls > 1, "the first time");
        std::task::Poll::Ready(current_span())
    })));
    let panicking = std::panic::AssertUnwindSafe(|| poll_once(future.as_mut()));
    assert!(std::panic::catch_unwind(panicking).is_err());
    assert_eq!(current_span(), None);
    assert_eq!(
        poll_once(future.as_mut()),
        std::task::Poll::Ready(Some(span))
    );
}

#[test]
fn work_is_carried_to_another_thread_with_its_request() {
    let (context, span) = at_span(true);
    let entered = context.enter();
    let mut carried = Box::pin(RequestContext::carry(async { current_span() }));
    drop(entered);
    assert_eq!(current_span(), None);
    let seen = std::thread::spawn(move || poll_once(carried.as_mut()));
    assert_eq!(seen.join().unwrap(), std::task::Poll::Ready(Some(span)));
    let mut without = Box::pin(RequestContext::carry(async { current_span() }));
    assert_eq!(poll_once(without.as_mut()), std::task::Poll::Ready(None));
}

#[test]
fn a_wish_to_be_sampled_waits_for_the_caller_and_is_granted_once() {
    let limit = std::sync::Arc::new(crate::PerSecond::new(1, Instant::now()));
    let wishing = || {
        let trace = crate::RequestTrace::new(TraceContext::root(false));
        let trace = trace.with_wish(Some(std::sync::Arc::clone(&limit)));
        RequestContext::traced(Instant::now(), trace)
    };
    let sampled = |context: &RequestContext| context.trace_context().unwrap().flags.is_sampled();
    let (first, second) = (wishing(), wishing());
    assert!(!sampled(&first), "nobody is known");
    first.set_identity(identity("a"));
    second.set_identity(identity("b"));
    assert!(sampled(&first) && sampled(&first), "granted, and for good");
    assert!(!sampled(&second), "one in a second");
}

#[test]
fn the_trace_that_was_read_first_stays() {
    let (context, span) = at_span(true);
    let other = crate::RequestTrace::new(TraceContext::root(true));
    assert!(!context.set_trace(other));
    assert_eq!(context.trace_context(), Some(span));
    let later = RequestContext::new(Instant::now());
    assert!(later.set_trace(crate::RequestTrace::new(span)));
    assert_eq!(later.trace_context(), Some(span));
}
