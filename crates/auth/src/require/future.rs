//! The future of one request through the middleware.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project::pin_project;
use portcullis_core::{Protocol, Refusal, ResponseBody};

/// The response of [`Require`](super::Require).
#[pin_project]
pub struct RequireFuture<F> {
    #[pin]
    state: State<F>,
}

#[pin_project(project = StateProj)]
enum State<F> {
    /// Nothing is lacking: the inner service works.
    Calling(#[pin] F),
    /// The answer is ours.
    Refused(Refusal, Protocol),
}

// === impl RequireFuture ===

impl<F> RequireFuture<F> {
    pub(super) const fn calling(future: F) -> Self {
        Self {
            state: State::Calling(future),
        }
    }

    pub(super) const fn refused(refusal: Refusal, protocol: Protocol) -> Self {
        Self {
            state: State::Refused(refusal, protocol),
        }
    }
}

impl<F, B, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling(future) => future
                .poll(cx)
                .map_ok(|response| response.map(ResponseBody::inner)),
            StateProj::Refused(refusal, protocol) => Poll::Ready(Ok(refusal.response(*protocol))),
        }
    }
}

impl<F> fmt::Debug for RequireFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
