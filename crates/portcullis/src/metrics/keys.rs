//! Keys of issuers.

use std::sync::Arc;

use metrics::{Counter, Gauge};
use portcullis_core::{KeysEvent, KeysOutcome};

use super::family::{KEYS_AGE, REFRESHES};
use super::recording::Recording;
use super::table::ByLabel;

/// What is recorded of the keys of issuers.
pub(super) struct Keys {
    recording: Arc<Recording>,
    refreshed: Counter,
    failed: Counter,
    ages: ByLabel<Gauge>,
}

const MOST_ISSUERS: usize = 1_000;

// === impl Keys ===

impl Keys {
    pub(super) fn new(recording: &Arc<Recording>) -> Self {
        Self {
            refreshed: recording.counter(&REFRESHES, &["refreshed"]),
            failed: recording.counter(&REFRESHES, &["failed"]),
            ages: ByLabel::new(recording, "issuer", MOST_ISSUERS),
            recording: Arc::clone(recording),
        }
    }

    pub(super) fn note(&self, event: &KeysEvent<'_>) {
        let age = if matches!(event.outcome, KeysOutcome::Refreshed { .. }) {
            self.refreshed.increment(1);
            0.0
        } else {
            self.failed.increment(1);
            // Who never had any has the oldest.
            (event.age).map_or(f64::INFINITY, |age| (age + event.took).as_secs_f64())
        };
        let make = |issuer: &str| self.recording.gauge(&KEYS_AGE, &[issuer]);
        self.ages.with(event.issuer, make, |gauge| gauge.set(age));
    }
}
