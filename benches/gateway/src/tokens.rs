//! What is presented: access tokens of the usual size, signed by a real key.

use std::time::Duration;

use portcullis_testing::{Algorithm, KeyMint, RsaSize, SigningKey, jwks};

pub(crate) const ISSUER: &str = "https://idp.example.com/realms/main";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// Longer than any run, so that no token expires on the way.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A key, and a token for each caller.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: SigningKey,
    pub(crate) tokens: Vec<String>,
}

// === impl Tokens ===

impl Tokens {
    /// Signs a token for each of `callers`, by RS256.
    pub(crate) fn sign(callers: usize) -> Self {
        let key = SigningKey::rsa_of("bench", RsaSize::Bits2048).with_algorithm(Algorithm::Rs256);
        let tokens = (0..callers).map(|number| sign(&key, number)).collect();
        Self { key, tokens }
    }

    /// The public key as a JWK Set.
    pub(crate) fn jwks(&self) -> String {
        jwks([&self.key]).to_string()
    }
}

/// What an issuer puts into an access token for a person (RFC 9068, and a few roles).
fn sign(key: &SigningKey, number: usize) -> String {
    KeyMint::new()
        .token()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .subject(&format!("3f1c9a52-7d0e-4b8a-9c41-{number:012x}"))
        .client("web-frontend")
        .session(&format!("c0ffee00-1d2c-4e5f-8a9b-{number:012x}"))
        .scope("openid profile api:read api:write")
        .claim("roles", ["editor", "reviewer"])
        .expires_in(LIFETIME)
        .sign(key)
}
