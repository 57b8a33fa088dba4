//! The port that knows which sessions are open.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::SessionKey;

/// What a directory returns.
pub type SessionFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Presence, DirectoryError>> + Send + 'a>>;

/// Knows which sessions are open.
///
/// # What an implementation must do
/// | | |
/// |---|---|
/// | honest | `Absent` only if the store answered that there is no such key: anything else that goes wrong is an error |
/// | current | it reads what was written last: no replica that lags, no cache |
/// | expiry | a key that has expired is absent, and the time left is never more than what is left |
/// | silent | neither errors nor logs hold the key |
///
/// The deadline is the caller's: a future is dropped when it takes too long. The suite `conformance` (a
/// feature) holds an implementation to this table.
pub trait SessionDirectory: Send + Sync + 'static {
    /// Whether the key exists, and for how long.
    fn exists<'a>(&'a self, key: &'a SessionKey) -> SessionFuture<'a>;
}

/// Whether a key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The session is open.
    Present {
        /// How long the key lasts, if it ends by itself.
        expires_in: Option<Duration>,
    },
    /// There is no such session.
    Absent,
}

/// Why it could not be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The store cannot be reached.
    Unavailable,
    /// It did not answer in time.
    Timeout,
    /// It refuses: a wrong password, a command that is not allowed.
    Refused,
    /// It answered something that makes no sense.
    Malformed,
}

// === impl DirectoryError ===

impl DirectoryError {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the directory of sessions cannot be reached",
            Self::Timeout => "the directory of sessions did not answer in time",
            Self::Refused => "the directory of sessions refused to answer",
            Self::Malformed => "the directory of sessions answered something that makes no sense",
        })
    }
}

impl Error for DirectoryError {}
