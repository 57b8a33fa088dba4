//! Whether a caller still stands, for what goes on after the request was let in.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Identity, OutageCause};

use crate::{Decision, Degrade, Outage, Reason, Standing, StandingView};

/// Looks again at a caller who was let in: for streams, tunnels and whatever else outlives the moment of its
/// admission.
///
/// Look every so often, as often as the view may be old, and end what goes on where the answer is an error.
/// A look takes no lock and awaits nothing.
///
/// ```
/// # use portcullis_auth::{Ended, StandingWatch};
/// # use std::time::Duration;
/// # async fn copy_some() -> bool { false }
/// async fn stream(watch: StandingWatch, freshness: Duration) -> Result<(), Ended> {
///     let mut ticks = tokio::time::interval(freshness);
///     loop {
///         tokio::select! {
///             _ = ticks.tick() => watch.look()?,
///             more = copy_some() => if !more { return Ok(()) },
///         }
///     }
/// }
/// ```
///
/// | standing | by the policy of the route | look |
/// |---|---|---|
/// | good | – | goes on |
/// | revoked, or unfit | – | ends, [`Ended::Bad`] |
/// | unknown | would admit the caller now | goes on |
/// | unknown | would not | ends, [`Ended::Unknown`] |
///
/// The token's own end (`exp`) is not looked at, and an outage budget not charged: who is in already asks for
/// nothing new.
///
/// # Clone
/// Clones look at the same caller by the same view.
#[derive(Clone)]
pub struct StandingWatch {
    view: Arc<dyn StandingView>,
    identity: Identity,
    degrade: Degrade,
    safe_method: bool,
}

/// Why something that went on has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The token was revoked, or could not be.
    Bad(Reason),
    /// It could not be found out for too long.
    Unknown(OutageCause),
}

// === impl StandingWatch ===

impl StandingWatch {
    /// Watches `identity` by `view`. Ends it as soon as its standing cannot be found out.
    #[must_use]
    pub fn new(view: Arc<dyn StandingView>, identity: Identity) -> Self {
        Self {
            view,
            identity,
            degrade: Degrade::deny(),
            safe_method: false,
        }
    }

    /// Lets it go on for as long as this policy would admit the caller, with a request whose method is
    /// safe or not: give it what the route was given.
    #[must_use]
    pub fn with_degrade(mut self, policy: Degrade, safe_method: bool) -> Self {
        self.degrade = policy;
        self.safe_method = safe_method;
        self
    }

    /// Whether the caller still stands.
    ///
    /// # Errors
    /// Why what goes on has to end.
    pub fn look(&self) -> Result<(), Ended> {
        let standing = self.view.standing(&self.identity);
        if let Some(reason) = standing.fallen() {
            return Err(Ended::Bad(reason));
        }
        let Standing::Unknown { cause, overdue } = standing else {
            return Ok(());
        };
        let outage = Outage::new(cause).holding(self.identity.clone(), overdue);
        match self.degrade.decide(&outage, self.safe_method) {
            Decision::Admit(_) => Ok(()),
            Decision::Anonymous | Decision::Refuse => Err(Ended::Unknown(cause)),
        }
    }
}

impl fmt::Debug for StandingWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandingWatch")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

// === impl Ended ===

impl Ended {
    /// The stable label, that of the refusal which a request would get.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad(reason) => reason.as_str(),
            Self::Unknown(cause) => cause.as_str(),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Ended {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_core::{IdentityParts, Provenance};

    use super::*;

    struct Says(Standing);

    impl StandingView for Says {
        fn standing(&self, _: &Identity) -> Standing {
            self.0
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn unknown(cause: OutageCause, overdue: Duration) -> Standing {
        Standing::Unknown { cause, overdue }
    }

    #[test]
    fn what_goes_on_ends_as_the_policy_of_its_route_says() {
        use OutageCause::{NeverSynced, RevocationStale};
        let caller = Identity::new(IdentityParts::new("https://idp"), Provenance::Fresh);
        let deny = Degrade::deny();
        let reads = Degrade::allow_for(MINUTE).unwrap();
        let writes = reads.clone().with_unsafe_methods();
        let anonymous = Degrade::anonymous();
        let just = unknown(RevocationStale, MINUTE);
        let late = unknown(RevocationStale, MINUTE + Duration::from_nanos(1));
        let never = unknown(NeverSynced, Duration::ZERO);
        let stale = Err(Ended::Unknown(RevocationStale));
        for (standing, policy, safe, expected) in [
            (Standing::Good, &deny, false, Ok(())),
            (
                Standing::Revoked,
                &writes,
                true,
                Err(Ended::Bad(Reason::Revoked)),
            ),
            (
                Standing::Unfit,
                &writes,
                true,
                Err(Ended::Bad(Reason::Unrevocable)),
            ),
            (just, &deny, true, stale),
            (just, &reads, true, Ok(())),
            (just, &reads, false, stale),
            (just, &writes, false, Ok(())),
            (late, &writes, true, stale),
            (just, &anonymous, true, stale),
            (never, &reads, true, Err(Ended::Unknown(NeverSynced))),
        ] {
            let watch = StandingWatch::new(Arc::new(Says(standing)), caller.clone());
            let looked = watch.with_degrade(policy.clone(), safe).look();
            assert_eq!(looked, expected, "{standing:?} {policy:?} safe={safe}");
        }
    }
}
