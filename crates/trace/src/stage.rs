//! A layer as a stage.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use portcullis_core::StageTimer;
use tower_layer::Layer;
use tower_service::Service;

/// Makes a stage of what is inside, up to the next stage: put one before each layer whose time is of interest, and one
/// before the service itself.
///
/// A stage lasts from the call to the head of the answer. Its own time is what the stages in it did not take. Where a
/// request is [not timed](crate::Timings), it costs a look at a thread-local number.
///
/// # Limitations
/// What a layer waits for before it is called, in `poll_ready` (a limit of concurrency, a buffer that is full), is no
/// time of a request yet: no stage has it, and no span.
///
/// # Examples
/// ```
/// use portcullis_trace::{StageLayer, Timings, TraceContextLayer};
/// use tower::util::MapRequestLayer;
/// use tower::{Layer, service_fn};
/// # use std::convert::Infallible;
/// # async fn handler(_: http::Request<String>) -> Result<http::Response<String>, Infallible> { unreachable!() }
///
/// let stack = (
///     TraceContextLayer::server().with_timings(Timings::new()),
///     StageLayer::new("rewrite"),
///     MapRequestLayer::new(|request: http::Request<String>| request),
///     StageLayer::new("handler"),
/// );
/// let service = stack.layer(service_fn(handler));
/// # let _ = service;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StageLayer {
    name: &'static str,
}

/// A service that is a stage. Made by [`StageLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Stage<S> {
    inner: S,
    name: &'static str,
}

/// The answer of a [`Stage`].
///
/// # Cancel safety
/// As the future inside; dropped, the stage is over.
#[pin_project]
pub struct StageFuture<F> {
    #[pin]
    future: F,
    timer: StageTimer,
}

// === impl StageLayer ===

impl StageLayer {
    /// A stage with this name: a stable label, and a token of HTTP, such as `auth`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }
}

impl<S> Layer<S> for StageLayer {
    type Service = Stage<S>;

    fn layer(&self, inner: S) -> Stage<S> {
        Stage {
            inner,
            name: self.name,
        }
    }
}

// === impl Stage ===

impl<S, R> Service<R> for Stage<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = StageFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        let mut timer = StageTimer::begin(self.name);
        let future = timer.run(|| self.inner.call(request));
        StageFuture { future, timer }
    }
}

// === impl StageFuture ===

impl<F: Future> Future for StageFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.timer.run(|| this.future.poll(cx)));
        *this.timer = StageTimer::OFF;
        Poll::Ready(answer)
    }
}

impl<F> fmt::Debug for StageFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageFuture").finish_non_exhaustive()
    }
}
