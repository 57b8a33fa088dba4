//! How often each reason was given for a refusal.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_auth::{Reason, Shortfall};
use portcullis_core::OutageCause;

/// The reasons that the auth layers do not list.
const REASONS: [&str; 28] = [
    // of the front
    "ambiguous_path",
    "bad_connection",
    "bad_expectation",
    "bad_framing",
    "bad_host",
    "bad_target",
    "forwarding_loop",
    "method_not_allowed",
    "no_route",
    "unknown_host",
    // of the endpoint for other proxies
    "no_verdict",
    "unclear_request",
    "untrusted_peer",
    // of the control listener
    "not_authorized",
    "not_recorded",
    "outcome_unknown",
    "token_undecided",
    "too_many_requests",
    // in place of an upstream
    "body_too_large",
    "circuit_open",
    "expired",
    "request_broken",
    "request_timeout",
    "upstream_failed",
    "upstream_timeout",
    "upstream_unreachable",
    // of the auth layers, where there is no token
    "missing_token",
    // whatever has no line of its own yet
    OTHER,
];

const OTHER: &str = "other";

/// Every label, in order, each once.
static LABELS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let bad = Reason::ALL.iter().map(|reason| reason.as_str());
    let outages = OutageCause::ALL.iter().map(|cause| cause.as_str());
    let short = Shortfall::ALL.iter().map(|shortfall| shortfall.as_str());
    let theirs = bad.chain(outages).chain(short);
    let mut labels: Vec<_> = REASONS.into_iter().chain(theirs).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
});

/// How often each reason was given for a refusal. However many there are, the set of them is closed.
#[derive(Debug)]
pub(super) struct Reasons {
    /// Of each of [`LABELS`].
    counts: Box<[AtomicU64]>,
}

// === impl Reasons ===

impl Reasons {
    pub(super) fn count(&self, reason: &str) {
        let place = place(reason).or_else(|| place(OTHER));
        if let Some(count) = place.and_then(|place| self.counts.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every reason that was given, with how often.
    pub(super) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let labels = LABELS.iter().copied();
        labels.zip(counts).filter(|(_, count)| *count > 0)
    }
}

fn place(reason: &str) -> Option<usize> {
    LABELS.binary_search(&reason).ok()
}

impl Default for Reasons {
    fn default() -> Self {
        Self {
            counts: LABELS.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_set_is_one_label() {
        let reasons = Reasons::default();
        for reason in ["no_route", "/secret/path", "alice", "no_route"] {
            reasons.count(reason);
        }
        let read: Vec<_> = reasons.read().collect();
        assert_eq!(read, [("no_route", 2), ("other", 2)]);
    }

    #[test]
    fn every_reason_of_the_docs_has_its_label() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gateway.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, table) = text
            .split_once("## What the gateway answers itself")
            .unwrap();
        let (table, _) = table.split_once("\n## ").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let reasons: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert!(reasons.len() > 15, "{reasons:?}");
        for reason in reasons {
            assert!(place(reason).is_some(), "{reason}");
        }
    }

    #[test]
    fn every_reason_can_be_found() {
        for label in REASONS {
            assert!(place(label).is_some(), "{label}");
        }
        for reason in Reason::ALL {
            assert!(place(reason.as_str()).is_some(), "{reason}");
        }
    }
}
