//! A dependency that speaks HTTP as it is told, behind the layer.
#![allow(dead_code)] // each test uses some of it

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use portcullis_circuit_breaker::http::{HttpCircuitBreakerLayer, RequestBody};
use portcullis_core::HttpOutcomes;
use portcullis_testing::TestClock;
use tower::{Service, ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use crate::kit::{Stand, Told, count, secs};

/// One step of a body.
#[derive(Debug)]
pub(crate) enum Step {
    Data,
    Wait(Duration),
    Trailers(&'static [(&'static str, &'static str)]),
    Break,
    Hang,
}

/// A body that does what it was told.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Script {
    pub(crate) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            sleep: None,
        }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Data) => {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data")))));
                }
                Some(Step::Wait(span)) => self.sleep = Some(Box::pin(tokio::time::sleep(span))),
                Some(Step::Trailers(lines)) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(headers(lines)))));
                }
                Some(Step::Break) => {
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
                Some(Step::Hang) => {
                    self.steps.push_front(Step::Hang);
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }
}

pub(crate) fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let lines = lines.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    lines.collect()
}

/// An answer.
pub(crate) fn answer(
    status: u16,
    lines: &[(&'static str, &'static str)],
    steps: impl IntoIterator<Item = Step>,
) -> Response<Script> {
    let mut response = Response::new(Script::of(steps));
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = headers(lines);
    response
}

/// A circuit that one bad call in four opens, or two slow ones, on the time of tokio.
pub(crate) fn stand() -> Stand {
    let (clock, told) = (TestClock::following_tokio(), Told::default());
    let circuit = count(4, 4)
        .failure_rate(0.25)
        .slow_calls(secs(1.0), 0.25)
        .observer(told.clone())
        .clock(clock.clone());
    Stand {
        circuit: circuit.build().unwrap(),
        clock,
        told,
    }
}

type Answered = Result<Response<portcullis_core::ResponseBody<Watched>>, Infallible>;
type Watched = portcullis_circuit_breaker::http::WatchedBody<Script, HttpOutcomes, TestClock>;

impl Stand {
    /// A call of a dependency that first reads the whole request if it is told to, takes its time, and answers.
    pub(crate) async fn ask(
        &self,
        request: Request<Script>,
        reads: bool,
        takes: Duration,
        answer: impl Fn() -> Response<Script>,
    ) -> Answered {
        let answer = &answer;
        let inner = service_fn(move |request: Request<RequestBody<Script>>| async move {
            let mut kept = None;
            if reads {
                let _ = request.into_body().collect().await;
            } else {
                kept = Some(request);
            }
            tokio::time::sleep(takes).await;
            drop(kept);
            Ok::<_, Infallible>(answer())
        });
        let layer = HttpCircuitBreakerLayer::new(self.circuit.clone());
        let mut service = layer.layer(inner);
        service.ready().await.unwrap().call(request).await
    }

    /// The same, and reads the answer to its end.
    pub(crate) async fn ask_all(
        &self,
        request: Request<Script>,
        answer: impl Fn() -> Response<Script>,
    ) {
        let response = self
            .ask(request, true, Duration::ZERO, answer)
            .await
            .unwrap();
        let _ = response.into_body().collect().await;
    }
}

pub(crate) fn get() -> Request<Script> {
    Request::new(Script::default())
}

pub(crate) fn grpc() -> Request<Script> {
    let mut request = Request::new(Script::of([Step::Data]));
    let content_type = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", content_type);
    request
}
