//! What the mint signs verifies under what it publishes, read independently of it.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::time::Duration;

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use portcullis_core::UnixTime;
use portcullis_testing::{
    Algorithm, KeyMint, RsaSize, SigningKey, TestClock, TokenBuilder, forge, jwks,
};
use serde_json::{Value, json};

fn key_for(algorithm: Algorithm) -> SigningKey {
    match algorithm.as_str() {
        name if name.starts_with(['R', 'P']) => SigningKey::rsa("a").with_algorithm(algorithm),
        _ => SigningKey::generate(algorithm),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

/// Verifies `token` with nothing but the JWK.
fn verifies(token: &str, jwk: &Value) -> bool {
    let (message, encoded) = token.rsplit_once('.').unwrap();
    let tail = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let message = message.as_bytes();
    let rsa = |parameters| {
        let public = RsaPublicKeyComponents {
            n: bytes(&jwk["n"]),
            e: bytes(&jwk["e"]),
        };
        public.verify(parameters, message, &tail).is_ok()
    };
    let point = || [vec![4], bytes(&jwk["x"]), bytes(&jwk["y"])].concat();
    let mac = |algorithm| {
        let key = hmac::Key::new(algorithm, &bytes(&jwk["k"]));
        hmac::verify(&key, message, &tail).is_ok()
    };
    match jwk["alg"].as_str().unwrap() {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&signature::RSA_PSS_2048_8192_SHA512),
        "ES256" => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point())
            .verify(message, &tail)
            .is_ok(),
        "ES384" => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point())
            .verify(message, &tail)
            .is_ok(),
        "EdDSA" | "Ed25519" => UnparsedPublicKey::new(&signature::ED25519, bytes(&jwk["x"]))
            .verify(message, &tail)
            .is_ok(),
        "HS256" => mac(hmac::HMAC_SHA256),
        "HS384" => mac(hmac::HMAC_SHA384),
        "HS512" => mac(hmac::HMAC_SHA512),
        other => panic!("{other} is not covered"),
    }
}

#[test]
fn a_token_of_every_algorithm_verifies_under_its_jwk_and_no_tampered_one_does() {
    for algorithm in Algorithm::ALL {
        let key = key_for(algorithm);
        let token = KeyMint::new().token().subject("alice").sign(&key);
        let other = KeyMint::new().token().subject("bob").sign(&key);
        assert_eq!(forge::header(&token)["alg"], algorithm.as_str());
        assert!(verifies(&token, &key.jwk()), "{algorithm}");
        for forged in [
            forge::tampered(&token),
            forge::with_claim(&token, "sub", "root"),
            forge::with_header(&token, "kid", "other"),
            forge::bad_signature(&token),
            forge::with_signature_of(&token, &other),
        ] {
            assert!(!verifies(&forged, &key.jwk()), "{algorithm}: {forged}");
        }
    }
}

