//! The layer that answers by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{HttpOutcomes, Refusal, RefusalKind, RefusalStyle};
use tower_layer::Layer;

use super::{Circuits, HttpCircuitBreaker};

/// Puts a circuit in front of a service of HTTP or gRPC. See the [module](crate::http) for what counts.
///
/// ```
/// use axum::{Router, routing::get};
/// use portcullis_circuit_breaker::Circuit;
/// use portcullis_circuit_breaker::http::HttpCircuitBreakerLayer;
///
/// # fn main() -> Result<(), portcullis_core::ConfigError> {
/// let circuit = Circuit::builder("orders").build()?;
/// let app: Router = Router::new()
///     .route("/orders", get(|| async { "orders" }))
///     .layer(HttpCircuitBreakerLayer::new(circuit));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// The state is in the circuits: every application of this layer and of its clones shares it.
pub struct HttpCircuitBreakerLayer<P, K = HttpOutcomes> {
    shared: Arc<Shared<P, K>>,
}

pub(super) struct Shared<P, K> {
    pub(super) circuits: P,
    pub(super) classify: K,
    refusal: Refusal,
}

/// What a caller is asked to wait where nobody knows.
const RETRY_AFTER: Duration = Duration::from_secs(5);

// === impl HttpCircuitBreakerLayer ===

impl<P: Circuits> HttpCircuitBreakerLayer<P> {
    /// A layer with one circuit for all requests, or one for each key: see [`ByKey`](super::ByKey).
    pub fn new(circuits: P) -> Self {
        Self::of(circuits, HttpOutcomes::new(), &())
    }
}

impl<P: Circuits, K> HttpCircuitBreakerLayer<P, K> {
    fn of(circuits: P, classify: K, style: &dyn RefusalStyle) -> Self {
        let refusal = Refusal::builder(RefusalKind::Unavailable, "circuit_open")
            .detail("The service behind is not well; try again later.")
            .style(style)
            .build();
        Self {
            shared: Arc::new(Shared {
                circuits,
                classify,
                refusal,
            }),
        }
    }

    /// The same circuits, with what answers say about the dependency.
    #[must_use]
    pub fn with_classify<L>(self, classify: L) -> HttpCircuitBreakerLayer<P, L>
    where
        P: Clone,
    {
        let shared = Shared {
            circuits: self.shared.circuits.clone(),
            classify,
            refusal: self.shared.refusal.clone(),
        };
        HttpCircuitBreakerLayer {
            shared: Arc::new(shared),
        }
    }

    /// The same circuits, with the text of refusals in another style.
    #[must_use]
    pub fn with_style(self, style: &dyn RefusalStyle) -> Self
    where
        P: Clone,
        K: Clone,
    {
        let shared = &self.shared;
        Self::of(shared.circuits.clone(), shared.classify.clone(), style)
    }
}

impl<S, P: Circuits, K> Layer<S> for HttpCircuitBreakerLayer<P, K> {
    type Service = HttpCircuitBreaker<S, P, K>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpCircuitBreaker::new(inner, Arc::clone(&self.shared))
    }
}

impl<P, K> Clone for HttpCircuitBreakerLayer<P, K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<P, K> fmt::Debug for HttpCircuitBreakerLayer<P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCircuitBreakerLayer")
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl<P, K> Shared<P, K> {
    /// The refusal, with how long to wait.
    pub(super) fn refusal(&self, wait: Option<Duration>) -> Refusal {
        let refusal = self.refusal.clone();
        refusal.retry_after(wait.unwrap_or(RETRY_AFTER))
    }
}
