//! What is asked about a key that is missing, and what is answered.

use std::time::Duration;

use portcullis_core::{OutageCause, UnixTime};

use crate::Outage;
use crate::key::{Algorithm, LookupError};

use super::KeySet;

/// The key that a token wants and the loaded set does not have.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wanted<'a> {
    /// The `kid` of the token.
    pub kid: Option<&'a str>,
    /// The `alg` of the token.
    pub algorithm: Algorithm,
    /// The `iat` of the token, which is not verified. Without it, a token is refused only after a fetch of
    /// its own.
    pub issued_at: Option<UnixTime>,
    /// How far the issuer's clock may be ahead.
    pub leeway: Duration,
}

/// What was found out about a missing key. There is no fourth answer.
#[derive(Clone, Debug)]
pub enum Missing {
    /// A set is loaded that has it.
    LookAgain,
    /// The issuer has no such key.
    Absent,
    /// It could not be found out.
    Outage(Outage),
}

// === impl Wanted ===

impl<'a> Wanted<'a> {
    /// A key for a token that does not say when it was issued.
    #[must_use]
    pub const fn new(kid: Option<&'a str>, algorithm: Algorithm) -> Self {
        Self {
            kid,
            algorithm,
            issued_at: None,
            leeway: Duration::ZERO,
        }
    }

    /// The same key, for a token that says it was issued then.
    #[must_use]
    pub const fn issued_at(mut self, issued_at: Option<UnixTime>, leeway: Duration) -> Self {
        self.issued_at = issued_at;
        self.leeway = leeway;
        self
    }

    /// Whether another look at this set has something to say.
    pub(super) fn is_in(&self, set: &KeySet) -> bool {
        set.find(self.kid, self.algorithm)
            .map_or_else(|error: LookupError| !error.may_heal(), |_| true)
    }
}

// === impl Missing ===

impl Missing {
    /// Another attempt makes sense after `wait`, or a little later: not all at once.
    pub(super) fn outage(wait: Duration) -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        let wait = wait.max(SHORTEST);
        let spread = (wait / 10).max(SHORTEST);
        let later = spread.mul_f64(fastrand::f64());
        Self::Outage(Outage::new(OutageCause::KeyUnavailable).retry_after(wait + later))
    }
}
