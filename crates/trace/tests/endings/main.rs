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

mod body;
mod cut_short;
mod found_out;
mod grpc;
#[path = "../kit/mod.rs"]
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