#[test]
fn the_public_der_and_pem_are_the_key_of_the_jwk() {
    for algorithm in Algorithm::ALL.into_iter().filter(|one| !one.is_symmetric()) {
        let key = key_for(algorithm);
        let token = KeyMint::new().token().sign(&key);
        let (message, encoded) = token.rsplit_once('.').unwrap();
        let tail = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        let der = key.public_der();
        let parameters: &dyn signature::VerificationAlgorithm = match algorithm {
            Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            _ => &signature::ED25519,
        };
        assert!(
            parameters
                .verify_sig(&der, message.as_bytes(), &tail)
                .is_ok(),
            "{algorithm}"
        );
        let pem = key.public_pem();
        let inner: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        assert_eq!(STANDARD.decode(inner).unwrap(), der);
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}

#[test]
fn a_set_of_every_public_key_is_one_that_others_can_read() {
    let keys: Vec<SigningKey> = Algorithm::ALL
        .into_iter()
        .filter(|one| *one != Algorithm::Ed25519) // the reader does not know RFC 9864
        .map(key_for)
        .collect();
    let set: JwkSet = serde_json::from_value(jwks(&keys)).unwrap();
    for key in keys.iter().filter(|key| key.kid().is_some()) {
        assert!(set.find(key.kid().unwrap()).is_some(), "{key:?}");
    }
    assert_eq!(set.keys.len(), keys.len());
}

#[test]
fn rsa_keys_are_pooled_by_label_and_size() {
    assert_eq!(SigningKey::rsa("a").jwk(), SigningKey::rsa("a").jwk());
    assert_ne!(SigningKey::rsa("a").kid(), SigningKey::rsa("b").kid());
    let large = SigningKey::rsa_of("a", RsaSize::Bits3072);
    assert_eq!(bytes(&large.jwk()["n"]).len(), 384);
    assert_eq!(
        bytes(&SigningKey::rsa("a").jwk()["n"]).len(),
        rsa::KeySize::Rsa2048.len()
    );
    assert!(verifies(&KeyMint::new().token().sign(&large), &large.jwk()));
}

#[test]
fn a_kid_is_the_start_of_the_thumbprint_of_rfc_7638() {
    // The canonical form is rebuilt here from the published members.
    let key = SigningKey::rsa("a");
    let jwk = key.jwk();
    let canonical = format!(
        r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
        jwk["e"].as_str().unwrap(),
        jwk["n"].as_str().unwrap()
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert!(
        URL_SAFE_NO_PAD
            .encode(digest)
            .starts_with(key.kid().unwrap())
    );
    assert_eq!(key.clone().with_kid("mine").jwk()["kid"], "mine");
    assert!(key.without_kid().jwk().get("kid").is_none());
    assert_eq!(SigningKey::hmac("secret").kid(), None);
}

#[test]
#[should_panic(expected = "cannot sign with ES256")]
fn a_key_takes_no_algorithm_of_another_kind() {
    let _ = SigningKey::ed25519().with_algorithm(Algorithm::Es256);
}

#[test]
#[should_panic(expected = "no public half")]
fn a_shared_secret_has_no_public_half() {
    let _ = SigningKey::hmac("secret").public_pem();
}

#[test]
fn debug_shows_no_secret() {
    let text = format!("{:?}", SigningKey::hmac("hunter2"));
    assert!(
        text.contains("Hs256") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(!text.contains("aHVudGVyMg"), "{text}");
}

#[test]
fn raw_bytes_are_signed_as_they_are() {
    let key = SigningKey::es256();
    let header = br#"{"alg":"ES256","alg":"none"}"#;
    let payload = [0xff, 0x00, b'{'];
    let token = key.sign_raw(header, &payload);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(URL_SAFE_NO_PAD.decode(parts[0]).unwrap(), header);
    assert_eq!(URL_SAFE_NO_PAD.decode(parts[1]).unwrap(), payload);
    assert!(verifies(&token, &key.jwk()));
}

#[test]
fn the_es256_twin_differs_and_verifies_and_its_twin_is_the_original() {
    let key = SigningKey::es256();
    for _ in 0..16 {
        let token = KeyMint::new().token().sign(&key);
        let twin = forge::es256_high_s_twin(&token);
        assert_ne!(token, twin);
        assert!(verifies(&twin, &key.jwk()), "{twin}");
        assert_eq!(forge::es256_high_s_twin(&twin), token);
    }
}

#[test]
fn an_unsigned_token_keeps_its_claims_and_has_no_signature() {
    let token = KeyMint::new()
        .token()
        .subject("alice")
        .sign(&SigningKey::es256());
    for spelling in ["none", "None", "NONE", "nOnE"] {
        let unsigned = forge::unsigned(&token, spelling);
        assert!(unsigned.ends_with('.'));
        assert_eq!(forge::header(&unsigned)["alg"], spelling);
        assert_eq!(forge::claims(&unsigned), forge::claims(&token));
    }
}

#[test]
fn algorithm_confusion_makes_a_mac_under_the_public_pem() {
    let key = SigningKey::rsa("a");
    let token = KeyMint::new().token().sign(&key);
    let confused = forge::hmac_with_public_key(&token, &key);
    assert_eq!(forge::header(&confused)["alg"], "HS256");
    assert_eq!(forge::header(&confused)["kid"], key.kid().unwrap());
    assert!(verifies(
        &confused,
        &SigningKey::hmac(key.public_pem()).jwk()
    ));
}

#[test]
fn a_builder_starts_as_a_correct_issuer_would() {
    let clock = TestClock::new();
    let mint = KeyMint::with_clock(clock.clone());
    clock.advance_sync(Duration::from_secs(60));
    let key = SigningKey::es256();
    let token = mint.token().sign(&key);
    let now = TestClock::START.as_secs() + 60;
    assert_eq!(
        forge::header(&token),
        json!({ "alg": "ES256", "kid": key.kid(), "typ": "at+jwt" })
    );
    let claims = forge::claims(&token);
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&json!("alice"), &json!("web"))
    );
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 300);
    assert_ne!(
        claims["jti"],
        forge::claims(&mint.token().sign(&key))["jti"]
    );
}

