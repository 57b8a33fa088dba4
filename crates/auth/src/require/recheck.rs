//! Whether a caller stands by the measure of this route.

use std::sync::Arc;

use http::Extensions;
use portcullis_core::{
    Head, Identity, Observer, Refusal, RefusalStyle, VerdictEvent, VerdictOutcome,
};

use super::settings::Judged;
use crate::answers::{Answers, RETRY_AFTER, spread};
use crate::{Challenge, Decision, Degrade, Outage, OutageBudget, Standing, StandingView, report};

/// Asks a view again, by the measure of this route.
#[derive(Clone)]
pub(super) struct Recheck {
    pub(super) degrade: Degrade,
    pub(super) budget: Option<OutageBudget>,
    asked: Option<Asked>,
}

#[derive(Clone)]
struct Asked {
    view: Arc<dyn StandingView>,
    answers: Arc<Answers>,
}

/// A caller who does not stand for certain.
pub(super) struct Doubt<'a> {
    recheck: &'a Recheck,
    answers: &'a Answers,
    standing: Standing,
}

// === impl Recheck ===

impl Recheck {
    pub(super) const fn new() -> Self {
        Self {
            degrade: Degrade::deny(),
            budget: None,
            asked: None,
        }
    }

    pub(super) fn ask(
        &mut self,
        view: Arc<dyn StandingView>,
        challenge: &Challenge,
        style: &dyn RefusalStyle,
    ) {
        let answers = Arc::new(Answers::prepare(challenge, style));
        self.asked = Some(Asked { view, answers });
    }

    /// Prepares the answers again.
    pub(super) fn prepare(&mut self, challenge: &Challenge, style: &dyn RefusalStyle) {
        if let Some(Asked { view, .. }) = self.asked.take() {
            self.ask(view, challenge, style);
        }
    }

    #[inline]
    pub(super) fn look(&self, identity: &Identity) -> Option<Doubt<'_>> {
        let Asked { view, answers } = self.asked.as_ref()?;
        let standing = view.standing(identity);
        (standing != Standing::Good).then_some(Doubt {
            recheck: self,
            answers,
            standing,
        })
    }
}

// === impl Doubt ===

impl Doubt<'_> {
    /// The refusal, if the token turned out to be bad.
    #[cold]
    pub(super) fn fallen<O: Observer>(
        &self,
        observer: &O,
        extensions: &Extensions,
        identity: &Identity,
    ) -> Option<Refusal> {
        let reason = self.standing.fallen()?;
        let refusal = self.answers.invalid(reason);
        let event = VerdictEvent::new(VerdictOutcome::Invalid, reason.as_str()).about(identity);
        report::refused(observer, extensions, event, refusal);
        Some(refusal.clone())
    }

    /// What the policy of this route makes of it.
    #[cold]
    pub(super) fn judge<O: Observer>(
        &self,
        observer: &O,
        head: Head<'_>,
        identity: &Identity,
    ) -> Judged {
        let Standing::Unknown { cause, overdue } = self.standing else {
            return Judged::Pass;
        };
        let outage = Outage::new(cause).holding(identity.clone(), overdue);
        let event = VerdictEvent::new(VerdictOutcome::Indeterminate, cause.as_str());
        let affordable = || {
            let budget = self.recheck.budget.as_ref();
            budget.is_none_or(OutageBudget::try_spend_now)
        };
        match self.recheck.degrade.decide(&outage, head.is_safe()) {
            Decision::Admit(degraded) if affordable() => {
                // Let in for another cause before: that mark stays.
                let degraded = match identity.provenance().degraded() {
                    Some(_) => identity.clone(),
                    None => degraded,
                };
                observer.verdict(&event.about(&degraded));
                tracing::debug!(target: "portcullis::auth", cause = cause.as_str(), "degraded");
                report::note(head.extensions, cause.as_str());
                Judged::As(degraded)
            }
            // Nobody is not what this layer demands.
            Decision::Admit(_) | Decision::Anonymous | Decision::Refuse => {
                let refusal = self.answers.outage(cause).clone();
                let refusal = refusal.retry_after(spread(RETRY_AFTER));
                report::refused(observer, head.extensions, event.about(identity), &refusal);
                Judged::Refuse(refusal)
            }
        }
    }
}
