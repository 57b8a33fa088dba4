//! What the layers report, recorded to the [`metrics`](https://docs.rs/metrics) facade: for Prometheus, and for
//! whatever else has an exporter for it.
//!
//! [`MetricsObserver`] is an [`Observer`]: clones of one go to every layer. [`FAMILIES`] is the table of what it
//! records; `docs/metrics.md` has it with what to be woken by.
//!
//! | it listens to | and says |
//! |---|---|
//! | `TraceContextLayer` | how long requests and calls took, how many run, who gave up; where they are timed, the stages |
//! | `AuthLayer`, `RequireLayer` | verdicts, and what was admitted without one |
//! | `Jwks` | refreshes, and the age of keys |
//! | circuits | states, moves, refusals |
//!
//! # Labels
//! None comes from a client. A route is the pattern that was matched, or `_unmatched`; a method is a registered one or
//! `_OTHER`; a status is a registered code, else its class (`4xx`). What comes from the configuration, at run time, is
//! bounded too: values beyond are `_overflow`, and counted.
//!
//! # Cost
//! Each handle is resolved once, before or when it is first needed. From then on recording takes no lock of ours and
//! allocates nothing; what the recorder does with a value is its own.
//!
#![cfg_attr(feature = "trace", doc = "```")]
#![cfg_attr(not(feature = "trace"), doc = "```ignore")]
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use portcullis::metrics::MetricsObserver;
//! use portcullis::trace::TraceContextLayer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let metrics = MetricsObserver::builder().with_prefix("shop");
//! let mut prometheus = PrometheusBuilder::new();
//! for (family, buckets) in metrics.buckets() {
//!     prometheus = prometheus.set_buckets_for_metric(Matcher::Full(family), buckets)?;
//! }
//! // First the recorder, then who records to it.
//! let recorder = prometheus.build_recorder();
//! let page = recorder.handle();
//! let metrics = metrics.with_recorder(recorder).build();
//!
//! let layer = TraceContextLayer::server().observed_by(metrics.clone());
//! # let _ = layer;
//! assert!(page.render().contains("shop_http_requests_in_flight"));
//! # Ok(())
//! # }
//! ```

mod auth;
mod builder;
mod circuits;
mod family;
mod keys;
mod naming;
mod recording;
mod requests;
mod stages;
mod status;
mod table;

use std::fmt;
use std::sync::Arc;

use portcullis_core::{
    CircuitEvent, KeysEvent, Observer, RequestBegan, RequestEnded, StageEvent, TraceEvent,
    TraceOutcome, VerdictEvent,
};

pub use self::builder::MetricsBuilder;
pub use self::family::{DURATION_BUCKETS, FAMILIES, Family, Kind, STAGE_BUCKETS, Semconv};
pub use self::naming::Naming;

use self::auth::Verdicts;
use self::circuits::Circuits;
use self::keys::Keys;
use self::recording::Recording;
use self::requests::Requests;
use self::stages::Stages;
use self::table::Table;

/// Records what layers report to the `metrics` facade.
///
/// # Clone
/// A clone records to the same handles. Make one and clone it: two of them on one recorder would each say what state a
/// circuit is in.
#[derive(Clone)]
pub struct MetricsObserver(Arc<Parts>);

struct Parts {
    recording: Arc<Recording>,
    requests: Requests,
    stages: Stages,
    verdicts: Verdicts,
    keys: Keys,
    circuits: Circuits,
    traces: Table<(&'static str, TraceOutcome), metrics::Counter>,
}

// === impl MetricsObserver ===

impl MetricsObserver {
    /// Records to the global recorder, under the names of [`FAMILIES`].
    ///
    /// Install the recorder first: what is resolved before goes nowhere, for good.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// With other names, another recorder, or other bounds.
    pub fn builder() -> MetricsBuilder {
        MetricsBuilder::default()
    }

    fn of(recording: Recording, max_routes: usize, circuits: &[String]) -> Self {
        recording.describe();
        let recording = Arc::new(recording);
        Self(Arc::new(Parts {
            requests: Requests::new(&recording, max_routes),
            stages: Stages::new(&recording),
            verdicts: Verdicts::new(&recording),
            keys: Keys::new(&recording),
            circuits: Circuits::new(&recording, circuits),
            traces: Table::default(),
            recording,
        }))
    }
}

impl Default for MetricsObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for MetricsObserver {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        self.0.verdicts.count(event);
    }

    fn keys(&self, event: &KeysEvent<'_>) {
        self.0.keys.note(event);
    }

    fn circuit(&self, event: &CircuitEvent<'_>) {
        self.0.circuits.note(event);
    }

    fn request_began(&self, event: &RequestBegan) {
        self.0.requests.began(event);
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        self.0.requests.ended(event);
    }

    fn trace(&self, event: &TraceEvent) {
        let (format, result) = (event.format.unwrap_or("none"), event.outcome);
        let make = || {
            let labels = [format, result.as_str()];
            self.0.recording.counter(&family::TRACE_CONTEXT, &labels)
        };
        let count = |counter: &metrics::Counter| counter.increment(1);
        self.0.traces.with(&(format, result), make, count);
    }

    fn stage(&self, event: &StageEvent<'_>) {
        self.0.stages.record(&event.stage);
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsObserver").finish_non_exhaustive()
    }
}
