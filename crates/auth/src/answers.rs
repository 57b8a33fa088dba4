//! Every answer of a layer, prepared when the layer is built.

use std::time::Duration;

use portcullis_core::{OutageCause, Refusal, RefusalKind, RefusalStyle};

use crate::reason::Class;
use crate::{Challenge, Reason};

/// The label of a request without a credential.
pub(crate) const MISSING: &str = "missing_token";

/// What a caller is told to wait where nothing better is known.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Every refusal that an auth layer can give. Answering clones one.
#[derive(Debug)]
pub(crate) struct Answers {
    missing: Refusal,
    invalid: Vec<Refusal>,
    outage: Vec<Refusal>,
}

// === impl Answers ===

impl Answers {
    pub(crate) fn prepare(challenge: &Challenge, style: &dyn RefusalStyle) -> Self {
        let invalid = Reason::ALL
            .iter()
            .map(|reason| invalid(*reason, challenge, style))
            .collect();
        let outage = OutageCause::ALL
            .iter()
            .map(|cause| {
                Refusal::builder(RefusalKind::Unavailable, cause.as_str())
                    .detail("The token could not be checked at the moment. Keep it, and try again.")
                    .style(style)
                    .build()
            })
            .collect();
        Self {
            missing: missing(challenge, style),
            invalid,
            outage,
        }
    }

    pub(crate) fn missing(&self) -> &Refusal {
        &self.missing
    }

    pub(crate) fn invalid(&self, reason: Reason) -> &Refusal {
        // Prepared in the order of `ALL`, which is that of the declaration.
        &self.invalid[reason as usize]
    }

    pub(crate) fn outage(&self, cause: OutageCause) -> &Refusal {
        let known = OutageCause::ALL.iter().position(|one| *one == cause);
        &self.outage[known.unwrap_or_default()]
    }
}

pub(crate) fn missing(challenge: &Challenge, style: &dyn RefusalStyle) -> Refusal {
    Refusal::builder(RefusalKind::Unauthenticated, MISSING)
        .detail("A token is required.")
        .challenge(challenge.missing())
        .style(style)
        .build()
}

pub(crate) fn invalid(reason: Reason, challenge: &Challenge, style: &dyn RefusalStyle) -> Refusal {
    let (kind, error) = match reason.class() {
        Class::Request => (RefusalKind::BadRequest, "invalid_request"),
        Class::Token | Class::Bound => (RefusalKind::Unauthenticated, "invalid_token"),
    };
    let mut builder = Refusal::builder(kind, reason.as_str())
        .detail(reason.detail())
        .challenge(challenge.refused(error, reason.detail()))
        .style(style);
    if reason.class() == Class::Bound {
        builder = builder.challenge(Challenge::bound());
    }
    builder.build()
}

/// Up to a quarter more, and at least up to two seconds, for `Retry-After` has whole seconds: so that those
/// who were refused together do not come back together.
pub(crate) fn spread(delay: Duration) -> Duration {
    let more = (delay / 4).max(Duration::from_secs(2));
    delay.saturating_add(more.mul_f64(fastrand::f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_and_cause_has_its_own_answer() {
        let answers = Answers::prepare(&Challenge::new(), &());
        for reason in Reason::ALL {
            assert_eq!(answers.invalid(*reason).reason(), reason.as_str());
            assert!(answers.invalid(*reason).challenge().is_some());
        }
        for cause in OutageCause::ALL {
            assert_eq!(answers.outage(cause).reason(), cause.as_str());
            assert_eq!(answers.outage(cause).status(), 503);
            assert!(answers.outage(cause).challenge().is_none());
        }
    }
}
