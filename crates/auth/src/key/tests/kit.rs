//! Private keys to sign with, and their public parts in every form.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::key::material::Material;
use crate::key::{Algorithm, Backend, KeyError, KeySpec, VerifyingKey, der};

pub(super) enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub(super) static RSA: LazyLock<Signer> =
    LazyLock::new(|| Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
pub(super) static P256: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
});
pub(super) static P384: LazyLock<Signer> = LazyLock::new(|| {
    Signer::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
});
pub(super) static ED25519: LazyLock<Signer> =
    LazyLock::new(|| Signer::Ed25519(Ed25519KeyPair::generate().unwrap()));

pub(super) fn signers() -> [&'static Signer; 4] {
    [&RSA, &P256, &P384, &ED25519]
}

// === impl Signer ===

impl Signer {
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::RS256 => &RSA_PKCS1_SHA256,
                    Algorithm::RS384 => &RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &RSA_PSS_SHA256,
                    Algorithm::PS384 => &RSA_PSS_SHA384,
                    Algorithm::PS512 => &RSA_PSS_SHA512,
                    other => panic!("{other} is not of RSA"),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public members of the JWK, nothing else.
    pub(super) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let Ok(Material::Rsa { n, e }) = der::pkcs1(pair.public_key().as_ref()) else {
                    panic!("a generated key is sound")
                };
                json!({"kty": "RSA", "n": b64(&n), "e": b64(&e)})
            }
            Self::P256(pair) => ec("P-256", pair.public_key().as_ref()),
            Self::P384(pair) => ec("P-384", pair.public_key().as_ref()),
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())})
            }
        }
    }

    /// The SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der().unwrap(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(super) fn key(&self, backend: Backend) -> VerifyingKey {
        let spec = KeySpec::new().with_backend(backend);
        VerifyingKey::from_jwk(&self.jwk().to_string(), &spec).unwrap()
    }
}

fn ec(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
}

pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// `jwk` with one member set.
pub(super) fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

pub(super) fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member).unwrap();
    jwk
}

/// Loads with every backend and asserts that they agree.
pub(super) fn load(jwk: &Value) -> Result<VerifyingKey, KeyError> {
    load_text(&jwk.to_string())
}

pub(super) fn load_text(jwk: &str) -> Result<VerifyingKey, KeyError> {
    let mut loaded = Backend::available()
        .map(|backend| VerifyingKey::from_jwk(jwk, &KeySpec::new().with_backend(backend)));
    let first = loaded.next().unwrap();
    for other in loaded {
        match (&first, other) {
            (Ok(first), Ok(other)) => assert_eq!(first.material_id(), other.material_id()),
            (Err(first), Err(other)) => assert_eq!(*first, other),
            (first, other) => panic!("{first:?} but {other:?}"),
        }
    }
    first
}

/// The reason why no backend takes it.
pub(super) fn refused(jwk: &Value) -> KeyError {
    match load(jwk) {
        Ok(key) => panic!("{jwk} was taken as {key:?}"),
        Err(why) => why,
    }
}
