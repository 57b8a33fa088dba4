//! What a route lets pass while the truth cannot be found out, and who watches what it let pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_auth::{Degrade, Grace, Revocations, StandingWatch};
use portcullis_core::{ConfigError, Identity, OutageCause};

use super::Revoking;
use crate::config::{Config, OnIdpOutage, OnStaleRevocation, Route};

/// Looks again at whoever was let in by a route, and still streams.
///
/// # Clone
/// Clones share the view.
#[derive(Clone)]
pub(crate) struct Watching {
    view: Arc<Revocations>,
    degrade: Arc<ByMethod>,
}

/// What a route lets pass, with safe methods and with others.
pub(crate) struct ByMethod {
    safe: Degrade,
    others: Degrade,
}

// === impl Watching ===

impl Watching {
    /// Of one route. None where tokens are not looked at, or nothing is ever revoked.
    pub(crate) fn of(
        route: &Route,
        config: &Config,
        revoking: Option<&Revoking>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(revoking) = revoking else {
            return Ok(None);
        };
        Ok(Some(Self {
            view: Arc::new(revoking.revocations(route.freshness)?),
            degrade: Arc::new(degrade(route, config)?),
        }))
    }

    /// The view, and how old it may be.
    pub(crate) fn view(&self) -> Revocations {
        (*self.view).clone()
    }

    /// How often to look: as often as the view may be old.
    pub(crate) fn every(&self) -> Duration {
        self.view.freshness()
    }

    /// Watches a caller who came with a method that is safe or not.
    pub(crate) fn watch(&self, identity: &Identity, safe_method: bool) -> StandingWatch {
        let view = Arc::clone(&self.view);
        let policy = self.degrade.policy(safe_method).clone();
        StandingWatch::new(view, identity.clone()).with_degrade(policy, safe_method)
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

// === impl ByMethod ===

impl ByMethod {
    pub(crate) const fn policy(&self, safe_method: bool) -> &Degrade {
        if safe_method {
            &self.safe
        } else {
            &self.others
        }
    }
}

/// What a route lets pass, by cause.
///
/// The two answers of a route are about causes of their own, and each may admit unsafe methods or not.
pub(crate) fn degrade(route: &Route, config: &Config) -> Result<ByMethod, ConfigError> {
    let section = config.revocation.as_ref();
    let stale = route
        .on_stale_revocation
        .or_else(|| section.and_then(|section| section.on_stale))
        .unwrap_or_default();
    Ok(ByMethod {
        safe: policy(route.on_idp_outage, stale, true)?,
        others: policy(route.on_idp_outage, stale, false)?.with_unsafe_methods(),
    })
}

/// What passes with safe methods, or with those that are not.
fn policy(idp: OnIdpOutage, stale: OnStaleRevocation, safe: bool) -> Result<Degrade, ConfigError> {
    let mut policy = match idp {
        OnIdpOutage::Anonymous => Degrade::anonymous(),
        OnIdpOutage::AllowFor {
            grace,
            unsafe_methods,
        } if safe || unsafe_methods => Degrade::allow_for(grace)?,
        OnIdpOutage::AllowFor { .. } | OnIdpOutage::Deny => Degrade::deny(),
    };
    let (known, never) = match stale {
        OnStaleRevocation::AllowFor {
            grace,
            unsafe_methods,
            never_synced,
        } if safe || unsafe_methods => {
            let grace = Grace::AllowFor(grace);
            (grace, if never_synced { grace } else { Grace::Deny })
        }
        OnStaleRevocation::AllowFor { .. } | OnStaleRevocation::Deny => (Grace::Deny, Grace::Deny),
    };
    policy = policy.on(OutageCause::RevocationStale, known)?;
    policy.on(OutageCause::NeverSynced, never)
}

#[cfg(test)]
mod tests {
    use portcullis_auth::{Decision, Outage};
    use portcullis_core::{IdentityParts, Provenance};

    use super::*;

    fn passes(policy: &ByMethod, cause: OutageCause, safe: bool) -> &'static str {
        let caller = Identity::new(IdentityParts::new("https://idp"), Provenance::Fresh);
        let outage = Outage::new(cause).holding(caller, Duration::from_secs(5));
        match policy.policy(safe).decide(&outage, safe) {
            Decision::Admit(_) => "known",
            Decision::Anonymous => "anonymous",
            Decision::Refuse => "nothing",
        }
    }

    #[test]
    fn each_cause_has_the_answer_that_was_given_for_it() {
        use OutageCause::{KeysStale, NeverSynced, RevocationStale};
        let idp = |unsafe_methods| OnIdpOutage::AllowFor {
            grace: Duration::from_secs(10),
            unsafe_methods,
        };
        let stale = |unsafe_methods, never_synced| OnStaleRevocation::AllowFor {
            grace: Duration::from_secs(10),
            unsafe_methods,
            never_synced,
        };
        let deny = OnStaleRevocation::Deny;
        for (on_idp, on_stale, cause, safe, others) in [
            (idp(true), deny, KeysStale, "known", "known"),
            (idp(true), deny, RevocationStale, "nothing", "nothing"),
            (
                idp(false),
                stale(true, false),
                KeysStale,
                "known",
                "nothing",
            ),
            (
                idp(false),
                stale(true, false),
                RevocationStale,
                "known",
                "known",
            ),
            (
                idp(true),
                stale(false, false),
                RevocationStale,
                "known",
                "nothing",
            ),
            (
                idp(true),
                stale(true, false),
                NeverSynced,
                "nothing",
                "nothing",
            ),
            (
                OnIdpOutage::Deny,
                stale(false, true),
                NeverSynced,
                "known",
                "nothing",
            ),
            (
                OnIdpOutage::Anonymous,
                deny,
                RevocationStale,
                "nothing",
                "nothing",
            ),
            (
                OnIdpOutage::Anonymous,
                deny,
                KeysStale,
                "anonymous",
                "nothing",
            ),
        ] {
            let policy = ByMethod {
                safe: policy(on_idp, on_stale, true).unwrap(),
                others: policy(on_idp, on_stale, false)
                    .unwrap()
                    .with_unsafe_methods(),
            };
            assert_eq!(
                (passes(&policy, cause, true), passes(&policy, cause, false)),
                (safe, others),
                "{on_idp:?} {on_stale:?} {cause:?}"
            );
        }
    }
}
