//! The verifier for logout tokens (OpenID Connect Back-Channel Logout 1.0).

use std::fmt;
use std::time::Duration;

use portcullis_core::{Clock, ConfigError, Identity, Problems, Secret, SystemClock};
use portcullis_revocation::feeds::{
    FeedFuture, LogoutFault, LogoutReader, LogoutReading, LogoutToken,
};

use super::policy::TokenRule;
use super::{Issuer, JwtVerifier};
use crate::verifier::settle;
use crate::{Reason, Verdict, VerdictCache};

/// Verifies logout tokens, for [`BackchannelLogout`](portcullis_revocation::feeds::BackchannelLogout).
///
/// The checks are those of [`JwtVerifier`], with the same keys, and those of section 2.6 of OpenID Connect
/// Back-Channel Logout 1.0:
///
/// | what | must be | else |
/// |---|---|---|
/// | signature, `alg`, `iss` | as of any token of the issuer; never `none`, never HMAC with a public key | `bad_signature`, `algorithm_not_allowed`, `issuer_not_trusted` |
/// | `aud` | one of the client ids of this service, given as [`Issuer::audience`] | `wrong_audience` |
/// | `exp` | there, and not past | `missing_claim`, `expired` |
/// | `iat` | there, not in the future, and at most 10 minutes ago, or [`Issuer::max_token_age`] | `missing_claim`, `issued_in_future`, `token_too_old` |
/// | `typ` | `logout+jwt` | `token_type_not_allowed` |
/// | `events` | an object with the member `http://schemas.openid.net/event/backchannel-logout`, an object | `token_type_not_allowed`, `malformed_claim` |
/// | `nonce`, `at_hash`, `c_hash` | not there | `token_type_not_allowed` |
/// | `jti` | there, not empty | `missing_claim`, `malformed_claim` |
/// | `sid` or `sub` | one at least, not empty | the same |
///
/// So neither an access token nor an ID token passes for a logout token. The other way round, a
/// [`JwtVerifier`] refuses a token with that event whatever its rule.
///
/// ```
/// use portcullis_auth::{Issuer, LogoutVerifier};
/// use portcullis_auth::key::{Algorithm, HmacRing};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = HmacRing::new(Algorithm::HS256, b"a shared secret of 32 bytes or more")?;
/// let logouts = LogoutVerifier::builder()
///     .issuer(Issuer::new("https://idp.example.com", keys).audience("my-client-id"))
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// Clones share keys and caches.
#[derive(Clone)]
pub struct LogoutVerifier<C: Clock = SystemClock> {
    verifier: JwtVerifier<C>,
}

/// Builds a [`LogoutVerifier`].
#[must_use]
pub struct LogoutVerifierBuilder<C: Clock = SystemClock> {
    issuers: Vec<Issuer<C>>,
    typed: bool,
    clock: C,
}

const MAX_AGE: Duration = Duration::from_secs(600);
/// As long must a `jti` be remembered.
const MAX_AGE_CAP: Duration = Duration::from_secs(3_600);
/// A token is looked at once, or a few times if the log is down.
const CACHE_BYTES: u64 = 256 * 1024;

// === impl LogoutVerifier ===

impl LogoutVerifier {
    /// A builder.
    pub fn builder() -> LogoutVerifierBuilder {
        Self::builder_with_clock(SystemClock)
    }
}

impl<C: Clock> LogoutVerifier<C> {
    /// A builder with a clock of its own, for tests.
    pub fn builder_with_clock<D: Clock>(clock: D) -> LogoutVerifierBuilder<D> {
        LogoutVerifierBuilder {
            issuers: Vec::new(),
            typed: true,
            clock,
        }
    }

    /// The token of an identity that its claims were made into.
    fn token(&self, identity: &Identity) -> Result<LogoutToken, Reason> {
        let parts = identity.parts();
        let issuers = &self.verifier.shared.issuers;
        let issuer = issuers
            .iter()
            .find(|issuer| issuer.policy.is_named(&parts.issuer));
        let policy = &issuer.ok_or(Reason::Issuer)?.policy;
        let jti = parts.token_id.as_deref().ok_or(Reason::MissingClaim)?;
        let expires = parts.expires_at.ok_or(Reason::MissingClaim)? + policy.leeway;
        let issued = parts.issued_at.ok_or(Reason::MissingClaim)?;
        let oldest = policy.max_age.unwrap_or(MAX_AGE_CAP) + policy.leeway;
        // Of the last second of its age a token is not too old yet.
        let too_old = issued + oldest + Duration::from_secs(1);
        let mut token = LogoutToken::new(&parts.issuer, jti, expires.min(too_old));
        token.session.clone_from(&parts.session);
        token.subject.clone_from(&parts.subject);
        Ok(token)
    }
}

