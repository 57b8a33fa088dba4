//! How a link is doing.

use std::time::Duration;

/// How a link is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkHealth {
    /// Whether calls are tried.
    pub connected: bool,
    /// How long this has been so.
    pub since: Duration,
    /// What went wrong last, also if it is well now. Says nothing secret.
    pub last_error: Option<Box<str>>,
    /// How often a connection took the place of another.
    pub reconnects: u64,
}
