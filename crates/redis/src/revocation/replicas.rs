//! How many replicas there should be, and are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use portcullis_revocation::log::Quorum;

use crate::link::info::Info;

/// How many replicas there should be, and were seen.
#[derive(Debug)]
pub(super) struct Replicas {
    configured: Option<u32>,
    max_lag: Duration,
    /// The most that were ever seen: a primary that lost its replicas looks as if it never had any.
    seen: AtomicU32,
}

/// A lag is told in whole seconds, rounded down.
const ROUNDING: Duration = Duration::from_secs(1);

// === impl Replicas ===

impl Replicas {
    pub(super) const fn new(configured: Option<u32>, max_lag: Duration) -> Self {
        Self {
            configured,
            max_lag,
            seen: AtomicU32::new(0),
        }
    }

    /// How sure a server is that there is no other primary.
    ///
    /// | configured | seen | |
    /// |---|---|---|
    /// | some | | a quorum of those configured is checked |
    /// | none | none, ever | it is alone |
    /// | none, or zero | some | unchecked: both halves of a split may take writes |
    pub(super) fn quorum(&self, info: Info<'_>) -> Quorum {
        let now = info.replicas();
        let seen = self.seen.fetch_max(now, Ordering::Relaxed).max(now);
        match self.configured {
            Some(replicas @ 1..) => Quorum::Configured {
                good: info.good_replicas(self.max_lag),
                replicas,
                max_lag: self.max_lag + ROUNDING,
            },
            Some(0) | None if seen > 0 => Quorum::Unchecked { replicas: seen },
            Some(0) | None => Quorum::Alone,
        }
    }

    /// How many replicas must have a change so that a majority of all servers has it.
    pub(super) fn required(&self, info: Info<'_>) -> u32 {
        match self.quorum(info) {
            Quorum::Unchecked { replicas } => replicas.div_ceil(2),
            quorum => quorum.required(),
        }
    }

    /// How many are in step.
    pub(super) fn good(&self, info: Info<'_>) -> u32 {
        info.good_replicas(self.max_lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG: Duration = Duration::from_secs(2);
    const ONE: &str = "connected_slaves:1\nslave0:state=online,lag=0\n";

    #[test]
    fn replicas_that_nobody_configured_are_remembered_when_they_are_gone() {
        let replicas = Replicas::new(None, LAG);
        assert_eq!(replicas.quorum(Info::new("")), Quorum::Alone);
        assert_eq!(replicas.required(Info::new("")), 0);
        let unchecked = Quorum::Unchecked { replicas: 1 };
        assert_eq!(replicas.quorum(Info::new(ONE)), unchecked);
        assert_eq!(replicas.quorum(Info::new("")), unchecked);
        assert_eq!(replicas.required(Info::new("")), 1);
    }

    #[test]
    fn a_quorum_is_of_those_configured_not_of_those_seen() {
        let replicas = Replicas::new(Some(3), LAG);
        let quorum = replicas.quorum(Info::new(ONE));
        assert!(!quorum.holds());
        assert_eq!(
            (quorum.required(), replicas.required(Info::new(ONE))),
            (2, 2)
        );
        let Quorum::Configured { good, max_lag, .. } = quorum else {
            panic!("{quorum:?}");
        };
        assert_eq!((good, max_lag), (1, Duration::from_secs(3)));
    }
}
