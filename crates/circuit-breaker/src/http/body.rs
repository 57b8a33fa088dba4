//! The body of an answer whose head did not say enough.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project::{pin_project, pinned_drop};
use portcullis_core::{AtHead, ClassifyHttp, Clock, Outcome, Protocol, SystemClock};

use super::request::Broken;
use crate::Permit;
use crate::guard::OnPanic;

/// A body that tells the circuit how it ended: with its trailers, without any, or broken off; or that whoever read it
/// wanted no more of it.
#[pin_project(PinnedDrop)]
pub struct WatchedBody<B, K: ClassifyHttp, C: Clock = SystemClock> {
    #[pin]
    body: B,
    watch: Option<Watch<K, C>>,
}

struct Watch<K, C: Clock> {
    /// There until it is settled.
    permit: Option<Permit<C>>,
    classify: K,
    protocol: Protocol,
    broken: Option<Broken>,
}

// === impl WatchedBody ===

impl<B, K: ClassifyHttp, C: Clock> WatchedBody<B, K, C> {
    /// A body that nobody watches.
    pub(super) const fn unwatched(body: B) -> Self {
        Self { body, watch: None }
    }

    /// The body of an answer to a request of `protocol`, for whoever makes calls without the layer: settles `permit`
    /// by head and body.
    #[must_use]
    pub fn of(
        response: Response<B>,
        permit: Option<Permit<C>>,
        classify: K,
        protocol: Protocol,
    ) -> Response<Self>
    where
        B: Body,
    {
        Self::broken_by(response, permit, classify, protocol, None)
    }

    /// The same, and the caller may break its request off meanwhile.
    pub(super) fn broken_by(
        response: Response<B>,
        mut permit: Option<Permit<C>>,
        classify: K,
        protocol: Protocol,
        broken: Option<Broken>,
    ) -> Response<Self>
    where
        B: Body,
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
        let watch = permit.map(|permit| Watch {
            permit: Some(permit),
            classify,
            protocol,
            broken,
        });
        response.map(|body| Self { body, watch })
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
        let Some(watch) = this.watch else {
            return this.body.poll_frame(cx);
        };
        let guard = OnPanic(&mut watch.permit);
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        drop(guard);
        let end = |trailers| Some(watch.classify.end(watch.protocol, trailers));
        let outcome = match &frame {
            None => end(None),
            // An answer to half a request is none.
            Some(Err(_)) if watch.broken.as_ref().is_some_and(Broken::is_set) => {
                Some(Outcome::Ignore)
            }
            Some(Err(_)) => Some(Outcome::Failure),
            Some(Ok(frame)) => match frame.trailers_ref() {
                Some(trailers) => end(Some(trailers)),
                // Servers do not ask again once one of these is so.
                None if this.body.is_end_stream() || this.body.size_hint().exact() == Some(0) => {
                    end(None)
                }
                None => None,
            },
        };
        if let Some(outcome) = outcome
            && let Some(permit) = watch.permit.take()
        {
            permit.settle(outcome);
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

#[pinned_drop]
impl<B, K: ClassifyHttp, C: Clock> PinnedDrop for WatchedBody<B, K, C> {
    fn drop(self: Pin<&mut Self>) {
        // Not by a panic: what the answer was like is not known then.
        if let Some(watch) = self.project().watch
            && let Some(permit) = watch.permit.take()
            && !std::thread::panicking()
        {
            permit.settle(watch.classify.dropped(watch.protocol));
        }
    }
}

impl<B, K: ClassifyHttp, C: Clock> fmt::Debug for WatchedBody<B, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody").finish_non_exhaustive()
    }
}
