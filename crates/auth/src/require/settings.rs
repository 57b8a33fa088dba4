//! What a layer that demands was told, and what it decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Extensions;
use portcullis_core::{
    Clock, Head, Identity, Observer, Refusal, RefusalKind, RefusalStyle, VerdictEvent,
    VerdictOutcome,
};

use super::Shortfall;
use super::answers::Answers;
use super::demands::Demands;
use super::recheck::Recheck;
use crate::{Anonymous, Challenge, report};

/// What a layer was told; shared by all its services.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) demands: Demands,
    pub(super) challenge: Challenge,
    pub(super) style: Arc<dyn RefusalStyle>,
    pub(super) recheck: Recheck,
    answers: Arc<Answers>,
    /// Whether the missing auth layer was told of: it is missing for every request alike.
    told: Arc<AtomicBool>,
}

/// What is to be done with a request.
pub(super) enum Judged {
    /// Pass it on.
    Pass,
    /// Pass it on, with the caller marked so.
    As(Identity),
    /// Answer with this.
    Refuse(Refusal),
}

// === impl Settings ===

impl Settings {
    pub(super) fn new() -> Self {
        let demands = Demands::new();
        let challenge = Challenge::new();
        Self {
            answers: Arc::new(Answers::prepare(&demands, &challenge, &())),
            demands,
            recheck: Recheck::new(),
            challenge,
            style: Arc::new(()),
            told: Arc::default(),
        }
    }

    /// Prepares the answers again, after something that they say has changed.
    pub(super) fn prepare(&mut self) {
        let answers = Answers::prepare(&self.demands, &self.challenge, &*self.style);
        self.answers = Arc::new(answers);
        self.recheck.prepare(&self.challenge, &*self.style);
    }

    /// What is to be done with a request.
    #[inline]
    pub(super) fn judge<O: Observer, C: Clock>(
        &self,
        observer: &O,
        clock: &C,
        head: Head<'_>,
    ) -> Judged {
        let extensions = head.extensions;
        let Some(identity) = Identity::of(extensions) else {
            return match self.nobody(observer, extensions) {
                None => Judged::Pass,
                Some(refusal) => Judged::Refuse(refusal),
            };
        };
        // What is known against the caller comes first, what could not be found out last: a 503 must not hide
        // that the caller lacks something.
        let doubt = self.recheck.look(identity);
        if let Some(doubt) = &doubt
            && let Some(refusal) = doubt.fallen(observer, extensions, identity)
        {
            return Judged::Refuse(refusal);
        }
        if let Err(shortfall) = self.demands.judge(identity, || clock.wall()) {
            let event =
                VerdictEvent::new(VerdictOutcome::Insufficient, shortfall.as_str()).about(identity);
            let refusal = self.answers.of(shortfall);
            report::refused(observer, extensions, event, refusal);
            return Judged::Refuse(refusal.clone());
        }
        doubt.map_or(Judged::Pass, |doubt| doubt.judge(observer, head, identity))
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
