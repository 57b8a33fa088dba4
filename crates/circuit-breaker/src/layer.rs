//! The layer that answers with an error.

use portcullis_core::{Clock, ErrorsFail, SystemClock};
use tower_layer::Layer;

use crate::{Circuit, CircuitBreaker};

/// Puts a circuit in front of any service: a refused call ends in
/// [`CircuitBreakerError::Rejected`](crate::CircuitBreakerError::Rejected).
///
/// For servers, whose error type must stay what it is, and for anything that speaks HTTP or gRPC, there is
/// [`HttpCircuitBreakerLayer`](crate::http::HttpCircuitBreakerLayer).
///
/// # Clone
/// The state is in the circuit: every application of this layer and of its clones shares it, and so does whoever has
/// a handle of the circuit.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<K = ErrorsFail, C: Clock = SystemClock> {
    circuit: Circuit<C>,
    classify: K,
}

// === impl CircuitBreakerLayer ===

impl<C: Clock> CircuitBreakerLayer<ErrorsFail, C> {
    /// A layer for which every error is a failure and every answer a success.
    pub const fn new(circuit: Circuit<C>) -> Self {
        Self {
            circuit,
            classify: ErrorsFail,
        }
    }
}

impl<K, C: Clock> CircuitBreakerLayer<K, C> {
    /// Sets what answers and errors say about the dependency: a [`Classify`](portcullis_core::Classify), such as a
    /// closure. Never count what a caller controls.
    #[must_use]
    pub fn with_classify<L>(self, classify: L) -> CircuitBreakerLayer<L, C> {
        CircuitBreakerLayer {
            circuit: self.circuit,
            classify,
        }
    }
}

impl<S, K: Clone, C: Clock> Layer<S> for CircuitBreakerLayer<K, C> {
    type Service = CircuitBreaker<S, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker::new(inner, self.circuit.clone(), self.classify.clone())
    }
}
