//! The future of a call over HTTP.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project::pin_project;
use portcullis_core::{
    AtHead, ClassifyHttp, Clock, Outcome, Protocol, Refusal, RequestContext, ResponseBody,
};

use super::body::WatchedBody;
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

/// A call under way, and how its answer is judged.
pub(super) struct Call<K, C: Clock> {
    pub(super) permit: Option<Permit<C>>,
    pub(super) classify: Option<K>,
    pub(super) protocol: Protocol,
    context: Option<RequestContext>,
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
    type Output = Result<Response<ResponseBody<WatchedBody<B, K, C>>>, E>;

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
    ) -> Self {
        Self {
            permit,
            classify: Some(classify),
            protocol,
            context,
        }
    }

    fn answered<B, E>(
        &mut self,
        result: Result<Response<B>, E>,
    ) -> Result<Response<ResponseBody<WatchedBody<B, K, C>>>, E>
    where
        K: ClassifyHttp,
        B: Body,
        E: 'static,
    {
        let outcome = match (&result, &self.classify) {
            (Err(error), Some(classify)) => Some(classify.error(error)),
            (Ok(response), Some(classify)) => {
                let refused = self.context.as_ref().is_some_and(RequestContext::refused);
                if refused {
                    Some(Outcome::Ignore)
                } else {
                    match classify.head(self.protocol, response.status(), response.headers()) {
                        AtHead::Settled(outcome) => Some(outcome),
                        AtHead::Open if response.body().is_end_stream() => {
                            Some(classify.end(self.protocol, None))
                        }
                        AtHead::Open => None,
                    }
                }
            }
            (_, None) => None,
        };
        if let Some(outcome) = outcome
            && let Some(permit) = self.permit.take()
        {
            permit.settle(outcome);
        }
        if let Some(permit) = &mut self.permit {
            permit.answered();
        }
        let watch = self.permit.take().zip(self.classify.take());
        let protocol = self.protocol;
        result.map(|response| {
            response.map(|body| ResponseBody::inner(WatchedBody::new(body, watch, protocol)))
        })
    }
}
