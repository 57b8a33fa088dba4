//! How revocation is doing, for readiness, metrics and people.

use std::fmt;
use std::time::Duration;

use crate::log::LogError;
use crate::record::BadEntry;

/// How revocation is doing on this node.
///
/// It is no reason to take a node out of service: its neighbours read the same log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether the view is young enough for the ordinary bound.
    pub synced: bool,
    /// How old the view is; none if it was never complete, or lacks something.
    pub age: Option<Duration>,
    /// How many ids the view holds.
    pub entries: usize,
    /// How many it can hold.
    pub capacity: usize,
    /// How long after a revocation a node that is cut off may still admit what was revoked: the greatest
    /// age of a view and the lag of the store. None if there is no bound, or none is known yet.
    pub bound: Option<Duration>,
    /// What is wrong, worst first.
    pub troubles: Vec<Trouble>,
}

/// Something that is wrong.
///
/// | trouble | the view grows old | what to do |
/// |---|---|---|
/// | [`Log`](Self::Log) | yes | as the error says |
/// | [`NoQuorum`](Self::NoQuorum) | yes | bring replicas back; it may be that this node sees the wrong side of a split |
/// | [`SecretUnknown`](Self::SecretUnknown), [`SecretYoung`](Self::SecretYoung) | yes | give all nodes the same secret; rotate in three steps (see [`Secrets`](crate::Secrets)) |
/// | [`Horizon`](Self::Horizon) | yes | give all nodes the same `max_token_lifetime`; for a longer one begin a new log |
/// | [`BadEntry`](Self::BadEntry) | yes | upgrade this node, or find out who writes into the log |
/// | [`Full`](Self::Full) | lost at once | raise the capacity of the view |
/// | [`OtherSecrets`](Self::OtherSecrets) | no | finish the rotation: nodes with only that secret do not see what this one revokes |
/// | [`QuorumUnchecked`](Self::QuorumUnchecked) | no, but there is no bound | say how many replicas there are |
/// | [`ClocksApart`](Self::ClocksApart) | no | set the clock of this node, or of the log's server |
/// | [`Panicked`](Self::Panicked) | no, it starts again | report it |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The last call of the log failed.
    Log(LogError),
    /// Too few replicas are in step.
    NoQuorum {
        /// How many are.
        good: u32,
        /// How many are needed.
        required: u32,
    },
    /// The log knows nothing written under our current secret.
    SecretUnknown,
    /// Not everything that may matter was written under our current secret.
    SecretYoung {
        /// How long until it is.
        left: Duration,
    },
    /// Other nodes use a secret that this one has not.
    OtherSecrets,
    /// The log forgets sooner than our tokens expire.
    Horizon {
        /// The longest life of a token that the log reckons with.
        log: Duration,
    },
    /// The log has an entry that cannot be read.
    BadEntry(BadEntry),
    /// There is no room for everything that is revoked.
    Full {
        /// How much room there is.
        capacity: usize,
    },
    /// There are replicas, and nobody said how many.
    QuorumUnchecked {
        /// How many are seen now.
        replicas: u32,
    },
    /// The clocks of this node and of the log's server are apart.
    ClocksApart {
        /// How far.
        by: Duration,
    },
    /// The task that reads the log panicked, and was started again.
    Panicked {
        /// How often.
        times: u64,
    },
}

// === impl Trouble ===

impl Trouble {
    /// Whether the view grows old while it lasts.
    #[must_use]
    pub const fn blocks(&self) -> bool {
        match self {
            Self::Log(_)
            | Self::NoQuorum { .. }
            | Self::SecretUnknown
            | Self::SecretYoung { .. }
            | Self::Horizon { .. }
            | Self::BadEntry(_)
            | Self::Full { .. } => true,
            Self::OtherSecrets
            | Self::QuorumUnchecked { .. }
            | Self::ClocksApart { .. }
            | Self::Panicked { .. } => false,
        }
    }

    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Log(error) => error.label(),
            Self::NoQuorum { .. } => "no_quorum",
            Self::SecretUnknown => "secret_unknown",
            Self::SecretYoung { .. } => "secret_young",
            Self::OtherSecrets => "other_secrets",
            Self::Horizon { .. } => "horizon",
            Self::BadEntry(BadEntry::Malformed) => "bad_entry",
            Self::BadEntry(BadEntry::OtherVersion(_)) => "entry_of_other_version",
            Self::Full { .. } => "view_full",
            Self::QuorumUnchecked { .. } => "quorum_unchecked",
            Self::ClocksApart { .. } => "clocks_apart",
            Self::Panicked { .. } => "panicked",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::NoQuorum { good, required } => {
                write!(f, "{good} replicas are in step, {required} are needed")
            }
            Self::SecretUnknown => {
                f.write_str("the log knows nothing written under our current secret")
            }
            Self::SecretYoung { left } => write!(
                f,
                "our current secret has not been written under for long enough: {} s are left",
                left.as_secs()
            ),
            Self::OtherSecrets => f.write_str("other nodes use a secret that this one has not"),
            Self::Horizon { log } => write!(
                f,
                "the log forgets sooner than our tokens expire: it reckons with tokens of {} s",
                log.as_secs()
            ),
            Self::BadEntry(bad) => bad.fmt(f),
            Self::Full { capacity } => {
                write!(
                    f,
                    "more is revoked than the {capacity} ids that the view has room for"
                )
            }
            Self::QuorumUnchecked { replicas } => write!(
                f,
                "{replicas} replicas are there and their number is not configured, so a split is not noticed"
            ),
            Self::ClocksApart { by } => write!(
                f,
                "the clocks of this node and of the log are {} s apart",
                by.as_secs()
            ),
            Self::Panicked { times } => {
                write!(f, "the task that reads the log panicked {times} times")
            }
        }
    }
}
