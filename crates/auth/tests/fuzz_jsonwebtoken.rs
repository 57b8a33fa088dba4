//! What we accept, the library that most services use accepts as well: there is no token that only we
//! take for good.
//!
//! It runs with all its checks on, on the clock of the operating system, with a provider of this test.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod fuzz_kit;

use std::sync::{Once, OnceLock};

use aws_lc_rs::hmac;
use fuzz_kit::json::{CLAIMS, good_claims, value};
use fuzz_kit::sign;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier as LibraryVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as LibraryResult};
use jsonwebtoken::signature::{Error as BadSignature, Verifier};
use jsonwebtoken::{DecodingKey, Validation};
use portcullis_auth::fuzz::{AUDIENCE, ISSUER, SECRET};
use portcullis_auth::key::{Algorithm, HmacRing};
use portcullis_auth::{Attempt, Issuer, JwtVerifier, Verdict};
use portcullis_core::{Clock, SystemClock};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const HEADER: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;
const LEEWAY: u64 = 30;

struct Mac;

impl Verifier<Vec<u8>> for Mac {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), BadSignature> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        hmac::verify(&key, message, tag).map_err(|_| BadSignature::new())
    }
}

impl LibraryVerifier for Mac {
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        jsonwebtoken::Algorithm::HS256
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |_, _| Ok(Box::new(Mac)),
    key_utils: KeyUtils::new_unimplemented(),
};

fn theirs(token: &str) -> LibraryResult<Value> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| PROVIDER.install_default().unwrap());
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    let key = DecodingKey::from_secret(SECRET);
    jsonwebtoken::decode(token, &key, &validation).map(|data| data.claims)
}

fn ours(token: &str) -> Option<Value> {
    static VERIFIER: OnceLock<JwtVerifier> = OnceLock::new();
    let verifier = VERIFIER.get_or_init(|| {
        let ring = HmacRing::new(Algorithm::HS256, SECRET).unwrap();
        let issuer = Issuer::new(ISSUER, ring).audience(AUDIENCE);
        let issuer = issuer.dangerously_any_token();
        JwtVerifier::builder().issuer(issuer).build().unwrap()
    });
    match verifier.explain(token) {
        Attempt::Done(Verdict::Valid(identity)) => {
            Some((*identity.claims::<Value>().unwrap()).clone())
        }
        _ => None,
    }
}

/// Claims of today, with some of them changed.
fn claims() -> impl Strategy<Value = Value> {
    let now = SystemClock.wall().as_secs();
    let date = prop::sample::select(vec![
        json!(now - 300),
        json!(now - 20),
        json!(now),
        json!(now + 20),
        json!(now + 300),
        json!((now + 20) as f64 + 0.75),
        json!((now - 20) as f64 + 0.75),
    ]);
    let dated = prop::sample::select(vec!["exp", "nbf", "iat"]);
    let change = prop_oneof![(prop::sample::select(CLAIMS), value()), (dated, date),];
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut claims = good_claims();
        claims["exp"] = json!(now + 300);
        claims["iat"] = json!(now);
        for (name, value) in changes {
            claims[name] = value;
        }
        claims
    })
}

/// The library reads no date at or beyond 2^64; we take it for the end of time.
fn comparable(claims: &Value) -> bool {
    ["exp", "nbf"]
        .iter()
        .all(|name| claims[*name].as_f64().is_none_or(|date| date < 1.8e19))
}

#[test]
fn a_good_token_is_good_for_both_and_a_forged_one_for_neither() {
    let now = SystemClock.wall().as_secs();
    let mut claims = good_claims();
    claims["exp"] = json!(now + 300);
    claims["iat"] = json!(now);
    let good = sign(HEADER, claims.to_string().as_bytes());
    assert_eq!(ours(&good), Some(claims.clone()));
    assert_eq!(theirs(&good).unwrap(), claims);
    let forged = portcullis_testing::forge::tampered(&good);
    assert_eq!(ours(&forged), None);
    assert!(matches!(
        theirs(&forged).unwrap_err().kind(),
        ErrorKind::InvalidSignature
    ));
}

/// So that the comparison below is of something.
#[test]
fn the_generator_brings_about_good_tokens_and_bad_ones() {
    let mut runner = TestRunner::deterministic();
    let accepted = (0..200)
        .map(|_| claims().new_tree(&mut runner).unwrap().current())
        .filter(|claims| ours(&sign(HEADER, claims.to_string().as_bytes())).is_some())
        .count();
    assert!((40..160).contains(&accepted), "{accepted} of 200");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_token_that_we_accept_is_accepted_by_the_library_and_says_the_same(claims in claims()) {
        let token = sign(HEADER, claims.to_string().as_bytes());
        if let Some(read) = ours(&token)
            && comparable(&claims)
        {
            prop_assert_eq!(theirs(&token).map_err(|error| error.to_string()), Ok(read));
        }
    }
}
