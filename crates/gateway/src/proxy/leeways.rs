//! By how much clocks may differ.

use std::sync::Arc;
use std::time::Duration;

use portcullis_auth::Issuer as Verified;
use portcullis_core::Identity;

use crate::config::Issuer;

/// The leeway of each issuer: a stream ends when a request with the same token would be refused.
///
/// # Clone
/// Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leeways {
    /// Sorted by issuer: there are few, and every request of a caller looks for one.
    by_issuer: Arc<[(String, Duration)]>,
}

// === impl Leeways ===

impl Leeways {
    pub(crate) fn of(issuers: &[Issuer]) -> Self {
        let leeway = |issuer: &Issuer| {
            (
                issuer.url.clone(),
                issuer.leeway.unwrap_or(Verified::DEFAULT_LEEWAY),
            )
        };
        let mut by_issuer: Vec<_> = issuers.iter().map(leeway).collect();
        by_issuer.sort();
        Self {
            by_issuer: by_issuer.into(),
        }
    }

    pub(super) fn for_caller(&self, identity: &Identity) -> Duration {
        let order = |known: &(String, Duration)| known.0.as_str().cmp(identity.issuer());
        let known = self.by_issuer.binary_search_by(order).ok();
        let known = known.and_then(|place| self.by_issuer.get(place));
        known.map_or(Verified::DEFAULT_LEEWAY, |(_, leeway)| *leeway)
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::{IdentityParts, Provenance};

    use super::*;
    use crate::Config;

    #[test]
    fn an_issuer_without_a_leeway_has_that_of_its_verifier() {
        let config = Config::parse(
            "server = { listen = '127.0.0.1:0' }\n\
             issuer = [\n\
             { url = 'https://c.example', clients = ['x'], leeway = '9s' },\n\
             { url = 'https://a.example', clients = ['x'] },\n\
             { url = 'https://b.example', clients = ['x'], leeway = '7s' },\n]\n\
             [[route]]\npath = '/'\nupstream = ['http://127.0.0.1:9']",
        )
        .unwrap();
        let leeways = Leeways::of(&config.issuers);
        let of = |issuer| {
            let identity = Identity::new(IdentityParts::new(issuer), Provenance::Fresh);
            leeways.for_caller(&identity)
        };
        assert_eq!(of("https://a.example"), Verified::DEFAULT_LEEWAY);
        assert_eq!(of("https://b.example"), Duration::from_secs(7));
        assert_eq!(of("https://c.example"), Duration::from_secs(9));
        assert_eq!(of("https://other.example"), Verified::DEFAULT_LEEWAY);
    }
}
