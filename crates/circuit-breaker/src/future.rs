//! The future of a call that may have been refused.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use portcullis_core::{Classify, Clock, SystemClock};

use crate::guard::OnPanic;
use crate::{CircuitBreakerError, Permit, Rejected};

/// The answer of a [`CircuitBreaker`](crate::CircuitBreaker).
///
/// # Cancel safety
/// Dropping it gives the call up, which counts as [`CircuitBuilder::cancelled`](crate::CircuitBuilder::cancelled) says.
#[pin_project]
pub struct ResponseFuture<F, K, C: Clock = SystemClock> {
    #[pin]
    state: State<F, C>,
    classify: K,
}

#[pin_project(project = StateProj)]
enum State<F, C: Clock> {
    Calling {
        #[pin]
        future: F,
        permit: Option<Permit<C>>,
    },
    Rejected(Option<Rejected>),
}

// === impl ResponseFuture ===

impl<F, K, C: Clock> ResponseFuture<F, K, C> {
    #[inline]
    pub(crate) const fn calling(future: F, permit: Option<Permit<C>>, classify: K) -> Self {
        Self {
            state: State::Calling { future, permit },
            classify,
        }
    }

    pub(crate) const fn rejected(rejected: Rejected, classify: K) -> Self {
        Self {
            state: State::Rejected(Some(rejected)),
            classify,
        }
    }
}

impl<F, K, C, Res, Err> Future for ResponseFuture<F, K, C>
where
    F: Future<Output = Result<Res, Err>>,
    K: Classify<Res, Err>,
    C: Clock,
{
    type Output = Result<Res, CircuitBreakerError<Err>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProj::Calling { future, permit } => {
                let guard = OnPanic(permit);
                let result = ready!(future.poll(cx));
                let outcome = this.classify.classify(result.as_ref());
                if let Some(permit) = guard.0.take() {
                    permit.settle(outcome);
                }
                Poll::Ready(result.map_err(CircuitBreakerError::Inner))
            }
            StateProj::Rejected(rejected) => match rejected.take() {
                Some(rejected) => Poll::Ready(Err(CircuitBreakerError::Rejected(rejected))),
                // Polled after it was over, which is nobody's right.
                None => Poll::Pending,
            },
        }
    }
}

impl<F, K, C: Clock> fmt::Debug for ResponseFuture<F, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
