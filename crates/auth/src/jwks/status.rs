//! How a key source is doing.

use std::time::Duration;

use super::FetchError;

/// How fresh the keys in use are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Freshness {
    /// There were never any keys.
    Cold,
    /// Younger than the soft age.
    Fresh,
    /// Past the soft age: a refresh is overdue. The keys are in use.
    Stale,
    /// Past the hard age: the keys are not trusted, unless a degrade policy says so.
    Expired,
}

/// How a key source is doing: what a readiness endpoint shows.
///
/// Readiness must not *follow* it: an instance that serves known keys during an outage of the issuer is
/// ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwksStatus {
    /// How fresh the keys are.
    pub freshness: Freshness,
    /// The age of the keys; none if there were never any.
    pub age: Option<Duration>,
    /// The generation of the keys.
    pub generation: u64,
    /// The number of keys in use.
    pub keys: usize,
    /// How many members of the last set were left out.
    pub dropped: usize,
    /// The error of the last attempt, if it failed.
    pub last_error: Option<FetchError>,
    /// How many attempts failed since the last good one.
    pub failures: u32,
    /// How many panics of the HTTP client, the observer or the refresh task were survived.
    pub panics: u32,
    /// Whether a fetch is in flight.
    pub fetching: bool,
    /// The time until the next scheduled attempt; zero if it is due.
    pub next_attempt_in: Duration,
    /// Why the keys could not be saved the last time, if so.
    pub store_error: Option<&'static str>,
}

// === impl Freshness ===

impl Freshness {
    /// Returns the stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
        }
    }
}

// === impl JwksStatus ===

impl JwksStatus {
    /// Whether the keys are younger than the soft age and the last attempt went well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.freshness == Freshness::Fresh && self.last_error.is_none()
    }
}
