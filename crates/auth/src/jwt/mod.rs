//! The verifier for signed JWTs.

mod builder;
pub(crate) mod fuzz;
mod identity;
mod issuer;
mod judge;
mod logout;
mod outline;
mod policy;
mod recall;
mod roles;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, Secret, SystemClock};

use crate::cache::{Fingerprinter, Negative, VerdictCache};
use crate::jose::KnownHeaders;
use crate::jwks::Missing;
use crate::{Attempt, Gate, Presented, Verdict, Verifier};

pub use builder::JwtVerifierBuilder;
use issuer::Trusted;
pub use issuer::{Issuer, Keys};
use judge::{Judged, Miss};
pub use logout::{LogoutVerifier, LogoutVerifierBuilder};
pub use outline::{ClaimsOutline, HeaderOutline, TokenOutline};
use recall::Recalled;

/// Verifies signed JWTs of any number of issuers.
///
/// Checks, in this order, each of which costs less than the next: size, form, header, issuer, times,
/// audience, type, binding; then the key; then the signature. Only a token that passed everything but
/// the key can cause a fetch of keys, and only within a budget.
///
/// A verdict is cached (see [`VerdictCache`]); the cached path awaits nothing and allocates nothing, and
/// the one lock it takes is that of a table, for the time of a lookup.
///
/// ```
/// use portcullis_auth::key::{KeySpec, VerifyingKey};
/// use portcullis_auth::{Issuer, JwtVerifier, Keys};
///
/// let pem = b"-----BEGIN PUBLIC KEY-----\n\
///     MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
///     -----END PUBLIC KEY-----\n";
/// let keys = Keys::fixed([VerifyingKey::from_pem(pem, &KeySpec::new())?])?;
/// let verifier = JwtVerifier::builder()
///     .issuer(
///         Issuer::new("https://idp.example.com", keys)
///             .audience("https://api.example.com")
///             .access_tokens_only(),
///     )
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clone
/// Clones share keys and caches.
#[derive(Clone)]
pub struct JwtVerifier<C: Clock = SystemClock> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: Clock> {
    issuers: Box<[Trusted<C>]>,
    max_bytes: usize,
    patience: Duration,
    lifetime: Duration,
    fingerprints: Fingerprinter,
    cache: VerdictCache,
    negative: Negative,
    headers: KnownHeaders,
    clock: C,
}

/// How often a token is looked at again after a newer set of keys arrived.
const LOOKS: usize = 3;

// === impl JwtVerifier ===

impl JwtVerifier {
    /// A builder.
    pub fn builder() -> JwtVerifierBuilder {
        JwtVerifierBuilder::new(SystemClock)
    }
}

impl<C: Clock> JwtVerifier<C> {
    /// A builder with a clock of its own, for tests.
    pub fn builder_with_clock(clock: C) -> JwtVerifierBuilder<C> {
        JwtVerifierBuilder::new(clock)
    }

    /// The cache of verdicts.
    #[must_use]
    pub fn cache(&self) -> &VerdictCache {
        &self.shared.cache
    }

    /// Judges a token without a request, as far as no I/O is needed: for tools and tests.
    #[must_use]
    pub fn explain(&self, token: &str) -> Attempt {
        let request = http::Request::new(());
        self.try_verify(
            Presented::new(token.as_bytes()),
            &Gate::new(portcullis_core::Head::of(&request), None),
        )
    }
}

impl<C: Clock> Verifier for JwtVerifier<C> {
    // Always: what it answers is then never built in memory, and moving it about is most of its cost.
    #[inline(always)]
    fn try_verify(&self, token: Presented<'_>, gate: &Gate<'_>) -> Attempt {
        let shared = &*self.shared;
        if let Err(reason) = shared.form(token) {
            return Attempt::Done(Verdict::Invalid(reason));
        }
        let glance = shared.glance(token);
        match shared.recall(token, glance) {
            Recalled::Valid(identity) => Attempt::Done(Verdict::Valid(identity)),
            Recalled::Invalid(reason) => Attempt::Done(Verdict::Invalid(reason)),
            Recalled::Doubtful(doubt) => shared.attempt(shared.look_on(doubt, token, glance, gate)),
        }
    }

    async fn verify(self, token: Secret) -> Verdict {
        let shared = &*self.shared;
        let deadline = shared.clock.now() + shared.patience;
        let request = http::Request::new(());
        let gate = Gate::new(portcullis_core::Head::of(&request), None);
        let mut miss: Option<Miss> = None;
        for _ in 0..LOOKS {
            match shared.judge(Presented::new(token.expose()), &gate) {
                Judged::Verdict(verdict) => return verdict,
                // Without a hook there is nobody who could refuse.
                Judged::NotAdmitted(_) => break,
                Judged::Miss(found) => {
                    let missing = shared.find_missing(&found, deadline).await;
                    let verdict = shared.missing(&found, missing);
                    miss = Some(found);
                    if let Some(verdict) = verdict {
                        return verdict;
                    }
                }
            }
        }
        // Newer sets keep arriving, and none has the key: nothing is known for certain.
        Verdict::Indeterminate(shared.outage_of(miss.as_ref()))
    }
}

impl<C: Clock> fmt::Debug for JwtVerifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field(
                "issuers",
                &self
                    .shared
                    .issuers
                    .iter()
                    .map(Trusted::name)
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

impl<C: Clock> Shared<C> {
    #[inline(always)]
    fn attempt(&self, judged: Judged) -> Attempt {
        match judged {
            Judged::Verdict(verdict) => Attempt::Done(verdict),
            Judged::NotAdmitted(refusal) => Attempt::NotAdmitted(refusal),
            Judged::Miss(miss) => match self.miss_now(&miss) {
                Some(verdict) => Attempt::Done(verdict),
                None => Attempt::NeedsIo,
            },
        }
    }

    /// `Missing` says to look again, or gives the verdict.
    fn missing(&self, miss: &Miss, missing: Missing) -> Option<Verdict> {
        match missing {
            Missing::LookAgain => None,
            Missing::Absent => Some(Verdict::Invalid(miss.reason)),
            Missing::Outage(outage) => Some(Verdict::Indeterminate(self.holding(miss, outage))),
        }
    }
}
