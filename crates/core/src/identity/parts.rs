//! What a verifier knows of a caller, as fields.

use std::fmt;
use std::sync::Arc;

use crate::{Scopes, UnixTime};

/// What a verifier knows of a caller: the registered claims, and the whole payload.
///
/// Made by [`IdentityParts::new`], so that a field can be added without breaking verifiers of others.
#[derive(Clone)]
#[non_exhaustive]
pub struct IdentityParts {
    /// The issuer, byte for byte as configured (`iss`).
    pub issuer: Arc<str>,
    /// The subject (`sub`).
    pub subject: Option<Box<str>>,
    /// The session at the issuer (`sid`).
    pub session: Option<Box<str>>,
    /// The client that the token was issued to (`client_id`, `azp`, `appid` or `cid`).
    pub client: Option<Box<str>>,
    /// The granted scopes.
    pub scopes: Scopes,
    /// The roles found at the configured paths.
    pub roles: Vec<Box<str>>,
    /// The identifier of the token (`jti`).
    pub token_id: Option<Box<str>>,
    /// What names the token whether it has a `jti` or not.
    pub token_hash: Option<TokenHash>,
    /// The key that signed the token (`kid`).
    pub key_id: Option<Arc<str>>,
    /// The tenant, where the verifier was told where to find it.
    pub tenant: Option<Box<str>>,
    /// When the token ceases to be valid (`exp`), leeway not included.
    pub expires_at: Option<UnixTime>,
    /// When the token was issued (`iat`).
    pub issued_at: Option<UnixTime>,
    /// When the user last authenticated actively (`auth_time`).
    pub auth_time: Option<UnixTime>,
    /// How many milliseconds the issuer's clock is ahead of ours, where it was measured to differ.
    pub issuer_ahead_millis: Option<i64>,
    /// The authentication context class (`acr`).
    pub acr: Option<Box<str>>,
    /// The authentication methods (`amr`, RFC 8176).
    pub amr: Vec<Box<str>>,
    /// The claims as JSON text, for [`Identity::claims`](crate::Identity::claims).
    pub payload: Box<[u8]>,
}

/// SHA-256 of what makes a token the one it is.
///
/// `Debug` shows none of it: who has the hash can tell the token by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenHash {
    /// Of the signing input of a JWT: header, dot, payload. Never of the whole token, for an ECDSA signature
    /// has a valid twin.
    SigningInput([u8; 32]),
    /// Of all of a token that is not a JWT.
    Opaque([u8; 32]),
}

// === impl IdentityParts ===

impl IdentityParts {
    /// Parts that state only the issuer.
    #[must_use]
    pub fn new(issuer: impl Into<Arc<str>>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: None,
            session: None,
            client: None,
            scopes: Scopes::default(),
            roles: Vec::new(),
            token_id: None,
            token_hash: None,
            key_id: None,
            tenant: None,
            expires_at: None,
            issued_at: None,
            auth_time: None,
            issuer_ahead_millis: None,
            acr: None,
            amr: Vec::new(),
            payload: Box::from(*b"{}"),
        }
    }

    /// Bytes on the heap, roughly: what a cache should charge for keeping it. What is kept beside it under
    /// a [`MemoKey`](crate::MemoKey) comes on top.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let text = |field: &Option<Box<str>>| field.as_ref().map_or(0, |text| text.len());
        let list =
            |fields: &Vec<Box<str>>| fields.iter().map(|text| text.len() + 16).sum::<usize>();
        size_of::<Self>()
            + self.payload.len()
            + self.scopes.as_str().len()
            + [
                &self.subject,
                &self.session,
                &self.client,
                &self.token_id,
                &self.tenant,
                &self.acr,
            ]
            .into_iter()
            .map(text)
            .sum::<usize>()
            + list(&self.roles)
            + list(&self.amr)
    }
}

impl fmt::Debug for IdentityParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityParts")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

// === impl TokenHash ===

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SigningInput(_) => "SigningInput(..)",
            Self::Opaque(_) => "Opaque(..)",
        })
    }
}
