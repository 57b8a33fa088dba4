//! Stages of requests, where they are timed.

use std::sync::Arc;

use metrics::Histogram;
use portcullis_core::StageTimes;

use super::family::{STAGE_OWN, STAGE_WAITING};
use super::recording::Recording;
use super::table::Table;

/// What is recorded of stages. Their names are in the code, so there are few.
pub(super) struct Stages {
    recording: Arc<Recording>,
    /// Their own time, and how much of it they waited.
    named: Table<&'static str, [Histogram; 2]>,
}

// === impl Stages ===

impl Stages {
    pub(super) fn new(recording: &Arc<Recording>) -> Self {
        Self {
            recording: Arc::clone(recording),
            named: Table::default(),
        }
    }

    pub(super) fn record(&self, stage: &StageTimes) {
        let make = || {
            [STAGE_OWN, STAGE_WAITING]
                .map(|family| self.recording.histogram(&family, &[stage.name]))
        };
        self.named.with(&stage.name, make, |[own, waiting]| {
            own.record(stage.own);
            waiting.record(stage.waiting());
        });
    }
}
