//! The service that answers with an error.

use std::fmt;
use std::task::{Context, Poll};

use portcullis_core::{Classify, Clock, ErrorsFail, SystemClock};
use tower_service::Service;

use crate::circuit::NotNow;
use crate::future::ResponseFuture;
use crate::guard::OnPanic;
use crate::{Circuit, CircuitBreakerError};

/// A service behind a circuit. Made by [`CircuitBreakerLayer`](crate::CircuitBreakerLayer).
///
/// While the circuit refuses, the service inside is not even asked whether it is ready: so nothing is reserved that
/// would have to be given back. Where it opens between readiness and call, what was reserved stays with this instance
/// for its next call.
pub struct CircuitBreaker<S, K = ErrorsFail, C: Clock = SystemClock> {
    inner: S,
    circuit: Circuit<C>,
    classify: K,
    /// That the circuit refused when readiness was asked for, so that `inner` is not ready.
    refused: Option<NotNow>,
}

// === impl CircuitBreaker ===

impl<S, K, C: Clock> CircuitBreaker<S, K, C> {
    pub(crate) const fn new(inner: S, circuit: Circuit<C>, classify: K) -> Self {
        Self {
            inner,
            circuit,
            classify,
            refused: None,
        }
    }

    /// The circuit.
    pub const fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to be changed.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the middleware.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, K, C, Request> Service<Request> for CircuitBreaker<S, K, C>
where
    S: Service<Request>,
    K: Classify<S::Response, S::Error> + Clone,
    C: Clock,
{
    type Response = S::Response;
    type Error = CircuitBreakerError<S::Error>;
    type Future = ResponseFuture<S::Future, K, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.refused = self.circuit.refuses();
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        match self.inner.poll_ready(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => {
                self.circuit.fail();
                Poll::Ready(Err(CircuitBreakerError::Inner(error)))
            }
            // It may be full of calls that hang, and then nobody is admitted any more who would notice.
            Poll::Pending if self.circuit.opens_by_hanging() => {
                self.refused = self.circuit.refuses();
                if self.refused.is_some() {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                }
            }
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(not_now) = self.refused {
            return ResponseFuture::rejected(self.circuit.reject(not_now), self.classify.clone());
        }
        match self.circuit.try_acquire() {
            Ok(permit) => {
                let mut permit = Some(permit);
                let guard = OnPanic(&mut permit);
                let future = self.inner.call(request);
                drop(guard);
                ResponseFuture::calling(future, permit, self.classify.clone())
            }
            Err(rejected) => ResponseFuture::rejected(rejected, self.classify.clone()),
        }
    }
}

impl<S: Clone, K: Clone, C: Clock> Clone for CircuitBreaker<S, K, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            circuit: self.circuit.clone(),
            classify: self.classify.clone(),
            // Readiness is not inherited.
            refused: None,
        }
    }
}

impl<S: fmt::Debug, K, C: Clock> fmt::Debug for CircuitBreaker<S, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("inner", &self.inner)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}
