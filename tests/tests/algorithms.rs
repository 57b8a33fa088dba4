//! Every algorithm, end to end: accepted where it is allowed, refused where it is not.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use portcullis_auth::key::{Algorithm, HmacRing};
use portcullis_auth::{Issuer, JwtVerifier, Keys, Reason};
use portcullis_core::Clock as _;
use portcullis_testing::Algorithm as Signed;
use portcullis_testing::{AUDIENCE, ISSUER, SigningKey, TestClock, TokenBuilder};
use portcullis_tests::api::{ask, bearer, fixed, trusting};

/// As long as the longest hash.
const SECRET: [u8; 64] = [7; 64];

/// What a token says, and what a verifier calls that. Ed25519 has two names.
const TABLE: [(Signed, &str, Algorithm); 13] = [
    (Signed::Rs256, "RS256", Algorithm::RS256),
    (Signed::Rs384, "RS384", Algorithm::RS384),
    (Signed::Rs512, "RS512", Algorithm::RS512),
    (Signed::Ps256, "PS256", Algorithm::PS256),
    (Signed::Ps384, "PS384", Algorithm::PS384),
    (Signed::Ps512, "PS512", Algorithm::PS512),
    (Signed::Es256, "ES256", Algorithm::ES256),
    (Signed::Es384, "ES384", Algorithm::ES384),
    (Signed::EdDsa, "EdDSA", Algorithm::EdDSA),
    (Signed::Ed25519, "Ed25519", Algorithm::EdDSA),
    (Signed::Hs256, "HS256", Algorithm::HS256),
    (Signed::Hs384, "HS384", Algorithm::HS384),
    (Signed::Hs512, "HS512", Algorithm::HS512),
];

fn key(signed: Signed) -> SigningKey {
    match signed {
        Signed::Rs256
        | Signed::Rs384
        | Signed::Rs512
        | Signed::Ps256
        | Signed::Ps384
        | Signed::Ps512 => SigningKey::rsa("algorithms").with_algorithm(signed),
        Signed::Hs256 | Signed::Hs384 | Signed::Hs512 => {
            SigningKey::hmac(SECRET).with_algorithm(signed)
        }
        other => SigningKey::generate(other),
    }
}

fn keys(key: &SigningKey, algorithm: Algorithm) -> Keys<TestClock> {
    if algorithm.is_symmetric() {
        HmacRing::new(algorithm, &SECRET).unwrap().into()
    } else {
        fixed(&[key])
    }
}

fn issuer(keys: Keys<TestClock>) -> Issuer<TestClock> {
    Issuer::new(ISSUER, keys)
        .audience(AUDIENCE)
        .access_tokens_only()
}

fn token(clock: &TestClock) -> TokenBuilder {
    TokenBuilder::at(clock.wall())
        .issuer(ISSUER)
        .audience(AUDIENCE)
}

#[test]
fn the_table_has_every_algorithm() {
    assert_eq!(TABLE.map(|(signed, ..)| signed), Signed::ALL);
    for algorithm in Algorithm::ALL {
        assert!(TABLE.iter().any(|row| row.2 == algorithm), "{algorithm}");
    }
}

#[tokio::test]
async fn every_algorithm_is_accepted_by_default_and_where_it_alone_is_allowed() {
    let clock = TestClock::new();
    for (signed, name, algorithm) in TABLE {
        let key = key(signed);
        let token = token(&clock).subject(name).sign(&key);
        assert_eq!(portcullis_testing::forge::header(&token)["alg"], name);
        for issuer in [
            issuer(keys(&key, algorithm)),
            issuer(keys(&key, algorithm)).algorithms([algorithm]),
        ] {
            let answer = ask(&trusting(&clock, [issuer]), bearer(&token)).await;
            assert_eq!(answer.caller().subject(), Some(name));
        }
    }
}

#[tokio::test]
async fn every_public_key_algorithm_is_refused_where_only_others_are_allowed() {
    let clock = TestClock::new();
    let public = |algorithm: &Algorithm| !algorithm.is_symmetric();
    // So that what is allowed fits some key.
    let beside = [SigningKey::es256(), SigningKey::es384()];
    for (signed, name, algorithm) in TABLE.into_iter().filter(|row| public(&row.2)) {
        let key = key(signed);
        let token = token(&clock).subject(name).sign(&key);
        let others = Algorithm::ALL.into_iter().filter(public);
        let others = others.filter(|other| *other != algorithm);
        let keys = fixed(&[&key, &beside[0], &beside[1]]);
        let issuer = issuer(keys).algorithms(others);
        let answer = ask(&trusting(&clock, [issuer]), bearer(&token)).await;
        answer.assert_bad(Reason::Algorithm);
    }
}

#[test]
fn a_shared_secret_cannot_be_configured_for_another_hash_than_its_own() {
    for algorithm in Algorithm::ALL {
        for ring in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let keys = HmacRing::new(ring, &SECRET).unwrap();
            let issuer = issuer(keys.into()).algorithms([algorithm]);
            let built = JwtVerifier::builder_with_clock(TestClock::new())
                .issuer(issuer)
                .build();
            assert_eq!(built.is_ok(), ring == algorithm, "{ring} {algorithm}");
            if let Err(error) = built {
                assert!(
                    error.to_string().contains("issuer[0].algorithms"),
                    "{error}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_key_of_one_algorithm_proves_no_token_of_another() {
    let clock = TestClock::new();
    let padded = [
        Signed::Rs256,
        Signed::Rs384,
        Signed::Rs512,
        Signed::Ps256,
        Signed::Ps384,
        Signed::Ps512,
    ];
    for published in padded {
        let published = key(published);
        let layer = trusting(&clock, [issuer(fixed(&[&published]))]);
        for signed in padded {
            let token = token(&clock).sign(&published.clone().with_algorithm(signed));
            let answer = ask(&layer, bearer(&token)).await;
            if signed == published.algorithm() {
                assert_eq!(answer.caller().subject(), Some("alice"));
            } else {
                answer.assert_bad(Reason::Algorithm);
            }
        }
    }
}

#[tokio::test]
async fn a_shared_secret_of_one_hash_proves_no_token_of_another() {
    let clock = TestClock::new();
    for (_, name, algorithm) in TABLE.into_iter().filter(|row| row.2.is_symmetric()) {
        let ring = HmacRing::new(algorithm, &SECRET).unwrap();
        let layer = trusting(&clock, [issuer(ring.into())]);
        for signed in [Signed::Hs256, Signed::Hs384, Signed::Hs512] {
            let token = token(&clock).sign(&key(signed));
            let answer = ask(&layer, bearer(&token)).await;
            if signed.as_str() == name {
                assert_eq!(answer.caller().subject(), Some("alice"));
            } else {
                answer.assert_bad(Reason::Algorithm);
            }
        }
    }
}

#[tokio::test]
async fn an_ed25519_key_proves_tokens_under_either_name_whichever_it_is_published_under() {
    let clock = TestClock::new();
    for published in [Signed::EdDsa, Signed::Ed25519] {
        let published = SigningKey::generate(published);
        let layer = trusting(&clock, [issuer(fixed(&[&published]))]);
        for signed in [Signed::EdDsa, Signed::Ed25519] {
            let key = published.clone().with_algorithm(signed);
            let token = token(&clock).sign(&key);
            let answer = ask(&layer, bearer(&token)).await;
            assert_eq!(answer.caller().subject(), Some("alice"), "{key:?}");
        }
    }
}
