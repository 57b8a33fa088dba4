//! What to revoke.

use std::fmt;

use portcullis_core::UnixTime;

use crate::log::Edit;
use crate::secrets::Domain;
use crate::time::ServerTime;
use crate::token::{opaque_hash, signing_input_hash};
use crate::{Horizon, Id, Kind, Secrets};

/// What to revoke, or to take a revocation back from.
///
/// | target | ends | by |
/// |---|---|---|
/// | [`token`](Self::token), [`jwt`](Self::jwt), [`opaque`](Self::opaque) | one token | its name |
/// | [`session`](Self::session) | all tokens of a session, later ones too | its name |
/// | [`subject`](Self::subject), [`client`](Self::client), [`key`](Self::key), [`tenant`](Self::tenant) | all tokens older than now | time |
/// | [`everything`](Self::everything) | all tokens older than now, of every issuer | time |
///
/// A token that was issued within the second before a watermark may outlive it, for dates in tokens are whole
/// seconds. Who logs a subject out everywhere names the session at hand, too.
#[derive(Clone)]
pub struct Target {
    kind: Kind,
    domain: Domain,
    issuer: Box<str>,
    value: Box<[u8]>,
    expires: Option<UnixTime>,
}

/// The word that is needed to revoke everything.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation(());

// === impl Target ===

impl Target {
    /// A token, by its `jti`.
    #[must_use]
    pub fn token(issuer: &str, jti: &str) -> Self {
        Self::new(Kind::Token, Domain::TokenId, issuer, jti.as_bytes())
    }

    /// A JWT without a `jti`, by what was signed; the signature does not matter. None if it has not three
    /// parts.
    #[must_use]
    pub fn jwt(issuer: &str, token: &str) -> Option<Self> {
        let hash = signing_input_hash(token)?;
        Some(Self::new(Kind::Token, Domain::SigningInput, issuer, &hash))
    }

    /// A token that is not a JWT.
    #[must_use]
    pub fn opaque(issuer: &str, token: &str) -> Self {
        Self::new(
            Kind::Token,
            Domain::OpaqueToken,
            issuer,
            &opaque_hash(token),
        )
    }

    /// A session (`sid`).
    #[must_use]
    pub fn session(issuer: &str, sid: &str) -> Self {
        Self::new(Kind::Session, Domain::Session, issuer, sid.as_bytes())
    }

    /// A subject (`sub`).
    #[must_use]
    pub fn subject(issuer: &str, sub: &str) -> Self {
        Self::new(Kind::Subject, Domain::Subject, issuer, sub.as_bytes())
    }

    /// A client.
    #[must_use]
    pub fn client(issuer: &str, client: &str) -> Self {
        Self::new(Kind::Client, Domain::Client, issuer, client.as_bytes())
    }

    /// A signing key (`kid`). It ends the tokens that were issued before; whoever has the private key
    /// can sign others, so take the key out of the set, too.
    #[must_use]
    pub fn key(issuer: &str, kid: &str) -> Self {
        Self::new(Kind::Key, Domain::Key, issuer, kid.as_bytes())
    }

    /// A tenant.
    #[must_use]
    pub fn tenant(issuer: &str, tenant: &str) -> Self {
        Self::new(Kind::Tenant, Domain::Tenant, issuer, tenant.as_bytes())
    }

    /// Every token of every issuer.
    #[must_use]
    pub fn everything(_: Confirmation) -> Self {
        Self::new(Kind::Everything, Domain::Everything, "", b"")
    }

    /// Says when the token expires (`exp`), so that it need not be remembered longer. Without effect on
    /// anything but a token.
    #[must_use]
    pub fn expiring(mut self, exp: UnixTime) -> Self {
        self.expires = (self.kind == Kind::Token).then_some(exp);
        self
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    fn new(kind: Kind, domain: Domain, issuer: &str, value: &[u8]) -> Self {
        Self {
            kind,
            domain,
            issuer: issuer.into(),
            value: value.into(),
            expires: None,
        }
    }

    pub(super) fn ids<'a>(&'a self, secrets: &'a Secrets) -> impl Iterator<Item = Id> + 'a {
        secrets.ids(self.domain, &self.issuer, &self.value)
    }

    /// The id under the current secret.
    pub(super) fn id(&self, secrets: &Secrets) -> Id {
        secrets.id(self.domain, &self.issuer, &self.value)
    }

    pub(super) fn revocation(&self) -> Edit {
        let kept = |exp: UnixTime| ServerTime::from_unix(exp + Horizon::LEEWAY + Horizon::MARGIN);
        Edit::Revoke {
            kind: self.kind,
            expires: self.expires.map(kept),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

// === impl Confirmation ===

impl Confirmation {
    /// What must be said.
    pub const WORD: &str = "everything";

    /// Hears the word that was said.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        (word == Self::WORD).then_some(Self(()))
    }
}
