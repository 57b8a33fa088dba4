//! The entry points for fuzzing tokens and claims.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use portcullis_core::{Clock, Identity, Provenance, UnixTime};
use serde_json::Value;

use super::policy::Policy;
use super::{Issuer, JwtVerifier, identity};
use crate::jose::{Claims, Header};
use crate::key::{Algorithm, HmacRing};
use crate::{Attempt, Reason, Verdict};

/// The issuer that the [`verifiers`] trust.
pub const ISSUER: &str = "https://idp.example.com";
/// The audience that they are.
pub const AUDIENCE: &str = "https://api.example.com";
/// The only client of the last of them.
pub const CLIENT: &str = "web";
/// The oldest token that the last of them takes.
pub const MAX_AGE: Duration = Duration::from_secs(3_600);
/// What tokens for them are signed with, by HS256. It guards nothing.
pub const SECRET: &[u8; 32] = b"any 32 bytes; they guard nothing";
/// The time that it always is: 2030-01-01T00:00:00Z.
pub const NOW: UnixTime = UnixTime::from_secs(1_893_456_000);

/// A clock at [`NOW`], so that the same bytes always have the same verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Instant {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        *FIRST.get_or_init(Instant::now)
    }

    fn wall(&self) -> UnixTime {
        NOW
    }
}

/// A verifier for each rule by which access tokens are told: any token, RFC 9068, and scopes.
///
/// # Panics
/// If the configuration below is not good.
pub fn verifiers() -> &'static [JwtVerifier<StillClock>; 3] {
    static VERIFIERS: OnceLock<[JwtVerifier<StillClock>; 3]> = OnceLock::new();
    VERIFIERS.get_or_init(|| {
        issuers().map(|issuer| {
            let builder = JwtVerifier::builder_with_clock(StillClock).issuer(issuer);
            match builder.build() {
                Ok(verifier) => verifier,
                Err(error) => panic!("a bad configuration: {error}"),
            }
        })
    })
}

fn issuers() -> [Issuer<StillClock>; 3] {
    let issuer = || match HmacRing::new(Algorithm::HS256, SECRET) {
        Ok(ring) => Issuer::new(ISSUER, ring).audience(AUDIENCE),
        Err(error) => panic!("a bad secret: {error}"),
    };
    [
        issuer()
            .dangerously_any_token()
            .roles_at("realm_access.roles"),
        issuer().access_tokens_only(),
        issuer()
            .scope_required()
            .roles_at("roles")
            .clients([CLIENT])
            .max_token_age(MAX_AGE),
    ]
}

/// Judges any bytes as a token; panics if a promise is broken.
pub fn fuzz_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for verifier in verifiers() {
        let first = verdict(verifier, &text);
        // The caches change nothing.
        assert_eq!(first, verdict(verifier, &text));
    }
}

fn verdict(verifier: &JwtVerifier<StillClock>, token: &str) -> Result<(), Reason> {
    match verifier.explain(token) {
        Attempt::Done(Verdict::Valid(identity)) => {
            assert_promised(&identity);
            Ok(())
        }
        Attempt::Done(Verdict::Invalid(reason)) => Err(reason),
        other => panic!("{other:?} with a key that is there"),
    }
}

/// Reads any bytes as the claims of a token whose signature is good; panics if a promise is broken.
pub fn fuzz_claims(data: &[u8]) {
    let claims = match Claims::read(data) {
        Ok(claims) => claims,
        Err(reason) => {
            let known = matches!(reason, Reason::Malformed | Reason::MalformedClaim);
            assert!(known, "{reason}");
            return;
        }
    };
    let Ok(header) = Header::read(br#"{"alg":"HS256","typ":"at+jwt"}"#) else {
        panic!("a good header");
    };
    for issuer in issuers() {
        let policy: Policy = issuer.policy;
        let checked = policy.check(&header, &claims, NOW);
        let name = Arc::from(&*policy.name);
        // Whether or not they may pass: nothing in them does harm.
        let Ok(mut parts) = identity::parts(&name, &policy, &claims, data) else {
            continue;
        };
        parts.payload = data.into();
        let identity = Identity::new(parts, Provenance::Fresh);
        assert_readable(&identity);
        if checked.is_ok() {
            assert_promised(&identity);
        }
    }
}

/// What others may rely on in an identity of a token that is valid.
fn assert_promised(identity: &Identity) {
    assert_eq!(identity.issuer(), ISSUER);
    assert!(identity.expires_at().is_some_and(|exp| exp + LEEWAY > NOW));
    assert_readable(identity);
}

const LEEWAY: Duration = Duration::from_secs(30);

/// What is in an identity says the same as the claims, and fits into a header.
fn assert_readable(identity: &Identity) {
    let claims = match identity.claims::<Value>() {
        Ok(claims) => claims,
        Err(error) => panic!("claims that nobody else can read: {error}"),
    };
    for (name, field) in [
        ("sub", identity.subject()),
        ("sid", identity.session()),
        ("jti", identity.parts().token_id.as_deref()),
        ("acr", identity.parts().acr.as_deref()),
    ] {
        assert_eq!(field, claims[name].as_str(), "{name}");
    }
    let printable = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
    let parts = identity.parts();
    let fields = [&parts.subject, &parts.session, &parts.client, &parts.acr];
    assert!(fields.into_iter().flatten().all(|text| printable(text)));
    assert!(identity.roles().all(printable));
    assert!(identity.scopes().iter().all(printable));
    assert!(
        !format!("{identity:?}").contains("MARK"),
        "a secret in Debug"
    );
}
