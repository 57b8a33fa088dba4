//! The configuration of a verifier.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, ConfigError, Problems, SystemClock};

use super::issuer::{Issuer, Source, Trusted};
use super::{JwtVerifier, Shared};
use crate::cache::{Fingerprinter, Negative, VerdictCache};
use crate::jose::KnownHeaders;
use crate::key::MaterialId;

/// Builds a [`JwtVerifier`].
#[must_use]
pub struct JwtVerifierBuilder<C: Clock = SystemClock> {
    issuers: Vec<Issuer<C>>,
    max_bytes: usize,
    patience: Duration,
    lifetime: Duration,
    cache: Option<VerdictCache>,
    clock: C,
}

const MAX_BYTES: usize = 8 * 1024;
const MAX_BYTES_CAP: usize = 16 * 1024;
/// A little less than the deadline of the layer, so that what is known of the caller is not lost to it.
const PATIENCE: Duration = Duration::from_millis(1_900);
const PATIENCE_MAX: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(300);

// === impl JwtVerifierBuilder ===

impl<C: Clock> JwtVerifierBuilder<C> {
    pub(super) fn new(clock: C) -> Self {
        Self {
            issuers: Vec::new(),
            max_bytes: MAX_BYTES,
            patience: PATIENCE,
            lifetime: LIFETIME,
            cache: None,
            clock,
        }
    }

    /// Trusts an issuer. Call it again for another one: a token is routed by its `iss`, byte for byte.
    pub fn issuer(mut self, issuer: Issuer<C>) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Refuses tokens longer than this. 8 KiB unless set, 16 KiB at most.
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Bounds the time that one token may wait for its key. 1.9 s unless set: keep it below the deadline
    /// of the layer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Verifies a token anew after this long, however late it expires. 300 s unless set, and at most.
    pub fn cache_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Keeps verdicts in this cache; otherwise in one of its own, of 16 MiB.
    pub fn cache(mut self, cache: VerdictCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    /// Every problem of the configuration at once.
    pub fn build(self) -> Result<JwtVerifier<C>, ConfigError> {
        self.problems().check()?;
        let cache = self.cache.unwrap_or_default();
        let issuers: Box<[_]> = self.issuers.into_iter().map(Trusted::new).collect();
        let configuration: Vec<_> = issuers
            .iter()
            .map(|issuer| (&issuer.policy, materials(&issuer.source)))
            .collect();
        let fingerprints = Fingerprinter::new(cache.secret(), &(&configuration, self.lifetime));
        drop(configuration);
        Ok(JwtVerifier {
            shared: Arc::new(Shared {
                issuers,
                max_bytes: self.max_bytes,
                patience: self.patience,
                lifetime: self.lifetime,
                fingerprints,
                cache,
                negative: Negative::new(),
                headers: KnownHeaders::new(),
                clock: self.clock,
            }),
        })
    }

    fn problems(&self) -> Problems {
        let mut problems = Problems::new();
        if self.issuers.is_empty() {
            problems.push("issuer", "is missing", "name at least one issuer to trust");
        }
        for (position, issuer) in self.issuers.iter().enumerate() {
            issuer.problems(&format!("issuer[{position}]"), &mut problems);
        }
        let names = self
            .issuers
            .iter()
            .enumerate()
            .flat_map(|(position, issuer)| {
                let policy = &issuer.policy;
                std::iter::once(&policy.name)
                    .chain(&policy.aliases)
                    .map(move |name| (position, name))
            });
        let mut seen = std::collections::HashSet::new();
        for (position, name) in names {
            if !seen.insert(name) {
                problems.push(
                    format!("issuer[{position}].name"),
                    "is trusted twice",
                    "name each issuer once, with all its audiences",
                );
            }
        }
        let symmetric = self
            .issuers
            .iter()
            .filter(|issuer| issuer.keys.is_symmetric())
            .count();
        if symmetric != 0 && symmetric != self.issuers.len() {
            problems.push(
                "issuer",
                "mixes shared secrets and public keys",
                "make a verifier for each, so that no key can be taken for one of the other kind",
            );
        }
        if self.max_bytes == 0 || self.max_bytes > MAX_BYTES_CAP {
            problems.push(
                "max_token_bytes",
                "is not between 1 and 16384",
                "8192 suits most",
            );
        }
        if self.lifetime > LIFETIME {
            problems.push("cache_lifetime", "is longer than 300 s", "lower it");
        }
        if self.patience.is_zero() || self.patience > PATIENCE_MAX {
            problems.push(
                "patience",
                "is not between 1 ns and 60 s",
                "1900 ms suits most",
            );
        }
        problems
    }
}

impl<C: Clock> fmt::Debug for JwtVerifierBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifierBuilder")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

/// Configured keys are part of the configuration: another secret is another verifier. Published keys
/// are checked at every hit instead.
fn materials<C: Clock>(source: &Source<C>) -> Vec<MaterialId> {
    match source {
        Source::Fixed(set) => set.keys().iter().map(|key| key.material_id()).collect(),
        Source::Ring(ring) => ring.keys().map(|key| key.material_id()).collect(),
        Source::Remote(_) => Vec::new(),
    }
}
