//! The future of a request that is traced.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project::pin_project;
use portcullis_core::{Clock, Observer, SystemClock};

use crate::body::{Asked, TraceBody};
use crate::watch::Running;

/// The answer of a [`TraceServer`](crate::TraceServer) or a [`TraceClient`](crate::TraceClient).
///
/// # Cancel safety
/// Dropping it gives the request up, which is what an observer is told.
#[pin_project]
pub struct ResponseFuture<F, O: Observer = (), C: Clock = SystemClock> {
    #[pin]
    future: F,
    running: Running<O, C>,
    asked: Asked,
}

// === impl ResponseFuture ===

impl<F, O: Observer, C: Clock> ResponseFuture<F, O, C> {
    pub(crate) const fn new(future: F, asked: Asked, running: Running<O, C>) -> Self {
        Self {
            future,
            running,
            asked,
        }
    }
}

impl<F, O, C, B, E> Future for ResponseFuture<F, O, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    O: Observer,
    C: Clock,
    B: Body,
{
    type Output = Result<Response<TraceBody<B, O, C>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.running.scope(|| this.future.poll(cx)));
        let mut running = this.running.take();
        Poll::Ready(match result {
            Ok(response) => Ok(TraceBody::answer(response, *this.asked, running)),
            Err(error) => {
                running.fail();
                Err(error)
            }
        })
    }
}

impl<F, O: Observer, C: Clock> fmt::Debug for ResponseFuture<F, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
