//! The future of a call over HTTP.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project::pin_project;
use portcullis_core::{
    ClassifyHttp, Clock, Outcome, Protocol, Refusal, RequestContext, ResponseBody,
};

use super::body::WatchedBody;
use super::request::Broken;
use crate::Permit;
use crate::guard::OnPanic;

/// The answer of an [`HttpCircuitBreaker`](super::HttpCircuitBreaker).
///
/// # Cancel safety
/// Dropping it gives the call up, which counts as [`CircuitBuilder::cancelled`](crate::CircuitBuilder::cancelled) says.
#[pin_project]
pub struct ResponseFuture<F, K, C: Clock>(#[pin] State<F, K, C>);

#[pin_project(project = StateProj)]
enum State<F, K, C: Clock> {
    Calling {
        #[pin]
        future: F,
        call: Call<K, C>,
    },
    Refused {
        refusal: Refusal,
        protocol: Protocol,
    },
}

type Answer<B, K, C> = Response<ResponseBody<WatchedBody<B, K, C>>>;

/// A call under way, and how its answer is judged.
pub(super) struct Call<K, C: Clock> {
    pub(super) permit: Option<Permit<C>>,
    pub(super) classify: Option<K>,
    pub(super) protocol: Protocol,
    context: Option<RequestContext>,
    broken: Option<Broken>,
}

// === impl ResponseFuture ===

impl<F, K, C: Clock> ResponseFuture<F, K, C> {
    pub(super) const fn calling(future: F, call: Call<K, C>) -> Self {
        Self(State::Calling { future, call })
    }

    pub(super) const fn refused(refusal: Refusal, protocol: Protocol) -> Self {
        Self(State::Refused { refusal, protocol })
    }
}

impl<F, K, C, B, E> Future for ResponseFuture<F, K, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    K: ClassifyHttp,
    C: Clock,
    B: Body<Data = Bytes>,
    E: 'static,
{
    type Output = Result<Answer<B, K, C>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StateProj::Calling { future, call } => {
                let guard = OnPanic(&mut call.permit);
                let result = ready!(future.poll(cx));
                drop(guard);
                Poll::Ready(call.answered(result))
            }
            StateProj::Refused { refusal, protocol } => {
                Poll::Ready(Ok(refusal.response(*protocol)))
            }
        }
    }
}

impl<F, K, C: Clock> fmt::Debug for ResponseFuture<F, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

// === impl Call ===

impl<K, C: Clock> Call<K, C> {
    pub(super) const fn new(
        permit: Option<Permit<C>>,
        classify: K,
        protocol: Protocol,
        context: Option<RequestContext>,
        broken: Option<Broken>,
    ) -> Self {
        Self {
            permit,
            classify: Some(classify),
            protocol,
            context,
            broken,
        }
    }

    fn answered<B, E>(&mut self, result: Result<Response<B>, E>) -> Result<Answer<B, K, C>, E>
    where
        K: ClassifyHttp,
        B: Body,
        E: 'static,
    {
        let permit = self.permit.take();
        // Polled after it was over, which is nobody's right, it has no classifier any more.
        let (Some(classify), protocol) = (self.classify.take(), self.protocol) else {
            let watched = |body| ResponseBody::inner(WatchedBody::unwatched(body));
            return result.map(|response| response.map(watched));
        };
        match result {
            Ok(response) => {
                let refused = self.context.as_ref().is_some_and(RequestContext::refused);
                let permit = permit.and_then(|permit| {
                    if refused {
                        permit.ignore();
                        return None;
                    }
                    Some(permit)
                });
                let broken = self.broken.take();
                let response = WatchedBody::broken_by(response, permit, classify, protocol, broken);
                Ok(response.map(ResponseBody::inner))
            }
            Err(error) => {
                if let Some(permit) = permit {
                    let broken = self.broken.as_ref().is_some_and(Broken::is_set);
                    // Whatever became of it: half a request is the caller's doing.
                    permit.settle(if broken {
                        Outcome::Ignore
                    } else {
                        classify.error(&error)
                    });
                }
                Err(error)
            }
        }
    }
}
