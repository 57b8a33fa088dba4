//! By how much clocks may differ.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::Identity;

use crate::config::Issuer;

/// The leeway of each issuer: a stream ends when a request with the same token would be refused.
///
/// # Clone
/// Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leeways {
    by_issuer: Arc<HashMap<String, Duration>>,
}

/// What a verifier takes unless it is told.
const DEFAULT: Duration = Duration::from_secs(30);

// === impl Leeways ===

impl Leeways {
    pub(crate) fn of(issuers: &[Issuer]) -> Self {
        let leeway = |issuer: &Issuer| (issuer.url.clone(), issuer.leeway.unwrap_or(DEFAULT));
        Self {
            by_issuer: Arc::new(issuers.iter().map(leeway).collect()),
        }
    }

    pub(super) fn for_caller(&self, identity: &Identity) -> Duration {
        let known = self.by_issuer.get(identity.issuer());
        known.copied().unwrap_or(DEFAULT)
    }
}
