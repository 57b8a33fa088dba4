//! The future of a call that may have been refused.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use portcullis_core::{Classify, Clock, Outcome, SystemClock};

use crate::guard::OnPanic;
use crate::{CircuitBreakerError, Permit, Rejected};

/// The answer of a [`CircuitBreaker`](crate::CircuitBreaker).
///
/// # Cancel safety
/// Dropping it gives the call up, which counts as [`CircuitBuilder::cancelled`](crate::CircuitBuilder::cancelled) says.
#[pin_project]
pub struct ResponseFuture<F, K, C: Clock = SystemClock> {
    /// Beside what a refusal needs, not in its place: the two in one place are copied byte by byte.
    #[pin]
    future: Option<F>,
    permit: Option<Permit<C>>,
    rejected: Option<Rejected>,
    classify: K,
}

// === impl ResponseFuture ===

impl<F, K, C: Clock> ResponseFuture<F, K, C> {
    #[inline]
    pub(crate) const fn calling(future: F, permit: Option<Permit<C>>, classify: K) -> Self {
        Self {
            future: Some(future),
            permit,
            rejected: None,
            classify,
        }
    }

    pub(crate) const fn rejected(rejected: Rejected, classify: K) -> Self {
        Self {
            future: None,
            permit: None,
            rejected: Some(rejected),
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
        let Some(future) = this.future.as_pin_mut() else {
            return match this.rejected.take() {
                Some(rejected) => Poll::Ready(Err(CircuitBreakerError::Rejected(rejected))),
                // Polled after it was over, which is nobody's right.
                None => Poll::Pending,
            };
        };
        let guard = OnPanic(this.permit);
        // Made what it will be before it is looked at: it may be large, and is moved once.
        let result = match ready!(future.poll(cx)) {
            Ok(response) => Ok(response),
            Err(error) => Err(CircuitBreakerError::Inner(error)),
        };
        let outcome = match &result {
            Ok(response) => this.classify.classify(Ok(response)),
            Err(CircuitBreakerError::Inner(error)) => this.classify.classify(Err(error)),
            Err(CircuitBreakerError::Rejected(_)) => Outcome::Ignore,
        };
        Permit::settle_in(guard.0, outcome);
        Poll::Ready(result)
    }
}

impl<F, K, C: Clock> fmt::Debug for ResponseFuture<F, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
