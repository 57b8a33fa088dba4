//! The body of an answer whose head did not say enough.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use portcullis_core::{AtHead, ClassifyHttp, Clock, Outcome, Protocol, SystemClock};

use crate::Permit;

/// A body that tells the circuit how it ended: with its trailers, without any, or broken off. Whoever drops it before
/// says nothing about the dependency.
#[pin_project]
pub struct WatchedBody<B, K, C: Clock = SystemClock> {
    #[pin]
    body: B,
    watch: Option<Watch<K, C>>,
}

struct Watch<K, C: Clock> {
    permit: Permit<C>,
    classify: K,
    protocol: Protocol,
}

// === impl WatchedBody ===

impl<B, K, C: Clock> WatchedBody<B, K, C> {
    pub(super) fn new(body: B, watch: Option<(Permit<C>, K)>, protocol: Protocol) -> Self {
        let watch = watch.map(|(permit, classify)| Watch {
            permit,
            classify,
            protocol,
        });
        Self { body, watch }
    }

    /// The body of an answer to a request of `protocol`, for whoever makes calls without the layer: settles `permit`
    /// by head and body.
    #[must_use]
    pub fn of(
        response: Response<B>,
        mut permit: Option<Permit<C>>,
        classify: K,
        protocol: Protocol,
    ) -> Response<Self>
    where
        B: Body,
        K: ClassifyHttp,
    {
        if permit.is_some() {
            let outcome = match classify.head(protocol, response.status(), response.headers()) {
                AtHead::Settled(outcome) => Some(outcome),
                AtHead::Open if response.body().is_end_stream() => {
                    Some(classify.end(protocol, None))
                }
                AtHead::Open => None,
            };
            if let Some(outcome) = outcome
                && let Some(permit) = permit.take()
            {
                permit.settle(outcome);
            }
        }
        if let Some(permit) = &mut permit {
            permit.answered();
        }
        let watch = permit.map(|permit| (permit, classify));
        response.map(|body| Self::new(body, watch, protocol))
    }

    /// The body inside.
    pub const fn get_ref(&self) -> &B {
        &self.body
    }
}

impl<B, K, C> Body for WatchedBody<B, K, C>
where
    B: Body,
    K: ClassifyHttp,
    C: Clock,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        let Some(watch) = this.watch else {
            return Poll::Ready(frame);
        };
        let outcome = match &frame {
            None => Some(watch.classify.end(watch.protocol, None)),
            Some(Err(_)) => Some(Outcome::Failure),
            Some(Ok(frame)) => match frame.trailers_ref() {
                Some(trailers) => Some(watch.classify.end(watch.protocol, Some(trailers))),
                // Servers do not ask again once this is true.
                None if this.body.is_end_stream() => Some(watch.classify.end(watch.protocol, None)),
                None => None,
            },
        };
        if let Some(outcome) = outcome
            && let Some(watch) = this.watch.take()
        {
            watch.permit.settle(outcome);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B, K, C: Clock> fmt::Debug for WatchedBody<B, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody").finish_non_exhaustive()
    }
}