impl<C: Clock> LogoutReader for LogoutVerifier<C> {
    fn read<'a>(&'a self, token: &'a Secret) -> FeedFuture<'a, LogoutReading> {
        Box::pin(async move {
            let verdict = match settle(&self.verifier, token).await {
                Verdict::Valid(identity) => self.token(&identity),
                Verdict::Invalid(reason) => Err(reason),
                // Whatever is held: who logs out others on trust could be anybody.
                Verdict::Indeterminate(outage) => {
                    let retry_after = outage.retry_after;
                    return LogoutReading::Unavailable { retry_after };
                }
            };
            match verdict {
                Ok(token) => LogoutReading::Good(token),
                Err(reason) => {
                    LogoutReading::Bad(LogoutFault::new(reason.as_str(), reason.detail()))
                }
            }
        })
    }
}

impl<C: Clock> fmt::Debug for LogoutVerifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogoutVerifier")
            .field(&self.verifier)
            .finish()
    }
}

// === impl LogoutVerifierBuilder ===

impl<C: Clock> LogoutVerifierBuilder<C> {
    /// Trusts an issuer: the same as for access tokens, with the client ids of this service as its
    /// [`audience`](Issuer::audience), and nothing said about access tokens.
    pub fn issuer(mut self, issuer: Issuer<C>) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Takes tokens of the type `JWT`, or without a type, too: for providers from before the type
    /// `logout+jwt`. What tells a logout token is then its event alone.
    pub fn untyped_too(mut self) -> Self {
        self.typed = false;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    /// Every problem of the configuration at once.
    pub fn build(self) -> Result<LogoutVerifier<C>, ConfigError> {
        let mut problems = Problems::new();
        let cache = VerdictCache::with_capacity(CACHE_BYTES);
        let mut builder = JwtVerifier::builder_with_clock(self.clock).cache(cache);
        for (position, mut issuer) in self.issuers.into_iter().enumerate() {
            issuer_problems(&issuer, &format!("issuer[{position}]"), &mut problems);
            issuer.policy.rule = Some(TokenRule::Logout { typed: self.typed });
            issuer.policy.max_age.get_or_insert(MAX_AGE);
            builder = builder.issuer(issuer);
        }
        let verifier = problems.absorb("", builder.build());
        let verifier = problems.into_result(verifier)?;
        // None only with a problem, and then the line before has returned.
        let verifier = verifier.ok_or_else(|| {
            ConfigError::new("issuer", "is not usable", "look at the other problems")
        })?;
        Ok(LogoutVerifier { verifier })
    }
}

/// What an issuer must not say where it issues logout tokens.
fn issuer_problems<C: Clock>(issuer: &Issuer<C>, path: &str, problems: &mut Problems) {
    let policy = &issuer.policy;
    let mut push = |field: &str, message: &str, remedy: &str| {
        problems.push(format!("{path}.{field}"), message, remedy);
    };
    if policy.any_audience {
        push(
            "audience",
            "is anybody",
            "name the client ids of this service: a logout from another service is none here",
        );
    }
    if policy.rule.is_some() || !policy.clients.is_empty() || !policy.roles.is_empty() {
        push(
            "token_type",
            "says something about access tokens",
            "leave it out: a logout token is told by its type and its event",
        );
    }
    if policy.max_age.is_some_and(|age| age > MAX_AGE_CAP) {
        push(
            "max_token_age",
            "is longer than an hour",
            "lower it: as long must every token be remembered, to tell a replay",
        );
    }
}

impl<C: Clock> fmt::Debug for LogoutVerifierBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutVerifierBuilder")
            .field("issuers", &self.issuers)
            .field("typed", &self.typed)
            .finish_non_exhaustive()
    }
}
