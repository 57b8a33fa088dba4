//! Rows 9 to 11, as configuration names such keys; and keys that no generator makes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_auth::key::{Algorithm, HmacError, HmacRing, KeyError, KeySpec, VerifyingKey};
use portcullis_testing::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn load(jwk: &Value) -> Result<(), KeyError> {
    VerifyingKey::from_jwk(&jwk.to_string(), &KeySpec::new()).map(|_| ())
}

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    let text = jwk[name].as_str().expect("text");
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A coordinate that takes the point off its curve.
pub(crate) fn off_curve(jwk: &Value) -> Value {
    let mut y = bytes(jwk, "y");
    *y.last_mut().expect("a byte") ^= 1;
    json!({ "y": URL_SAFE_NO_PAD.encode(y) })
}

/// The key of this modulus with e = 1, and what anybody can sign for it: x^1 = x, so the padded digest
/// is its own signature (EMSA-PKCS1-v1_5, RFC 8017 section 9.2).
pub(crate) fn e_of_one(jwk: &Value) -> SigningKey {
    // SHA-256 and its parameters in DER (section 9.2, note 1).
    const DIGEST_INFO: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let length = bytes(jwk, "n").len();
    let public = json!({"kty": "RSA", "n": jwk["n"], "e": "AQ"});
    SigningKey::custom(
        portcullis_testing::Algorithm::Rs256,
        public,
        move |message| {
            let mut tail = DIGEST_INFO.to_vec();
            tail.extend_from_slice(&Sha256::digest(message));
            let mut signature = vec![0xff; length];
            signature[..2].copy_from_slice(&[0, 1]);
            let start = length - tail.len();
            signature[start - 1] = 0;
            signature[start..].copy_from_slice(&tail);
            signature
        },
    )
}

#[test]
fn row_09_a_configured_key_that_is_not_for_verifying_is_an_error() {
    let key = SigningKey::es256();
    let with = |name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        load(&jwk)
    };
    assert_eq!(load(&key.jwk()), Ok(()));
    assert_eq!(with("use", json!("enc")), Err(KeyError::NotForSignatures));
    assert_eq!(
        with("key_ops", json!(["sign"])),
        Err(KeyError::NotForVerifying)
    );
    assert!(matches!(
        with("alg", json!("RS256")),
        Err(KeyError::AlgorithmMismatch { .. })
    ));
    assert_eq!(
        with("y", off_curve(&key.jwk())["y"].clone()),
        Err(KeyError::PointNotOnCurve)
    );
    assert_eq!(
        with("x", json!("AAAA")),
        Err(KeyError::PointLength { expected: 32 })
    );
}

#[test]
fn row_10_a_configured_rsa_key_of_unsafe_size_or_exponent_is_an_error() {
    let rsa = SigningKey::rsa("row 10").jwk();
    let with = |name: &str, value: &str| {
        let mut jwk = rsa.clone();
        jwk[name] = json!(value);
        load(&jwk)
    };
    assert_eq!(load(&rsa), Ok(()));
    for e in ["AQ", "Ag", "AQAA", "AgAAAAE"] {
        assert_eq!(with("e", e), Err(KeyError::RsaExponent), "{e}");
    }
    for bits in [512, 1_024, 2_040, 8_200] {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]);
        assert_eq!(with("n", &n), Err(KeyError::RsaModulusSize { bits }));
    }
}

#[test]
fn row_10_a_shared_secret_shorter_than_its_hash_is_an_error() {
    for (algorithm, minimum) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        let new = |length| HmacRing::new(algorithm, &vec![7; length]).map(|_| ());
        assert_eq!(new(0), Err(HmacError::TooShort { minimum }));
        assert_eq!(new(minimum - 1), Err(HmacError::TooShort { minimum }));
        assert_eq!(new(minimum), Ok(()));
        let ring = HmacRing::new(algorithm, &[7; 64]).expect("long enough");
        let next = ring.with_next(&[]).map(|_| ());
        assert_eq!(next, Err(HmacError::TooShort { minimum }));
    }
}

#[test]
fn row_11_a_configured_okp_key_of_another_length_or_curve_is_an_error() {
    let key = SigningKey::ed25519().jwk();
    let with = |name: &str, value: &str| {
        let mut jwk = key.clone();
        jwk[name] = json!(value);
        load(&jwk)
    };
    assert_eq!(load(&key), Ok(()));
    for x in ["AA", &"A".repeat(42), &"A".repeat(44)] {
        assert_eq!(
            with("x", x),
            Err(KeyError::PointLength { expected: 32 }),
            "{x}"
        );
    }
    for crv in ["X25519", "Ed448", "P-256"] {
        assert_eq!(with("crv", crv), Err(KeyError::UnsupportedCurve), "{crv}");
    }
}
