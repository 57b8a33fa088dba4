//! Public keys in DER, read strictly.
//!
//! Just enough of X.690 for SubjectPublicKeyInfo and the PKCS#1 RSA public key: definite lengths in
//! their shortest form, nothing after the end, no recursion.

use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};

use super::error::KeyError;
use super::material::{Curve, Material};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 §A.1)
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// secp256r1, 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1)
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// secp384r1, 1.3.132.0.34 (RFC 5480 §2.1.1.1)
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// id-Ed25519, 1.3.101.112 (RFC 8410 §3)
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads a SubjectPublicKeyInfo or a PKCS#1 RSA public key.
pub(super) fn read(der: &[u8]) -> Result<Material, KeyError> {
    match all(der, SEQUENCE).and_then(|body| body.first().copied()) {
        Some(INTEGER) => pkcs1(der),
        Some(SEQUENCE) => subject_public_key_info(der),
        _ => Err(KeyError::DerFormat),
    }
}

/// Reads a PKCS#1 RSA public key (RFC 8017 §A.1.1).
pub(super) fn pkcs1(der: &[u8]) -> Result<Material, KeyError> {
    let numbers = || {
        let (n, rest) = next(all(der, SEQUENCE)?, INTEGER)?;
        let e = all(rest, INTEGER)?;
        Some((positive(n)?, positive(e)?))
    };
    let (n, e) = numbers().ok_or(KeyError::DerFormat)?;
    Material::rsa(n, e)
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
pub(super) fn subject_public_key_info(der: &[u8]) -> Result<Material, KeyError> {
    let parts = || {
        let (algorithm, rest) = next(all(der, SEQUENCE)?, SEQUENCE)?;
        let (identifier, parameters) = next(algorithm, OBJECT_IDENTIFIER)?;
        // The first byte counts the unused bits: a key has none.
        let key = all(rest, BIT_STRING)?.strip_prefix(&[0])?;
        Some((identifier, parameters, key))
    };
    let (identifier, parameters, key) = parts().ok_or(KeyError::DerFormat)?;
    match identifier {
        // RFC 3279 §2.3.1: the parameters are NULL.
        RSA if all(parameters, NULL) == Some(&[]) => pkcs1(key),
        EC => match all(parameters, OBJECT_IDENTIFIER) {
            Some(P256) => Material::ec_point(Curve::P256, key),
            Some(P384) => Material::ec_point(Curve::P384, key),
            Some(_) => Err(KeyError::UnsupportedCurve),
            None => Err(KeyError::DerFormat),
        },
        // RFC 8410 §3: the parameters are absent.
        ED25519 if parameters.is_empty() => Material::ed25519(key),
        _ => Err(KeyError::DerFormat),
    }
}

/// Reads a key in any of the forms `jsonwebtoken` keeps it in.
pub(super) fn from_decoding_key(key: &DecodingKey) -> Result<Material, KeyError> {
    match (key.family(), key.kind()) {
        (AlgorithmFamily::Hmac, _) => Err(KeyError::Symmetric),
        (_, DecodingKeyKind::RsaModulusExponent { n, e }) => Material::rsa(n, e),
        (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => read(der),
        // The bare point; the curve follows from its length.
        (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => match point.len() {
            65 => Material::ec_point(Curve::P256, point),
            97 => Material::ec_point(Curve::P384, point),
            _ => read(point),
        },
        (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) => match point.len() {
            32 => Material::ed25519(point),
            _ => read(point),
        },
    }
}

/// The contents of the one element that `input` is.
fn all(input: &[u8], tag: u8) -> Option<&[u8]> {
    next(input, tag)
        .filter(|(_, rest)| rest.is_empty())
        .map(|(contents, _)| contents)
}

/// The contents of the first element of `input`, and what follows it.
fn next(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, input) = input.split_first()?;
    let (length, input) = length(input)?;
    if *found != tag || length > input.len() {
        return None;
    }
    Some(input.split_at(length))
}

/// A definite length in its shortest form (X.690 §10.1), below 64 KiB.
fn length(input: &[u8]) -> Option<(usize, &[u8])> {
    match input {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, length @ 0x80..=0xff, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(*high) << 8 | usize::from(*low), rest))
        }
        _ => None,
    }
}

/// The magnitude of a positive INTEGER in its shortest form (X.690 §8.3).
fn positive(contents: &[u8]) -> Option<&[u8]> {
    match contents {
        [0, rest @ ..] if rest.first().is_some_and(|top| *top >= 0x80) => Some(rest),
        [1..=0x7f, ..] => Some(contents),
        _ => None,
    }
}
