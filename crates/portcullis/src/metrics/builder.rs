//! What is set before anything is recorded.

use std::fmt;
use std::sync::Arc;

use metrics::Recorder;

use super::MetricsObserver;
use super::family::{FAMILIES, Kind};
use super::naming::{Names, Naming};
use super::recording::{Own, Recording};

/// Makes a [`MetricsObserver`].
#[derive(Clone)]
#[must_use = "nothing is recorded before it is built"]
pub struct MetricsBuilder {
    names: Names,
    recorder: Option<Arc<Own>>,
    max_routes: usize,
    circuits: Vec<String>,
}

/// So many, unless set: a service that has more has its routes from somewhere else than its code.
const ROUTES: usize = 1_000;

/// Each new route costs a look at those before.
const MOST_ROUTES: usize = 10_000;

// === impl MetricsBuilder ===

impl MetricsBuilder {
    /// Puts a prefix before every name: `shop` makes `shop_http_requests_in_flight`. What no name may be made of
    /// becomes `_`.
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.names = self.names.with_prefix(prefix);
        self
    }

    /// Sets what durations are called.
    pub fn with_naming(mut self, naming: Naming) -> Self {
        self.names = self.names.with_naming(naming);
        self
    }

    /// Sets the recorder, in place of the global one.
    pub fn with_recorder(mut self, recorder: impl Recorder + Send + Sync + 'static) -> Self {
        self.recorder = Some(Arc::new(recorder));
        self
    }

    /// Sets how many routes are told apart: 1 000 unless set, 10 000 at most. Those beyond are `_overflow`.
    pub const fn with_max_routes(mut self, routes: usize) -> Self {
        self.max_routes = if routes > MOST_ROUTES {
            MOST_ROUTES
        } else {
            routes
        };
        self
    }

    /// Names circuits that are shown, as closed, before they ever move.
    pub fn with_circuits<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.circuits.extend(names.into_iter().map(Into::into));
        self
    }

    /// The histograms, each with the upper bounds of the buckets that suit it: for the exporter, which sets them by
    /// name. Prefix and naming are those set before.
    pub fn buckets(&self) -> impl Iterator<Item = (String, &'static [f64])> {
        let names = self.names.clone();
        FAMILIES.iter().filter_map(move |family| match family.kind {
            Kind::Histogram(buckets) => Some((names.name(family), buckets)),
            _ => None,
        })
    }

    /// Describes every family to the recorder, and resolves what is known already.
    #[must_use]
    pub fn build(self) -> MetricsObserver {
        let recording = Recording::new(self.names, self.recorder);
        MetricsObserver::of(recording, self.max_routes, &self.circuits)
    }
}

impl Default for MetricsBuilder {
    fn default() -> Self {
        Self {
            names: Names::default(),
            recorder: None,
            max_routes: ROUTES,
            circuits: Vec::new(),
        }
    }
}

impl fmt::Debug for MetricsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsBuilder")
            .field("names", &self.names)
            .field("max_routes", &self.max_routes)
            .finish_non_exhaustive()
    }
}
