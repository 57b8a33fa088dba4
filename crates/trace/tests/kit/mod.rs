//! Services that show what they saw, and observers that remember.
#![allow(dead_code)] // each test file uses a part of it
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

pub(crate) mod capture;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use portcullis_core::{
    Ending, GrpcStatus, Observer, RequestBegan, RequestContext, RequestEnded, Side, TraceContext,
    TraceEvent,
};
use tower_service::Service;

pub(crate) const T: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const S: &str = "b7ad6b7169203331";

pub(crate) type Body = Full<Bytes>;

/// The value of a `traceparent` of the caller with these flags.
pub(crate) fn caller(flags: &str) -> String {
    format!("00-{T}-{S}-{flags}")
}

/// A request with these headers.
pub(crate) fn request(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("http://orders.internal/orders?id=7");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::default()).unwrap()
}

/// A service that answers with nothing, and what it saw of each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Saw>>>);

#[derive(Clone, Debug)]
pub(crate) struct Saw {
    pub(crate) headers: HeaderMap,
    pub(crate) context: Option<RequestContext>,
    /// The one that was current.
    pub(crate) current: Option<TraceContext>,
}

// === impl Seen ===

impl Seen {
    /// What it saw of the only request.
    pub(crate) fn only(&self) -> Saw {
        let saw = self.all();
        assert_eq!(saw.len(), 1);
        saw[0].clone()
    }

    pub(crate) fn all(&self) -> Vec<Saw> {
        self.0.lock().unwrap().clone()
    }
}

impl Service<Request<Body>> for Seen {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.lock().unwrap().push(Saw {
            headers: request.headers().clone(),
            context: RequestContext::find(request.extensions()).cloned(),
            current: RequestContext::current().and_then(|context| context.trace_context()),
        });
        ready(Ok(Response::new(Body::default())))
    }
}

// === impl Saw ===

impl Saw {
    /// The span of the request.
    pub(crate) fn own(&self) -> TraceContext {
        self.context.as_ref().unwrap().trace_context().unwrap()
    }

    /// The span that its headers name.
    pub(crate) fn sent(&self) -> TraceContext {
        let values: Vec<_> = self.headers.get_all("traceparent").iter().collect();
        assert_eq!(values.len(), 1, "{values:?}");
        TraceContext::parse(values[0].as_bytes()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An observer that remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    in_flight: i64,
    ended: Vec<Over>,
    traces: Vec<TraceEvent>,
}

/// One that ended.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    pub(crate) side: Side,
    pub(crate) method: &'static str,
    pub(crate) span: TraceContext,
    pub(crate) status: Option<u16>,
    pub(crate) grpc: Option<GrpcStatus>,
    pub(crate) end: Ending,
    pub(crate) took: Duration,
    pub(crate) head_after: Option<Duration>,
    pub(crate) route: Option<String>,
    pub(crate) issuer: Option<String>,
}

// === impl Recorder ===

impl Recorder {
    pub(crate) fn in_flight(&self) -> i64 {
        self.0.lock().unwrap().in_flight
    }

    pub(crate) fn ended(&self) -> Vec<Over> {
        self.0.lock().unwrap().ended.clone()
    }

    pub(crate) fn traces(&self) -> Vec<TraceEvent> {
        self.0.lock().unwrap().traces.clone()
    }

    /// The only one, after which none is under way.
    pub(crate) fn only(&self) -> Over {
        let ended = self.ended();
        assert_eq!((ended.len(), self.in_flight()), (1, 0), "{ended:?}");
        ended[0].clone()
    }
}

impl Observer for Recorder {
    fn trace(&self, event: &TraceEvent) {
        self.0.lock().unwrap().traces.push(*event);
    }

    fn request_began(&self, _: &RequestBegan) {
        self.0.lock().unwrap().in_flight += 1;
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        let mut recorded = self.0.lock().unwrap();
        recorded.in_flight -= 1;
        recorded.ended.push(Over {
            side: event.began.side,
            method: event.began.method,
            span: event.span,
            status: event.status.map(|status| status.as_u16()),
            grpc: event.grpc_status,
            end: event.end,
            took: event.took,
            head_after: event.head_after,
            route: event
                .context
                .and_then(|context| Some(context.route()?.to_owned())),
            issuer: event
                .context
                .and_then(|context| Some(context.identity()?.issuer().to_owned())),
        });
    }
}
