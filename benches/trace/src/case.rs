//! One case: who listens, what is asked, and what must become of it.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt as _;
use portcullis_bench_harness::{Case, Lane, Tally};
use portcullis_core::{RequestContext, RequestTrace, TraceContext};
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt as _};

use crate::listen::{Listening, lines_written};
use crate::must::Must;
use crate::request::{Asked, Incoming, Template};
use crate::service::{Seen, Transport};

/// Everything about a case but the layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) listening: Listening,
    pub(crate) asking: Asking,
    pub(crate) must: Must,
    /// How many spans end with each operation, and are told of where anybody writes lines.
    pub(crate) spans: u64,
}

/// What an operation is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asking {
    /// A request comes in.
    Incoming(Incoming),
    /// A call is made while a request is served.
    Outgoing,
}

/// Any service that a case is about.
pub(crate) trait Serves<B>:
    Service<Asked, Response = Response<B>, Error = Infallible> + Send + 'static
{
}

impl<S, B> Serves<B> for S where
    S: Service<Asked, Response = Response<B>, Error = Infallible> + Send + 'static
{
}

/// A case of the service that `make` puts round a transport; first it is tried with one that is watched.
///
/// # Panics
/// If a request does not come to what it must.
pub(crate) fn case<S, B>(name: &str, setting: Setting, make: impl Fn(Transport) -> S) -> Case
where
    S: Serves<B>,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    let (watched, last) = Transport::watched();
    let mut tried = make(watched);
    setting.listening.begin();
    let runtime = runtime();
    let mut try_once = || -> Seen {
        let tally = runtime.block_on(setting.asking.ask(&mut tried, 1));
        assert_eq!(tally.status, 200, "{name}");
        last()
    };
    let (first, second) = (try_once(), try_once());
    setting.must.hold(name, setting.asking, &first, &second);
    Case::new(name, 1, || setting.lane(name, make(Transport::default()))).passed()
}

// === impl Setting ===

impl Setting {
    fn lane<S, B>(self, name: &str, mut service: S) -> Lane
    where
        S: Serves<B>,
        B: Body<Data = Bytes> + Unpin + 'static,
    {
        let (runtime, name) = (runtime(), name.to_owned());
        let spans = if self.listening.writes() {
            self.spans
        } else {
            0
        };
        Lane::new(move |operations| {
            self.listening.begin();
            let before = lines_written();
            let asking = self.asking.ask(&mut service, operations);
            let start = Instant::now();
            let tally = runtime.block_on(tokio::task::unconstrained(asking));
            let took = Some(start.elapsed());
            let lines = lines_written() - before;
            assert_eq!(lines, operations * spans, "lines of {name}");
            Tally { took, ..tally }
        })
    }
}

// === impl Asking ===

impl Asking {
    async fn ask<S, B>(self, service: &mut S, operations: u64) -> Tally
    where
        S: Serves<B>,
        B: Body<Data = Bytes> + Unpin,
    {
        match self {
            Self::Incoming(incoming) => {
                repeat(service, &Template::incoming(incoming), operations).await
            }
            Self::Outgoing => {
                let trace = RequestTrace::new(caller().child()).with_parent(caller().span_id);
                let served = RequestContext::traced(Instant::now(), trace);
                let calls = Box::pin(async move {
                    let template = Template::outgoing();
                    repeat(service, &template, operations).await
                });
                served.in_scope(calls).await
            }
        }
    }
}

/// The span that every trace here begins with.
pub(crate) fn caller() -> TraceContext {
    let caller = crate::request::SAMPLED.parse();
    caller.expect("a traceparent")
}

async fn repeat<S, B>(service: &mut S, template: &Template, operations: u64) -> Tally
where
    S: Serves<B>,
    B: Body<Data = Bytes> + Unpin,
{
    let mut tally = Tally::default();
    for _ in 0..operations {
        let request = template.make();
        let Ok(ready) = service.ready().await;
        let Ok(response) = ready.call(request).await;
        tally.add(response.status().as_u16());
        // To its end, as a server does it.
        let mut body = response.into_body();
        while !body.is_end_stream() {
            let frame = body.frame().await;
            assert!(black_box(frame).is_some_and(|frame| frame.is_ok()));
        }
        drop(black_box(body));
    }
    tally
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .build()
        .expect("a runtime of one thread")
}
