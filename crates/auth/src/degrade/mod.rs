//! What may pass while the truth cannot be found out.

use std::time::Duration;

use portcullis_core::{ConfigError, Identity, OutageCause};

use crate::Outage;

mod budget;

pub use budget::OutageBudget;

/// What a route lets pass, by cause, while no verdict can be reached. Denies everything unless told
/// otherwise.
///
/// | cause | what `AllowFor(d)` lets pass |
/// |---|---|
/// | [`KeysStale`](OutageCause::KeysStale) | a token that verifies with the held keys, until their hard age + d |
/// | [`KeyUnavailable`](OutageCause::KeyUnavailable) | the same token, seen valid within d |
/// | [`Introspection`](OutageCause::Introspection) | the same token, seen valid within d |
/// | [`RevocationStale`](OutageCause::RevocationStale) | a verified token, while the view is at most freshness + d old |
/// | [`NeverSynced`](OutageCause::NeverSynced) | a verified token; only if this row is named with [`on`](Degrade::on) |
///
/// [`Grace::Anonymous`] passes a request without identity, and only with a safe method. A request with
/// an unsafe method passes by `AllowFor` only where [`with_unsafe_methods`](Degrade::with_unsafe_methods)
/// says so. A token that was judged bad (invalid, expired, known to be revoked) is never a matter of
/// degrading.
///
/// ```
/// use portcullis_auth::Degrade;
/// use std::time::Duration;
///
/// let reads = Degrade::allow_for(Duration::from_secs(60))?;
/// # Ok::<(), portcullis_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degrade {
    rows: [Grace; OutageCause::ALL.len()],
    unsafe_methods: bool,
}

/// What one row of the table lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// Nothing: 503 with `Retry-After`.
    Deny,
    /// A caller who is known well enough, for this long beyond the ordinary bound.
    AllowFor(Duration),
    /// A request without identity, if its method is safe.
    Anonymous,
}

/// What a [`Degrade`] policy decided.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Answer 503.
    Refuse,
    /// Pass, with this identity; its provenance says why.
    Admit(Identity),
    /// Pass, without identity.
    Anonymous,
}

// === impl Degrade ===

impl Degrade {
    /// The longest grace that can be configured.
    pub const GRACE_MAX: Duration = Duration::from_secs(300);

    /// Lets nothing pass.
    #[must_use]
    pub const fn deny() -> Self {
        Self {
            rows: [Grace::Deny; OutageCause::ALL.len()],
            unsafe_methods: false,
        }
    }

    /// Lets known callers pass for `grace`, whatever the cause, save for a revocation view that never
    /// synced.
    ///
    /// # Errors
    /// If `grace` is longer than [`GRACE_MAX`](Self::GRACE_MAX).
    pub fn allow_for(grace: Duration) -> Result<Self, ConfigError> {
        OutageCause::ALL
            .into_iter()
            .filter(|cause| *cause != OutageCause::NeverSynced)
            .try_fold(Self::deny(), |policy, cause| {
                policy.on(cause, Grace::AllowFor(grace))
            })
    }

    /// Lets requests with safe methods pass without identity, whatever the cause.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self {
            rows: [Grace::Anonymous; OutageCause::ALL.len()],
            unsafe_methods: false,
        }
    }

    /// Sets the row of one cause.
    ///
    /// # Errors
    /// If the grace is longer than [`GRACE_MAX`](Self::GRACE_MAX).
    pub fn on(mut self, cause: OutageCause, grace: Grace) -> Result<Self, ConfigError> {
        if matches!(grace, Grace::AllowFor(span) if span > Self::GRACE_MAX) {
            return Err(ConfigError::new(
                "allow_for",
                "is longer than 300 s",
                "lower it: a longer grace would outlive most access tokens",
            ));
        }
        if let Some(row) = OutageCause::ALL.iter().position(|one| *one == cause) {
            self.rows[row] = grace;
        }
        Ok(self)
    }

    /// Extends `AllowFor` to unsafe methods (POST, PUT, …). Anonymous requests stay limited to safe ones.
    #[must_use]
    pub const fn with_unsafe_methods(mut self) -> Self {
        self.unsafe_methods = true;
        self
    }

    /// Decides about one request.
    #[must_use]
    pub fn decide(&self, outage: &Outage, safe_method: bool) -> Decision {
        let row = OutageCause::ALL.iter().position(|one| *one == outage.cause);
        match (row.map_or(Grace::Deny, |row| self.rows[row]), &outage.held) {
            (Grace::AllowFor(grace), Some(held))
                if (safe_method || self.unsafe_methods) && held.overdue <= grace =>
            {
                let provenance = portcullis_core::Provenance::Degraded(outage.cause);
                Decision::Admit(held.identity.with_provenance(provenance))
            }
            (Grace::Anonymous, _) if safe_method => Decision::Anonymous,
            _ => Decision::Refuse,
        }
    }
}

impl Default for Degrade {
    fn default() -> Self {
        Self::deny()
    }
}

#[cfg(test)]
mod tests;
