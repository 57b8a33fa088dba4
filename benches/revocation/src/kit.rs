//! What is presented: tokens signed by a real key, one in four revoked by each name that a token can be revoked by.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use portcullis_auth::key::{KeySpec, VerifyingKey};
use portcullis_auth::{Issuer, JwtVerifier, Keys};
use portcullis_core::UnixTime;
use portcullis_revocation::Target;
use portcullis_testing::{KeyMint, SigningKey};

pub(crate) const ISSUER: &str = "https://idp.example.com/realms/main";
const AUDIENCE: &str = "https://api.example.com";

/// A key, and who signs with it.
#[derive(Debug)]
pub(crate) struct Kit {
    key: SigningKey,
    jwk: String,
}

/// A token, and how to revoke it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) bearer: HeaderValue,
    pub(crate) target: Target,
}

// === impl Kit ===

impl Kit {
    pub(crate) fn new() -> Self {
        let key = SigningKey::es256();
        let jwk = key.jwk().to_string();
        Self { key, jwk }
    }

    /// The public key.
    pub(crate) fn jwk(&self) -> &str {
        &self.jwk
    }

    /// So many tokens that live for ten minutes more.
    pub(crate) fn tokens(&self, count: usize) -> Vec<Token> {
        let each = |number| self.token(number, UnixTime::from(SystemTime::now() + 10 * MINUTE));
        (0..count).map(each).collect()
    }

    /// So many tokens, of which every other one has expired some seconds ago and lives by leeway alone.
    pub(crate) fn tokens_at_their_end(&self, count: usize) -> Vec<Token> {
        let now = UnixTime::from(SystemTime::now());
        let exp = |number: usize| {
            if number.is_multiple_of(2) {
                now - Duration::from_secs(number as u64 % 20)
            } else {
                now + 10 * MINUTE
            }
        };
        (0..count)
            .map(|number| self.token(number, exp(number)))
            .collect()
    }

    fn token(&self, number: usize, exp: UnixTime) -> Token {
        let [subject, session, id] = ["sub", "sid", "jti"].map(|name| format!("{name}-{number}"));
        // Issued a while ago: a watermark spares what was issued within the second before it.
        let mut builder = KeyMint::new()
            .token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject(&subject)
            .session(&session)
            .token_id(&id)
            .issued_at(UnixTime::from(SystemTime::now()) - 5 * MINUTE)
            .expires_at(exp);
        let by = number / 2 % 4;
        if by == 3 {
            builder = builder.without("jti");
        }
        let text = builder.sign(&self.key);
        let target = match by {
            0 => Target::token(ISSUER, &id).expiring(exp),
            1 => Target::session(ISSUER, &session),
            2 => Target::subject(ISSUER, &subject),
            _ => Target::jwt(ISSUER, &text).expect("three parts"),
        };
        let bearer = bearer(&text);
        Token {
            text,
            bearer,
            target,
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn bearer(token: &str) -> HeaderValue {
    format!("Bearer {token}").parse().expect("a header value")
}

/// What judges tokens of this key.
///
/// # Panics
/// If the key cannot be used.
pub(crate) fn verifier(jwk: &str, leeway: Duration) -> JwtVerifier {
    let key = VerifyingKey::from_jwk(jwk, &KeySpec::new()).expect("a public key");
    let keys = Keys::fixed([key]).expect("one key");
    let issuer = Issuer::new(ISSUER, keys)
        .audience(AUDIENCE)
        .leeway(leeway)
        // Some have no `jti`, which RFC 9068 asks for.
        .dangerously_any_token();
    JwtVerifier::builder()
        .issuer(issuer)
        .build()
        .expect("a complete configuration")
}
