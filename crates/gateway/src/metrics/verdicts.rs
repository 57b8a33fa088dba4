//! What was found out about requests.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_core::{OutageCause, Provenance, VerdictEvent, VerdictOutcome};

/// The last of each is for what has no label of its own yet.
const OUTCOMES: [&str; 7] = [
    VerdictOutcome::Valid.as_str(),
    VerdictOutcome::Invalid.as_str(),
    VerdictOutcome::Indeterminate.as_str(),
    VerdictOutcome::Absent.as_str(),
    VerdictOutcome::Insufficient.as_str(),
    VerdictOutcome::NotAdmitted.as_str(),
    "other",
];
const PROVENANCES: [&str; 6] = [
    "none",
    "fresh",
    "cached",
    "introspected",
    "degraded",
    "other",
];
const CAUSES: usize = OutageCause::ALL.len();

/// What was found out about requests, and what passed during an outage.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    judged: [[AtomicU64; PROVENANCES.len()]; OUTCOMES.len()],
    /// By cause: with an identity, and as nobody.
    degraded: [[AtomicU64; 2]; CAUSES],
}

// === impl Verdicts ===

impl Verdicts {
    pub(super) fn count(&self, event: &VerdictEvent<'_>) {
        let provenance = event.provenance.map_or(PROVENANCES[0], Provenance::as_str);
        let (outcome, provenance) = (
            place(&OUTCOMES, event.outcome.as_str()),
            place(&PROVENANCES, provenance),
        );
        self.judged[outcome][provenance].fetch_add(1, Ordering::Relaxed);
        if event.outcome == VerdictOutcome::Indeterminate && event.refused.is_none() {
            self.passed(event);
        }
    }

    #[cold]
    fn passed(&self, event: &VerdictEvent<'_>) {
        let known = |cause: &OutageCause| cause.as_str() == event.reason;
        if let Some(cause) = OutageCause::ALL.iter().position(known) {
            let nobody = usize::from(event.provenance.is_none());
            self.degraded[cause][nobody].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Outcome, provenance, and how often.
    pub(super) fn read(&self) -> impl Iterator<Item = ([&'static str; 2], u64)> {
        let rows = OUTCOMES.iter().zip(&self.judged);
        let cells = rows.flat_map(|(outcome, row)| {
            let cells = PROVENANCES.iter().zip(row);
            cells.map(|(provenance, count)| ([*outcome, *provenance], load(count)))
        });
        cells.filter(|(_, count)| *count > 0)
    }

    /// Cause, as whom, and how often.
    pub(super) fn read_degraded(&self) -> impl Iterator<Item = ([&'static str; 2], u64)> {
        let rows = OutageCause::ALL.iter().zip(&self.degraded);
        let cells = rows.flat_map(|(cause, row)| {
            let cells = ["identity", "anonymous"].into_iter().zip(row);
            cells.map(|(who, count)| ([cause.as_str(), who], load(count)))
        });
        cells.filter(|(_, count)| *count > 0)
    }
}

/// Where a label is: few are, so that looking is quicker than anything clever.
fn place(labels: &[&str], label: &str) -> usize {
    let known = labels.iter().position(|known| *known == label);
    known.unwrap_or(labels.len() - 1)
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use portcullis_core::{Identity, IdentityParts};

    use super::*;

    fn identity(provenance: Provenance) -> Identity {
        Identity::new(IdentityParts::new("https://idp.example.com"), provenance)
    }

    #[test]
    fn verdicts_are_told_apart_by_outcome_and_provenance() {
        let verdicts = Verdicts::default();
        let valid = VerdictEvent::new(VerdictOutcome::Valid, "ok");
        let cached = identity(Provenance::Cached);
        verdicts.count(&valid.about(&cached));
        verdicts.count(&valid.about(&cached));
        verdicts.count(&VerdictEvent::new(VerdictOutcome::Absent, "anonymous"));
        let read: Vec<_> = verdicts.read().collect();
        assert_eq!(read, [(["valid", "cached"], 2), (["absent", "none"], 1)]);
        assert_eq!(verdicts.read_degraded().count(), 0);
    }

    #[test]
    fn only_what_passed_without_a_verdict_is_a_degraded_admission() {
        let verdicts = Verdicts::default();
        let cause = OutageCause::KeyUnavailable;
        let event = VerdictEvent::new(VerdictOutcome::Indeterminate, cause.as_str());
        verdicts.count(&event.refused(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(verdicts.read_degraded().count(), 0);
        verdicts.count(&event);
        verdicts.count(&event.about(&identity(Provenance::Degraded(cause))));
        let read: Vec<_> = verdicts.read_degraded().collect();
        assert_eq!(
            read,
            [
                (["key_unavailable", "identity"], 1),
                (["key_unavailable", "anonymous"], 1)
            ]
        );
    }
}