#[test]
fn every_setter_of_the_builder_sets_its_claim() {
    let second = UnixTime::from_secs;
    let builder = TokenBuilder::at(second(1_000))
        .issuer("https://idp.example.com")
        .subject("alice")
        .audiences(["a", "b"])
        .scope("x y")
        .client("web")
        .session("s")
        .token_id("t")
        .acr("gold")
        .not_before(second(1))
        .auth_time(second(2))
        .expires_in(Duration::from_secs(9))
        .claim("nested", json!({ "deep": [1] }));
    assert_eq!(
        builder.claims(),
        json!({
            "iss": "https://idp.example.com", "sub": "alice", "aud": ["a", "b"], "scope": "x y",
            "client_id": "web", "sid": "s", "jti": "t", "acr": "gold", "nbf": 1, "auth_time": 2,
            "iat": 1_000, "exp": 1_009, "nested": { "deep": [1] },
        })
    );
    let expired = builder.expired(Duration::from_secs(400)).audience("a");
    assert_eq!(expired.claims()["exp"], 600);
    assert_eq!(expired.claims()["iat"], 300);
    assert_eq!(expired.claims()["aud"], "a");
}

#[test]
fn a_header_member_that_was_set_or_taken_away_stays_so() {
    let key = SigningKey::es256();
    let token = KeyMint::new()
        .token()
        .header("alg", "HS256")
        .header("crit", ["exp"])
        .without_header("kid")
        .without_header("typ")
        .without("exp")
        .sign(&key);
    assert_eq!(
        forge::header(&token),
        json!({ "alg": "HS256", "crit": ["exp"] })
    );
    assert!(forge::claims(&token).get("exp").is_none());
    let back = KeyMint::new()
        .token()
        .without_header("kid")
        .header("kid", "again")
        .sign(&key);
    assert_eq!(forge::header(&back)["kid"], "again");
}

#[test]
fn a_custom_key_signs_as_the_test_says() {
    let key = SigningKey::custom(Algorithm::Es256, json!({ "kty": "EC" }), |message| {
        message.len().to_be_bytes().to_vec()
    })
    .with_kid("hsm");
    let token = KeyMint::new().token().sign(&key);
    let (message, encoded) = token.rsplit_once('.').unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.decode(encoded).unwrap(),
        message.len().to_be_bytes()
    );
    assert_eq!(
        key.jwk(),
        json!({ "alg": "ES256", "kid": "hsm", "kty": "EC", "use": "sig" })
    );
}

#[cfg(feature = "weak-rsa")]
#[test]
fn a_weak_rsa_key_makes_a_right_signature_that_only_its_size_condemns() {
    let key = SigningKey::weak_rsa(1024).with_kid("weak");
    let jwk = key.jwk();
    assert_eq!(bytes(&jwk["n"]).len(), 128);
    let token = KeyMint::new().token().sign(&key);
    let (message, encoded) = token.rsplit_once('.').unwrap();
    let public = RsaPublicKeyComponents {
        n: bytes(&jwk["n"]),
        e: bytes(&jwk["e"]),
    };
    let tail = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let check = |parameters| public.verify(parameters, message.as_bytes(), &tail);
    assert!(check(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY).is_ok());
    assert!(check(&signature::RSA_PKCS1_2048_8192_SHA256).is_err());
}
