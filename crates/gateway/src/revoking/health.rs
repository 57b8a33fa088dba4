//! How revocation is doing, for probes.

use portcullis_revocation::{Health, Trouble};
use serde::Serialize;

/// How revocation is doing on this node.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RevocationHealth {
    /// `memory` or `redis`.
    pub(crate) store: &'static str,
    /// Whether the view is young enough for the ordinary bound.
    pub(crate) synced: bool,
    /// How old the view is; not there while it was never complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<f64>,
    pub(crate) entries: usize,
    pub(crate) capacity: usize,
    /// How long after a revocation a node that is cut off may still admit what was revoked.
    pub(crate) bound_seconds: Bound,
    /// What is wrong, worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) troubles: Vec<TroubleHealth>,
}

/// A bound as it was computed, without the grace that a route adds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Bound {
    Within(f64),
    Not(NoBound),
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoBound {
    /// A split of the store would not be noticed.
    Unbounded,
    /// The store has not said yet.
    Unknown,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TroubleHealth {
    /// A stable name.
    pub(crate) trouble: &'static str,
    /// In words.
    pub(crate) detail: String,
}

// === impl RevocationHealth ===

impl RevocationHealth {
    pub(super) fn of(store: &'static str, health: &Health) -> Self {
        let unchecked = |trouble: &Trouble| matches!(trouble, Trouble::QuorumUnchecked { .. });
        let bound_seconds = match health.bound {
            Some(bound) => Bound::Within(bound.as_secs_f64()),
            None if health.troubles.iter().any(unchecked) => Bound::Not(NoBound::Unbounded),
            None => Bound::Not(NoBound::Unknown),
        };
        let troubles = health.troubles.iter().map(|trouble| TroubleHealth {
            trouble: trouble.label(),
            detail: trouble.to_string(),
        });
        Self {
            store,
            synced: health.synced,
            age_seconds: health.age.map(|age| age.as_secs_f64()),
            entries: health.entries,
            capacity: health.capacity,
            bound_seconds,
            troubles: troubles.collect(),
        }
    }

    /// Whether all is well.
    pub(crate) fn is_well(&self) -> bool {
        self.synced && self.troubles.is_empty()
    }
}

// === impl Bound ===

impl Bound {
    /// In seconds: infinite where there is no bound, none where that is not known yet.
    pub(crate) const fn number(self) -> Option<f64> {
        match self {
            Self::Within(seconds) => Some(seconds),
            Self::Not(NoBound::Unbounded) => Some(f64::INFINITY),
            Self::Not(NoBound::Unknown) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_revocation::log::Refused;
    use portcullis_revocation::{BadEntry, LogError};

    use super::*;

    #[test]
    fn every_trouble_is_in_the_docs_and_so_is_whether_it_ages_the_view() {
        let span = Duration::from_secs(1);
        let (good, required, capacity) = (0, 1, 1);
        let refused = [
            Refused::NoQuorum { good, required },
            Refused::ReadOnly,
            Refused::OutOfMemory,
            Refused::Full { capacity },
            Refused::Authentication,
            Refused::EvictionPolicy("allkeys-lru".into()),
            Refused::Other("".into()),
        ];
        let log = [
            LogError::Unavailable("".into()),
            LogError::Timeout,
            LogError::Malformed("page"),
            LogError::OtherVersion(9),
        ];
        let log = refused.into_iter().map(LogError::Refused).chain(log);
        let others = [
            Trouble::NoQuorum { good, required },
            Trouble::SecretUnknown,
            Trouble::SecretYoung { left: span },
            Trouble::OtherSecrets,
            Trouble::Horizon { log: span },
            Trouble::BadEntry(BadEntry::Malformed),
            Trouble::BadEntry(BadEntry::OtherVersion(9)),
            Trouble::Full { capacity },
            Trouble::QuorumUnchecked { replicas: 1 },
            Trouble::ClocksApart { by: span },
            Trouble::Panicked { times: 1 },
        ];
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/gateway-revocation.md"
        );
        let text = std::fs::read_to_string(file).unwrap();
        let (_, table) = text.split_once("### What may be wrong").unwrap();
        let (table, _) = table.split_once("\n## ").unwrap();
        for trouble in log.map(Trouble::Log).chain(others) {
            let label = format!("`{}`", trouble.label());
            let mut rows = table.lines().map(|row| row.split(" | "));
            let mut row = rows
                .find(|row| row.clone().next().is_some_and(|cell| cell.contains(&label)))
                .unwrap_or_else(|| panic!("{label}"));
            let ages = row.nth(1).unwrap();
            assert_eq!(!ages.starts_with("no"), trouble.blocks(), "{label}");
        }
    }

    #[test]
    fn a_bound_is_a_number_unless_it_is_unknown() {
        for (bound, number, shown) in [
            (Bound::Within(3.5), Some(3.5), "3.5"),
            (
                Bound::Not(NoBound::Unbounded),
                Some(f64::INFINITY),
                "\"unbounded\"",
            ),
            (Bound::Not(NoBound::Unknown), None, "\"unknown\""),
        ] {
            assert_eq!(bound.number(), number);
            assert_eq!(serde_json::to_string(&bound).unwrap(), shown);
        }
    }
}
