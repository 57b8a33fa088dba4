//! What a verifier knows of a token that somebody wants revoked.

use portcullis_core::{Identity, Secret, TokenHash};
use portcullis_revocation::Target;
use portcullis_revocation::feeds::{FeedFuture, KnownToken, TokenReader, TokenReading};

use crate::verifier::settle;
use crate::{Verdict, Verifier};

/// Lets the access tokens that a verifier takes be revoked, at a
/// [`TokenRevocation`](portcullis_revocation::feeds::TokenRevocation) endpoint (RFC 7009).
///
/// | the verifier says | the endpoint may revoke |
/// |---|---|
/// | valid | the token, by its `jti`, else by what is signed in it; an opaque one by all of it |
/// | invalid, or expired | nothing |
/// | it cannot be found out | nothing yet: 503 |
///
/// ```
/// # use portcullis_auth::JwtVerifier;
/// # use portcullis_core::{ConfigError, Secret};
/// # use portcullis_revocation::Revoker;
/// use portcullis_auth::RevocableTokens;
/// use portcullis_revocation::feeds::{Client, Clients, TokenRevocation};
///
/// # fn doc(verifier: JwtVerifier, revoker: Revoker, secret: Secret) -> Result<(), ConfigError> {
/// let clients = Clients::new([Client::new("https://idp.example.com", "web", secret)])?;
/// let endpoint = TokenRevocation::new(revoker, RevocableTokens::new(verifier), clients);
/// # let _ = endpoint;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RevocableTokens<V> {
    verifier: V,
}

// === impl RevocableTokens ===

impl<V> RevocableTokens<V> {
    /// The tokens that `verifier` takes.
    pub const fn new(verifier: V) -> Self {
        Self { verifier }
    }
}

impl<V: Verifier> TokenReader for RevocableTokens<V> {
    fn read<'a>(&'a self, token: &'a Secret) -> FeedFuture<'a, TokenReading> {
        Box::pin(async move {
            match settle(&self.verifier, token).await {
                Verdict::Valid(identity) => known(&identity, token),
                Verdict::Invalid(_) => TokenReading::Unknown,
                // Whatever is held: a degrade policy is about whom to let in.
                Verdict::Indeterminate(outage) => TokenReading::Unavailable {
                    retry_after: outage.retry_after,
                },
            }
        })
    }
}

fn known(identity: &Identity, token: &Secret) -> TokenReading {
    let parts = identity.parts();
    let issuer = &*parts.issuer;
    let text = token.expose_str();
    let target = match (&parts.token_id, &parts.token_hash, text) {
        (Some(jti), _, _) => Some(Target::token(issuer, jti)),
        (None, Some(TokenHash::SigningInput(_)), Some(text)) => Target::jwt(issuer, text),
        (None, Some(TokenHash::Opaque(_)), Some(text)) => Some(Target::opaque(issuer, text)),
        _ => None,
    };
    // A verifier that names no token leaves none to revoke.
    target.map_or(TokenReading::Unknown, |target| {
        let target = match parts.expires_at {
            Some(exp) => target.expiring(exp),
            None => target,
        };
        TokenReading::Known(KnownToken::new(issuer, identity.client(), target))
    })
}
