//! Checking a signature allocates nothing.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::hint::black_box;

use allocation_counter::measure;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use aws_lc_rs::{encoding::AsDer, hmac};
use portcullis_auth::key::{Algorithm, Backend, HmacRing, KeySpec, KeyTable, VerifyingKey};

const MESSAGE: &[u8] = &[b'm'; 700];

/// Every public-key algorithm with a key of its own and a valid signature.
fn signed() -> Vec<(Algorithm, VerifyingKey, Vec<u8>)> {
    let random = SystemRandom::new();
    let load = |algorithm: Algorithm, der: &[u8]| {
        let spec = KeySpec::new()
            .with_kid(algorithm.name())
            .with_algorithms(algorithm)
            .with_backend(Backend::AwsLc);
        VerifyingKey::from_der(der, &spec).unwrap()
    };
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let paddings: [(Algorithm, &'static dyn RsaEncoding); 6] = [
        (Algorithm::RS256, &RSA_PKCS1_SHA256),
        (Algorithm::RS384, &RSA_PKCS1_SHA384),
        (Algorithm::RS512, &RSA_PKCS1_SHA512),
        (Algorithm::PS256, &RSA_PSS_SHA256),
        (Algorithm::PS384, &RSA_PSS_SHA384),
        (Algorithm::PS512, &RSA_PSS_SHA512),
    ];
    let mut all = Vec::new();
    for (algorithm, padding) in paddings {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, MESSAGE, &mut signature).unwrap();
        all.push((
            algorithm,
            load(algorithm, rsa.public_key().as_ref()),
            signature,
        ));
    }
    for (algorithm, form) in [
        (Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
        (Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
    ] {
        let pair = EcdsaKeyPair::generate(form).unwrap();
        let signature = pair.sign(&random, MESSAGE).unwrap().as_ref().to_vec();
        let spki = pair.public_key().as_der().unwrap();
        all.push((algorithm, load(algorithm, spki.as_ref()), signature));
    }
    let pair = Ed25519KeyPair::generate().unwrap();
    let signature = pair.sign(MESSAGE).as_ref().to_vec();
    let spki = pair.public_key().as_der().unwrap();
    all.push((
        Algorithm::EdDSA,
        load(Algorithm::EdDSA, spki.as_ref()),
        signature,
    ));
    all
}

#[test]
fn verifying_a_public_key_signature_allocates_nothing() {
    if !Backend::AwsLc.is_available() {
        return;
    }
    for (algorithm, key, mut signature) in signed() {
        let verify = |signature: &[u8]| {
            let mut valid = false;
            let counted = measure(|| {
                valid = black_box(&key)
                    .verify(algorithm, black_box(MESSAGE), signature)
                    .is_ok();
            });
            (valid, counted.count_total)
        };
        assert_eq!(verify(&signature), (true, 0), "{algorithm}");
        signature[20] ^= 1;
        assert_eq!(verify(&signature), (false, 0), "forged {algorithm}");
        assert_eq!(verify(&[]), (false, 0), "no {algorithm}");
    }
}

#[test]
fn verifying_a_shared_secret_tag_allocates_nothing() {
    if !Backend::AwsLc.is_available() {
        return;
    }
    for (algorithm, hash) in [
        (Algorithm::HS256, hmac::HMAC_SHA256),
        (Algorithm::HS384, hmac::HMAC_SHA384),
        (Algorithm::HS512, hmac::HMAC_SHA512),
    ] {
        let ring = HmacRing::with_backend(Backend::AwsLc, algorithm, &[1; 64])
            .and_then(|ring| ring.with_next(&[2; 64]))
            .unwrap();
        for (secret, expected) in [([1; 64], true), ([2; 64], true), ([3; 64], false)] {
            let tag = hmac::sign(&hmac::Key::new(hash, &secret), MESSAGE);
            let mut valid = false;
            let counted = measure(|| valid = ring.verify(black_box(MESSAGE), tag.as_ref()).is_ok());
            assert_eq!((valid, counted.count_total), (expected, 0), "{algorithm}");
        }
    }
}

#[test]
fn finding_a_key_allocates_nothing() {
    let (algorithm, key, _) = signed().swap_remove(0);
    let table = KeyTable::new(vec![key]).unwrap();
    for kid in [None, Some(algorithm.name()), Some("unknown")] {
        let mut found = false;
        let counted = measure(|| found = table.find(black_box(kid), algorithm).is_ok());
        assert_eq!((found, counted.count_total), (kid != Some("unknown"), 0));
    }
}
