//! How sure a store is that it is the only one.

use std::time::Duration;

/// How sure a store is that no other primary takes writes beside it.
///
/// | quorum | needs | a write that another primary took is seen after |
/// |---|---|---|
/// | [`Alone`](Self::Alone) | | at once: there is no other |
/// | [`Configured`](Self::Configured) | half of the replicas, rounded up, in step | `max_lag` |
/// | [`Unchecked`](Self::Unchecked) | | never, perhaps |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// There is one server, or one process, and nothing to fail over to.
    Alone,
    /// The number of replicas was configured.
    Configured {
        /// How many are in step.
        good: u32,
        /// How many there should be.
        replicas: u32,
        /// How far behind a replica in step may be.
        max_lag: Duration,
    },
    /// There are replicas, and nobody said how many: both halves of a split may take writes.
    Unchecked {
        /// How many are seen now.
        replicas: u32,
    },
}

/// How long a node may follow a primary that is none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// So long at most.
    Within(Duration),
    /// There is no bound.
    Unbounded,
}

// === impl Quorum ===

impl Quorum {
    /// How many replicas must be in step.
    #[must_use]
    pub const fn required(self) -> u32 {
        match self {
            Self::Configured { replicas, .. } => replicas.div_ceil(2),
            Self::Alone | Self::Unchecked { .. } => 0,
        }
    }

    /// Whether as many are in step as must be.
    #[must_use]
    pub const fn holds(self) -> bool {
        match self {
            Self::Configured { good, .. } => good >= self.required(),
            Self::Alone | Self::Unchecked { .. } => true,
        }
    }

    /// How long a node may follow a primary that is none any more.
    #[must_use]
    pub const fn lag(self) -> Lag {
        match self {
            Self::Alone => Lag::Within(Duration::ZERO),
            Self::Configured { max_lag, .. } => Lag::Within(max_lag),
            Self::Unchecked { .. } => Lag::Unbounded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_halves_of_a_split_never_both_have_the_quorum() {
        for replicas in 1..=9 {
            let holds = |good| {
                let max_lag = Duration::from_secs(2);
                Quorum::Configured {
                    good,
                    replicas,
                    max_lag,
                }
                .holds()
            };
            for good in 0..=replicas {
                // Another primary is one of the replicas, and has at most the rest in step.
                let others = replicas - good;
                let there = others > 0 && holds(others - 1);
                assert!(!(holds(good) && there), "{good} of {replicas}");
            }
            assert!(holds(replicas) && !holds(replicas.div_ceil(2) - 1));
        }
    }
}
