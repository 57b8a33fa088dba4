//! Verdicts.

use std::sync::Arc;

use metrics::Counter;
use portcullis_core::{OutageCause, VerdictEvent, VerdictOutcome};

use super::family::{DEGRADED, VERDICTS};
use super::recording::Recording;
use super::table::Table;

/// What is recorded of verdicts. Reasons are in the code, so there are few.
pub(super) struct Verdicts {
    recording: Arc<Recording>,
    judged: Table<(VerdictOutcome, &'static str), Counter>,
    degraded: [Counter; OutageCause::ALL.len()],
}

// === impl Verdicts ===

impl Verdicts {
    pub(super) fn new(recording: &Arc<Recording>) -> Self {
        let degraded = |cause: OutageCause| recording.counter(&DEGRADED, &[cause.as_str()]);
        Self {
            recording: Arc::clone(recording),
            judged: Table::default(),
            degraded: OutageCause::ALL.map(degraded),
        }
    }

    pub(super) fn count(&self, event: &VerdictEvent<'_>) {
        let (verdict, reason) = (event.outcome, event.reason);
        let make = || {
            let labels = [verdict.as_str(), reason];
            self.recording.counter(&VERDICTS, &labels)
        };
        let count = |counter: &Counter| counter.increment(1);
        self.judged.with(&(verdict, reason), make, count);
        if verdict == VerdictOutcome::Indeterminate && event.refused.is_none() {
            self.admitted(reason);
        }
    }

    #[cold]
    fn admitted(&self, reason: &str) {
        let known = |cause: &OutageCause| cause.as_str() == reason;
        if let Some(cause) = OutageCause::ALL.iter().position(known) {
            self.degraded[cause].increment(1);
        }
    }
}
