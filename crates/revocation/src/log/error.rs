//! Why a log did not do what it was asked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a log did not do what it was asked. Says nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogError {
    /// There is no link: nothing was done. Says why, as far as known.
    Unavailable(Cow<'static, str>),
    /// There was no answer in time. It may be done, or be done later.
    Timeout,
    /// The log said no, and nothing was done.
    Refused(Refused),
    /// The log answered something that is no answer. Says where.
    Malformed(&'static str),
    /// The log belongs to another version of this crate.
    OtherVersion(u32),
}

/// Why a log said no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// Fewer replicas than needed are in step.
    NoQuorum {
        /// How many are.
        good: u32,
        /// How many are needed.
        required: u32,
    },
    /// It is a replica, which takes no writes.
    ReadOnly,
    /// Its memory is full.
    OutOfMemory,
    /// It holds as many ids as it may.
    Full {
        /// How many.
        capacity: usize,
    },
    /// A wrong password, or rights that do not suffice.
    Authentication,
    /// It may drop entries to make room, by this setting.
    EvictionPolicy(Cow<'static, str>),
    /// Anything else.
    Other(Cow<'static, str>),
}

// === impl LogError ===

impl LogError {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Timeout => "timeout",
            Self::Refused(refused) => refused.label(),
            Self::Malformed(_) => "malformed",
            Self::OtherVersion(_) => "other_version",
        }
    }

    /// Whether the same call may succeed a moment later.
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the revocation log cannot be reached: {why}"),
            Self::Timeout => f.write_str("the revocation log did not answer in time"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Malformed(part) => write!(f, "the revocation log answered a malformed {part}"),
            Self::OtherVersion(version) => write!(
                f,
                "the revocation log has version {version}, which this node cannot read"
            ),
        }
    }
}

impl Error for LogError {}

// === impl Refused ===

impl Refused {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NoQuorum { .. } => "no_quorum",
            Self::ReadOnly => "read_only",
            Self::OutOfMemory => "out_of_memory",
            Self::Full { .. } => "full",
            Self::Authentication => "authentication",
            Self::EvictionPolicy(_) => "eviction_policy",
            Self::Other(_) => "refused",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorum { good, required } => write!(
                f,
                "the revocation log has {good} replicas in step and needs {required}"
            ),
            Self::ReadOnly => f.write_str("the revocation log is a read-only replica"),
            Self::OutOfMemory => f.write_str("the revocation log is out of memory"),
            Self::Full { capacity } => {
                write!(
                    f,
                    "the revocation log holds {capacity} ids, as many as it may"
                )
            }
            Self::Authentication => f.write_str("the revocation log refuses our credentials"),
            Self::EvictionPolicy(policy) => write!(
                f,
                "the revocation log may evict entries (maxmemory-policy {policy}); set noeviction"
            ),
            Self::Other(why) => write!(f, "the revocation log refused: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_error_has_a_label_and_a_text_of_its_own() {
        let all = [
            LogError::Unavailable("refused".into()),
            LogError::Timeout,
            LogError::Malformed("page"),
            LogError::OtherVersion(2),
            LogError::Refused(Refused::NoQuorum {
                good: 0,
                required: 1,
            }),
            LogError::Refused(Refused::ReadOnly),
            LogError::Refused(Refused::OutOfMemory),
            LogError::Refused(Refused::Full { capacity: 1 }),
            LogError::Refused(Refused::Authentication),
            LogError::Refused(Refused::EvictionPolicy("allkeys-lru".into())),
            LogError::Refused(Refused::Other("x".into())),
        ];
        let labels: HashSet<_> = all.iter().map(LogError::label).collect();
        let texts: HashSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!((labels.len(), texts.len()), (all.len(), all.len()));
    }
}
