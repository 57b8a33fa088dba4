//! What a layer that demands was told, and what it decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;
use portcullis_core::{
    Clock, Identity, Observer, Refusal, RefusalKind, RefusalStyle, VerdictEvent, VerdictOutcome,
};

use super::Shortfall;
use super::answers::Answers;
use super::demands::Demands;
use crate::{Anonymous, Challenge, report};

/// What a layer was told; shared by all its services.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) demands: Demands,
    pub(super) challenge: Challenge,
    pub(super) style: Arc<dyn RefusalStyle>,
    answers: Arc<Answers>,
    /// Whether the missing auth layer was told of: it is missing for every request alike.
    told: Arc<AtomicBool>,
}

// === impl Settings ===

impl Settings {
    pub(super) fn new() -> Self {
        let demands = Demands::new();
        let challenge = Challenge::new();
        Self {
            answers: Arc::new(Answers::prepare(&demands, &challenge, &())),
            demands,
            challenge,
            style: Arc::new(()),
            told: Arc::default(),
        }
    }

    /// Prepares the answers again, after something that they say has changed.
    pub(super) fn prepare(&mut self) {
        let answers = Answers::prepare(&self.demands, &self.challenge, &*self.style);
        self.answers = Arc::new(answers);
    }

    /// What to answer instead of passing the request on, if anything.
    #[inline]
    pub(super) fn judge<O: Observer, C: Clock>(
        &self,
        observer: &O,
        clock: &C,
        extensions: &Extensions,
    ) -> Option<Refusal> {
        let Some(identity) = Identity::of(extensions) else {
            return self.nobody(observer, extensions);
        };
        let shortfall = self.demands.judge(identity, || clock.wall()).err()?;
        let event =
            VerdictEvent::new(VerdictOutcome::Insufficient, shortfall.as_str()).about(identity);
        let refusal = self.answers.of(shortfall);
        report::refused(observer, extensions, event, refusal);
        Some(refusal.clone())
    }

    #[cold]
    fn nobody<O: Observer>(&self, observer: &O, extensions: &Extensions) -> Option<Refusal> {
        let refusal = match extensions.get::<Anonymous>() {
            Some(mark) if mark.is_preflight() => return None,
            Some(mark) => mark.refusal(),
            None => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        target: "portcullis::auth",
                        reason = Shortfall::Layer.as_str(),
                        "a RequireLayer has no AuthLayer outside of it"
                    );
                }
                self.answers.of(Shortfall::Layer)
            }
        };
        let outcome = match refusal.kind() {
            RefusalKind::Unauthenticated => VerdictOutcome::Absent,
            _ => VerdictOutcome::Indeterminate,
        };
        let event = VerdictEvent::new(outcome, refusal.reason());
        report::refused(observer, extensions, event, refusal);
        Some(refusal.clone())
    }
}
