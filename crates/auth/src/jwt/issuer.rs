//! An issuer that is trusted, and what its tokens must look like.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, Problems, SystemClock};

use super::policy::{Policy, TokenRule};
use super::roles::RolePath;
use crate::jwks::{Jwks, KeySet};
use crate::key::{Algorithm, AlgorithmSet, DuplicateKid, HmacRing, VerifyingKey};

/// An issuer whose tokens are trusted, where its keys come from, and what its tokens must look like.
///
/// Two questions have no safe default, and [`build`](super::JwtVerifierBuilder::build) asks for an
/// answer:
///
/// | question | answers |
/// |---|---|
/// | for whom must a token be meant? | [`audience`](Issuer::audience); [`clients`](Issuer::clients) for providers without `aud`; [`dangerously_any_audience`](Issuer::dangerously_any_audience) |
/// | how is an access token told from an ID token? | [`access_tokens_only`](Issuer::access_tokens_only) (RFC 9068); [`scope_required`](Issuer::scope_required); [`clients`](Issuer::clients); [`dangerously_any_token`](Issuer::dangerously_any_token) |
#[derive(Clone)]
pub struct Issuer<C: Clock = SystemClock> {
    pub(super) keys: Keys<C>,
    pub(super) policy: Policy,
}

/// Where the keys of an issuer come from.
#[derive(Clone)]
pub struct Keys<C: Clock = SystemClock>(pub(super) Source<C>);

#[derive(Clone)]
pub(super) enum Source<C: Clock> {
    Fixed(Arc<KeySet>),
    Ring(Arc<HmacRing>),
    Remote(Jwks<C>),
}

/// An issuer, checked.
pub(super) struct Trusted<C: Clock> {
    pub(super) source: Source<C>,
    pub(super) policy: Policy,
    pub(super) name: Arc<str>,
}

/// The largest leeway.
const LEEWAY_MAX: Duration = Duration::from_secs(300);

// === impl Keys ===

impl<C: Clock> Keys<C> {
    /// Public keys that were configured.
    ///
    /// # Errors
    /// If two of them have one id and an algorithm in common.
    pub fn fixed(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, DuplicateKid> {
        let set = KeySet::fixed(keys.into_iter().collect())?;
        Ok(Self(Source::Fixed(Arc::new(set))))
    }

    /// A shared secret, and perhaps the next one, for systems in which issuer and service are one.
    #[must_use]
    pub fn shared_secret(ring: HmacRing) -> Self {
        Self(Source::Ring(Arc::new(ring)))
    }

    pub(super) fn is_symmetric(&self) -> bool {
        matches!(self.0, Source::Ring(_))
    }
}

/// The keys that the issuer publishes.
impl<C: Clock> From<Jwks<C>> for Keys<C> {
    fn from(jwks: Jwks<C>) -> Self {
        Self(Source::Remote(jwks))
    }
}

impl<C: Clock> From<HmacRing> for Keys<C> {
    fn from(ring: HmacRing) -> Self {
        Self::shared_secret(ring)
    }
}

impl<C: Clock> fmt::Debug for Keys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Source::Fixed(_) => "Fixed",
            Source::Ring(_) => "SharedSecret",
            Source::Remote(_) => "Remote",
        };
        f.debug_tuple("Keys")
            .field(&format_args!("{kind}"))
            .finish()
    }
}

// === impl Issuer ===

impl Issuer {
    /// How much difference between the clocks is tolerated unless [`leeway`](Issuer::leeway) says otherwise.
    pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
}

impl<C: Clock> Issuer<C> {
    /// Trusts tokens whose `iss` is `name`, byte for byte, signed with `keys`.
    pub fn new(name: &str, keys: impl Into<Keys<C>>) -> Self {
        let keys = keys.into();
        let algorithms = match &keys.0 {
            Source::Ring(ring) => AlgorithmSet::of(&[ring.algorithm()]),
            Source::Fixed(_) | Source::Remote(_) => AlgorithmSet::ASYMMETRIC,
        };
        Self {
            keys,
            policy: Policy::new(name, algorithms),
        }
    }

    /// Trusts tokens of the issuer that publishes `jwks`.
    pub fn published(jwks: Jwks<C>) -> Self {
        let name = jwks.issuer().to_owned();
        Self::new(&name, jwks)
    }

    /// Trusts another spelling of `iss` too, for providers that have several (a v1 and a v2 endpoint
    /// with the same keys).
    #[must_use]
    pub fn also_known_as(mut self, name: impl Into<Box<str>>) -> Self {
        self.policy.aliases.push(name.into());
        self
    }

