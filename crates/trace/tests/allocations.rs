//! How often a request that is traced allocates.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use http::{Request, Response};
use http_body_util::Empty;
use portcullis_trace::TraceContextLayer;
use tower::{Layer, Service};

mod kit;

type Body = Empty<bytes::Bytes>;

/// What a connection leaves among the extensions.
#[derive(Clone)]
struct Connection;

#[derive(Clone)]
struct Transport;

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(request.headers().contains_key("traceparent"));
        ready(Ok(Response::new(Body::new())))
    }
}

/// Makes a call for the request that it serves.
#[derive(Clone)]
struct Handler<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Handler<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        // A call of its own, which has headers but no extensions.
        request.extensions_mut().clear();
        self.0.call(request)
    }
}

fn incoming(headers: &[(&str, &str)], with_extension: bool) -> Request<Body> {
    let mut request = kit::request(headers).map(|_| Body::new());
    if with_extension {
        request.extensions_mut().insert(Connection);
    }
    request
}

/// How often serving `request` allocates, what it allocates for itself not counted.
fn count<S>(service: &mut S, request: Request<Body>) -> u64
where
    S: Service<Request<Body>, Error = Infallible>,
    S::Response: Sized,
{
    let mut answer = None;
    let counted = measure(|| {
        let mut future = std::pin::pin!(service.call(request));
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(Ok(response)) = Pin::as_mut(&mut future).poll(&mut cx) {
            answer = Some(response);
        }
    });
    assert!(answer.is_some());
    counted.count_total
}

#[test]
fn a_server_and_a_client_without_a_subscriber_allocate_no_more_than_four_times() {
    let client = TraceContextLayer::client().layer(Transport);
    let mut both = TraceContextLayer::server().layer(Handler(client));
    let traceparent = kit::caller("01");
    let request = || incoming(&[("traceparent", &traceparent), ("host", "a")], true);
    count(&mut both, request());
    let allocations = count(&mut both, request());
    println!("server and client: {allocations}");
    // The context, its place among the extensions, the header.
    assert!((1..=4).contains(&allocations), "{allocations}");
}

#[test]
fn a_request_without_any_extension_pays_for_their_map() {
    let client = TraceContextLayer::client().layer(Transport);
    let mut both = TraceContextLayer::server().layer(Handler(client));
    let traceparent = kit::caller("01");
    let request = || incoming(&[("traceparent", &traceparent), ("host", "a")], false);
    count(&mut both, request());
    let allocations = count(&mut both, request());
    println!("server and client, no extension before: {allocations}");
    assert!((1..=5).contains(&allocations), "{allocations}");
}

#[test]
fn what_goes_along_costs_no_more_than_its_first_sharing() {
    let client = TraceContextLayer::client().layer(Transport);
    let mut both = TraceContextLayer::server().layer(Handler(client));
    let traceparent = kit::caller("01");
    let request = || {
        let sent = [
            ("traceparent", &*traceparent),
            ("tracestate", "vendor=1,other=2"),
            ("baggage", "tenant=7"),
        ];
        incoming(&sent, true)
    };
    count(&mut both, request());
    let allocations = count(&mut both, request());
    println!("with tracestate and baggage: {allocations}");
    // A value that is shared for the first time moves what it counts with into a place of its own.
    assert!((1..=6).contains(&allocations), "{allocations}");
}
