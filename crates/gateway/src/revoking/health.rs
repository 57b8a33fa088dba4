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
    Not(&'static str),
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
            None if health.troubles.iter().any(unchecked) => Bound::Not("unbounded"),
            None => Bound::Not("unknown"),
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
