//! What is asked about a key that is missing, and what is answered.

use std::time::Duration;

use portcullis_core::{OutageCause, UnixTime};

use crate::Outage;
use crate::key::{Algorithm, LookupError, MaterialId};

use super::{JwksTimes, KeySet};

/// The key that a token wants and the loaded set does not have.
///
/// | the look-up gave | say |
/// |---|---|
/// | an error that [may heal](LookupError::may_heal) | nothing more |
/// | another error | [`despite`](Self::despite) it |
/// | a key that did not verify the token | [`replacing`](Self::replacing) it |
///
/// The last two are for issuers whose tokens have no `kid`, or that use one again for another key: only
/// a newer set tells a token under a new key from a forged one.
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
    /// What the loaded set has in place of the key, if not nothing.
    pub(super) instead: Option<Instead>,
}

/// What a look-up gave that will not do.
pub(super) type Instead = Result<MaterialId, LookupError>;

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
            instead: None,
        }
    }

    /// The same key, for a token that says it was issued then.
    #[must_use]
    pub const fn issued_at(mut self, issued_at: Option<UnixTime>, leeway: Duration) -> Self {
        self.issued_at = issued_at;
        self.leeway = leeway;
        self
    }

    /// Another key than this one, which was found and did not verify the token.
    ///
    /// Forged tokens ask for the same, and nothing tells them apart before the answer. So a miss of this kind
    /// is treated like an unknown id: it costs no more than the [budget](super::FetchBudget), and the
    /// answer is "no" by evidence only.
    #[must_use]
    pub const fn replacing(mut self, material: MaterialId) -> Self {
        self.instead = Some(Ok(material));
        self
    }

    /// A key in place of this error, even if it is one that only another content of the set
    /// heals: the id has a key for another algorithm, or there are several keys and no id.
    #[must_use]
    pub const fn despite(mut self, error: LookupError) -> Self {
        self.instead = Some(Err(error));
        self
    }

    /// Whether another look at this set has something to say.
    pub(super) fn is_in(&self, set: &KeySet) -> bool {
        let found = set
            .find(self.kid, self.algorithm)
            .map(|key| key.material_id());
        match (found, self.instead) {
            (Ok(material), Some(Ok(instead))) => material != instead,
            (Ok(_), _) => true,
            // No set can have it.
            (Err(LookupError::KidTooLong), _) => true,
            (Err(error), Some(Err(instead))) if error == instead => false,
            (Err(error), _) => !error.may_heal(),
        }
    }
}

// === impl Missing ===

impl Missing {
    /// Another attempt makes sense after `wait`, or a little later: not all at once.
    pub(super) fn outage(wait: Duration) -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        let wait = wait.clamp(SHORTEST, JwksTimes::LONGEST);
        let spread = (wait / 10).max(SHORTEST);
        let later = spread.mul_f64(fastrand::f64());
        Self::Outage(Outage::new(OutageCause::KeyUnavailable).retry_after(wait + later))
    }
}
