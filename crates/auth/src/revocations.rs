//! What this node knows of revocations, asked for callers.

use std::fmt;
use std::time::Duration;

use portcullis_core::{
    Clock, CoarseClock, ConfigError, Identity, IdentityParts, MemoKey, OutageCause, TokenHash,
};
use portcullis_revocation::{Check, Moment, TokenFacts, TokenIds, View};

use crate::{Standing, StandingView};

/// The revocations that this node knows of, as a [`StandingView`]: a view, and how old it may be.
///
/// | the view says of the token | standing | answer |
/// |---|---|---|
/// | nothing, and it is fresh enough | good | passed on |
/// | revoked, however old the view | revoked | 401 `revoked` |
/// | it lives too long, or has no date, to be revoked for certain | unfit | 401 `not_revocable` |
/// | nothing, and it is older than allowed | unknown, by how much | 503 `revocation_stale`, or its row of the degrade table |
/// | nothing, and it has no room for all that is revoked | unknown, without bound | 503 `revocation_stale`; no grace helps |
/// | nothing, and by the clock of the log the token has long expired | unknown, without bound | 503 `revocation_stale`; no grace helps |
/// | it was never complete | unknown | 503 `revocation_never_synced`, or its row if the policy names it |
///
/// What is compared are keyed digests of the ids in the token. They are worked out once per cached verdict and
/// kept beside it, so a check of a token that was seen before costs two readings of a coarse clock and a few
/// comparisons: no lock, no allocation. A revocation empties no cache: of tokens that it is not about it costs
/// one look at the view each.
///
/// ```
/// # async fn doc(revocation: portcullis_revocation::Revocation, verifier: portcullis_auth::JwtVerifier)
/// # -> Result<(), portcullis_core::ConfigError> {
/// use portcullis_auth::{AuthLayer, RequireLayer, Revocations};
/// use std::time::Duration;
///
/// let revocations = Revocations::new(revocation.view());
/// let auth = AuthLayer::new(verifier).with_standing(revocations.clone());
///
/// // Payments want to know better.
/// let fresh = revocations.with_freshness(Duration::from_secs(2))?;
/// let payments = RequireLayer::new().with_standing(fresh);
/// # let _ = (auth, payments);
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// A clone asks the same view, and shares the digests. Make one with [`new`](Revocations::new) for each view,
/// and the others from it, whatever their freshness.
///
/// # Limitations
/// The revoker and the token must name the issuer in the same way: that is the name that was given to
/// [`Issuer::new`](crate::Issuer::new), also for tokens that use another spelling of it.
pub struct Revocations<C: Clock = CoarseClock> {
    view: View,
    ids: MemoKey<TokenIds>,
    freshness: Duration,
    clock: C,
}

// === impl Revocations ===

impl Revocations {
    /// How old the view may be, unless set.
    pub const FRESHNESS: Duration = Duration::from_secs(15);
    /// The least that can be set: no poll is faster.
    pub const FRESHNESS_MIN: Duration = Duration::from_millis(100);
    /// The most that can be set.
    pub const FRESHNESS_MAX: Duration = Duration::from_secs(300);

    /// Asks `view`, which may be 15 s old.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self {
            view,
            ids: MemoKey::new(),
            freshness: Self::FRESHNESS,
            clock: CoarseClock,
        }
    }
}

impl<C: Clock> Revocations<C> {
    /// The same view, which may be so old.
    ///
    /// # Errors
    /// If it is below 100 ms or above 300 s.
    pub fn with_freshness(mut self, freshness: Duration) -> Result<Self, ConfigError> {
        if !(Revocations::FRESHNESS_MIN..=Revocations::FRESHNESS_MAX).contains(&freshness) {
            return Err(ConfigError::new(
                "freshness",
                format!("is {} ms", freshness.as_millis()),
                "choose from 100 ms to 300 s, and several times as long as the log is polled",
            ));
        }
        self.freshness = freshness;
        Ok(self)
    }

    /// The same view, measured by another clock. Its monotonic time must not be that of the processor's
    /// tick counter.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> Revocations<D> {
        Revocations {
            view: self.view,
            ids: self.ids,
            freshness: self.freshness,
            clock,
        }
    }

    /// How old the view may be.
    #[must_use]
    pub const fn freshness(&self) -> Duration {
        self.freshness
    }

    /// What the view says of the token of a caller, now.
    #[inline]
    #[must_use]
    pub fn check(&self, identity: &Identity) -> Check {
        identity.memo(
            &self.ids,
            |parts| self.view.token_ids(&facts(parts)),
            |ids| {
                // Read here, after whatever was awaited for the request.
                let now = Moment::of(&self.clock);
                self.view.check(ids, now, self.freshness)
            },
        )
    }

    #[cold]
    fn judge(&self, check: Check) -> Standing {
        match check {
            Check::Clear => Standing::Good,
            Check::Revoked(_) => Standing::Revoked,
            Check::Unfit(_) => Standing::Unfit,
            Check::NeverSynced => unknown(OutageCause::NeverSynced, Duration::ZERO),
            Check::Stale { age } => {
                let overdue = age.saturating_sub(self.freshness);
                unknown(OutageCause::RevocationStale, overdue)
            }
            // It lacks something, and nobody knows what: no bound holds. Neither does one where the clocks
            // are apart, nor for what a later version of the view may say.
            _ => unknown(OutageCause::RevocationStale, Duration::MAX),
        }
    }
}

impl<C: Clock> StandingView for Revocations<C> {
    #[inline]
    fn standing(&self, identity: &Identity) -> Standing {
        match self.check(identity) {
            Check::Clear => Standing::Good,
            other => self.judge(other),
        }
    }
}

impl<C: Clock> Clone for Revocations<C> {
    fn clone(&self) -> Self {
        Self {
            view: self.view.clone(),
            ids: self.ids.clone(),
            freshness: self.freshness,
            clock: self.clock.clone(),
        }
    }
}

impl<C: Clock> fmt::Debug for Revocations<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

const fn unknown(cause: OutageCause, overdue: Duration) -> Standing {
    Standing::Unknown { cause, overdue }
}

fn facts(parts: &IdentityParts) -> TokenFacts<'_> {
    let mut facts = TokenFacts::new(&parts.issuer);
    facts.jti = parts.token_id.as_deref();
    match &parts.token_hash {
        Some(TokenHash::SigningInput(hash)) => facts.signing_input_hash = Some(hash),
        Some(TokenHash::Opaque(hash)) => facts.opaque_hash = Some(hash),
        _ => {}
    }
    facts.session = parts.session.as_deref();
    facts.subject = parts.subject.as_deref();
    facts.client = parts.client.as_deref();
    facts.key_id = parts.key_id.as_deref();
    facts.tenant = parts.tenant.as_deref();
    facts.auth_time = parts.auth_time;
    facts.issued_at = parts.issued_at;
    facts.expires_at = parts.expires_at;
    facts.issuer_ahead_millis = parts.issuer_ahead_millis;
    facts
}