    /// Accepts tokens meant for `audience`. Call it again for another one: any of them will do.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.policy.audiences.push(audience.into());
        self
    }

    /// Accepts tokens meant for anybody.
    ///
    /// A token that the user gave to any other service of this issuer can then be used here.
    #[must_use]
    pub fn dangerously_any_audience(mut self) -> Self {
        self.policy.any_audience = true;
        self
    }

    /// Accepts only these algorithms. Otherwise all that the keys are for.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts only tokens of the type `at+jwt`, with all the claims that RFC 9068 section 2.2 requires.
    #[must_use]
    pub fn access_tokens_only(mut self) -> Self {
        self.policy.rule = Some(TokenRule::AccessToken);
        self
    }

    /// Accepts only tokens that grant a scope, or a role at one of [`roles_at`](Self::roles_at).
    ///
    /// ID tokens grant no scope. If your provider puts roles into ID tokens too, it is the audience that
    /// keeps them out.
    #[must_use]
    pub fn scope_required(mut self) -> Self {
        self.policy.rule = Some(TokenRule::Scoped);
        self
    }

    /// Accepts any token of the issuer, ID tokens too.
    ///
    /// An ID token is made for a client to read; whoever gets hold of one could then use it here.
    #[must_use]
    pub fn dangerously_any_token(mut self) -> Self {
        self.policy.rule = Some(TokenRule::Any);
        self
    }

    /// Accepts only tokens issued to one of these clients (`client_id`, `azp`, `appid` or `cid`).
    ///
    /// For providers whose access tokens have no `aud`, this stands in for the audience; a token that
    /// has an `aud` is then refused. With an audience as well, and no other way to tell an access token
    /// from an ID token, a token is refused that has `at_hash` or `c_hash`, or is meant for its client.
    #[must_use]
    pub fn clients<T: Into<Box<str>>>(mut self, clients: impl IntoIterator<Item = T>) -> Self {
        self.policy.clients = clients.into_iter().map(Into::into).collect();
        self
    }

    /// Takes roles from this claim, a path of names with dots between them: `realm_access.roles`. A
    /// name that has dots itself goes in quotes: `"https://example.com/roles"`.
    #[must_use]
    pub fn roles_at(mut self, path: &str) -> Self {
        self.policy.roles.push(RolePath::parse(path));
        self
    }

    /// Takes the tenant from this claim, a path as in [`roles_at`](Self::roles_at): a text, or an array with
    /// one in it.
    #[must_use]
    pub fn tenant_at(mut self, path: &str) -> Self {
        self.policy.tenant = Some(RolePath::parse(path));
        self
    }

    /// Tolerates this much difference between the clocks. 30 s unless set, 300 s at most.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = leeway;
        self
    }

    /// Refuses tokens issued longer ago than this, and those that do not say when.
    #[must_use]
    pub fn max_token_age(mut self, age: Duration) -> Self {
        self.policy.max_age = Some(age);
        self
    }

    /// Every problem of this issuer's configuration.
    pub(super) fn problems(&self, path: &str, problems: &mut Problems) {
        let policy = &self.policy;
        let mut push = |field: &str, message: &str, remedy: &str| {
            problems.push(format!("{path}.{field}"), message, remedy);
        };
        if policy.name.is_empty() || policy.aliases.iter().any(|alias| alias.is_empty()) {
            push(
                "name",
                "is empty",
                "give it the value of `iss`, byte for byte",
            );
        }
        if policy.audiences.is_empty() && policy.clients.is_empty() && !policy.any_audience {
            push(
                "audience",
                "is not set",
                "name the audience of this service, or the clients where the provider has no `aud`",
            );
        }
        if policy.audiences.iter().any(|audience| audience.is_empty()) {
            push("audience", "is empty", "give it a value");
        }
        if policy.rule.is_none() && policy.clients.is_empty() {
            push(
                "token_type",
                "is not set, so an ID token would pass for an access token",
                "require access tokens (RFC 9068), or a scope, or name the clients",
            );
        }
        if policy.leeway > LEEWAY_MAX {
            push(
                "leeway",
                "is longer than 300 s",
                "lower it, and set the clocks",
            );
        }
        if policy.algorithms.is_empty() {
            push(
                "algorithms",
                "is empty",
                "name at least one, or leave it out",
            );
        }
        let fits = match &self.keys.0 {
            Source::Ring(ring) => policy.algorithms == AlgorithmSet::of(&[ring.algorithm()]),
            Source::Remote(_) => policy.algorithms.is_disjoint(AlgorithmSet::HMAC),
            Source::Fixed(set) if set.keys().is_empty() => {
                push("keys", "is empty", "name at least one key");
                true
            }
            Source::Fixed(set) => {
                let all = set.keys().iter().map(|key| key.algorithms());
                let keys = all.fold(AlgorithmSet::EMPTY, AlgorithmSet::union);
                policy.algorithms.is_disjoint(AlgorithmSet::HMAC)
                    && !policy.algorithms.is_disjoint(keys)
            }
        };
        if !fits && !policy.algorithms.is_empty() {
            push(
                "algorithms",
                "does not fit the keys",
                "HS* is for shared secrets, one algorithm for each; name what the public keys are for",
            );
        }
        if policy.roles.iter().any(RolePath::is_empty) {
            push(
                "roles_at",
                "has an empty name in it",
                "write names with one dot between them",
            );
        }
        if policy.tenant.as_ref().is_some_and(RolePath::is_empty) {
            push(
                "tenant_at",
                "has an empty name in it",
                "write names with one dot between them",
            );
        }
    }
}

impl<C: Clock> fmt::Debug for Issuer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("keys", &self.keys)
            .field("policy", &self.policy)
            .finish()
    }
}

// === impl Trusted ===

impl<C: Clock> Trusted<C> {
    pub(super) fn new(issuer: Issuer<C>) -> Self {
        let name = Arc::from(&*issuer.policy.name);
        Self {
            source: issuer.keys.0,
            policy: issuer.policy,
            name,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}
