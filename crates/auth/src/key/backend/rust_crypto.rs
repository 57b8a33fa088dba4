//! Signatures in pure Rust.

use hmac::{Hmac, Mac};
use rsa::signature::Verifier;
use rsa::{BigUint, RsaPublicKey, pkcs1v15, pss};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{Algorithm, Material, Rejected};
use crate::key::material::{Curve, MAX_RSA_BITS};

pub(super) const PRESENT: bool = true;

pub(in crate::key) enum PublicKey {
    Rs256(pkcs1v15::VerifyingKey<Sha256>),
    Rs384(pkcs1v15::VerifyingKey<Sha384>),
    Rs512(pkcs1v15::VerifyingKey<Sha512>),
    Ps256(pss::VerifyingKey<Sha256>),
    Ps384(pss::VerifyingKey<Sha384>),
    Ps512(pss::VerifyingKey<Sha512>),
    Es256(p256::ecdsa::VerifyingKey),
    Es384(p384::ecdsa::VerifyingKey),
    EdDsa(ed25519_dalek::VerifyingKey),
}

/// The secret itself: the keyed state is made per call, so that none of it stays behind in memory
/// that nobody wipes.
pub(in crate::key) struct MacKey {
    hash: Hash,
    secret: Zeroizing<Box<[u8]>>,
}

enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

// === impl PublicKey ===

impl PublicKey {
    pub(super) fn new(algorithm: Algorithm, material: &Material) -> Result<Self, Rejected> {
        Ok(match (material, algorithm) {
            (Material::Rsa { n, e }, _) => Self::rsa(algorithm, n, e)?,
            (
                Material::Ec {
                    curve: Curve::P256,
                    point,
                },
                Algorithm::ES256,
            ) => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(Self::Es256)
                .map_err(|_| Rejected::Invalid)?,
            (
                Material::Ec {
                    curve: Curve::P384,
                    point,
                },
                Algorithm::ES384,
            ) => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(Self::Es384)
                .map_err(|_| Rejected::Invalid)?,
            (Material::Ed25519(point), Algorithm::EdDSA) => {
                ed25519_dalek::VerifyingKey::from_bytes(point)
                    .map(Self::EdDsa)
                    .map_err(|_| Rejected::Invalid)?
            }
            _ => return Err(Rejected::Mismatch),
        })
    }

    fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, Rejected> {
        let (n, e) = (BigUint::from_bytes_be(n), BigUint::from_bytes_be(e));
        // Its own limit of 4096 bits would drop keys that the other backend takes.
        let key =
            RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).map_err(|_| Rejected::Invalid)?;
        Ok(match algorithm {
            Algorithm::RS256 => Self::Rs256(pkcs1v15::VerifyingKey::new(key)),
            Algorithm::RS384 => Self::Rs384(pkcs1v15::VerifyingKey::new(key)),
            Algorithm::RS512 => Self::Rs512(pkcs1v15::VerifyingKey::new(key)),
            // The salt is exactly as long as the hash (RFC 7518 §3.5).
            Algorithm::PS256 => Self::Ps256(pss::VerifyingKey::new(key)),
            Algorithm::PS384 => Self::Ps384(pss::VerifyingKey::new(key)),
            Algorithm::PS512 => Self::Ps512(pss::VerifyingKey::new(key)),
            _ => return Err(Rejected::Mismatch),
        })
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256(key) => pkcs1(key, message, signature),
            Self::Rs384(key) => pkcs1(key, message, signature),
            Self::Rs512(key) => pkcs1(key, message, signature),
            Self::Ps256(key) => pss(key, message, signature),
            Self::Ps384(key) => pss(key, message, signature),
            Self::Ps512(key) => pss(key, message, signature),
            Self::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Es384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }

    pub(super) fn verify_hashing(&self, message: &[u8], signature: &[u8]) -> Option<[u8; 32]> {
        self.verify(message, signature).then(|| sha256(&[message]))
    }
}

fn pkcs1<K: Verifier<pkcs1v15::Signature>>(key: &K, message: &[u8], signature: &[u8]) -> bool {
    pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn pss<K: Verifier<pss::Signature>>(key: &K, message: &[u8], signature: &[u8]) -> bool {
    pss::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

// === impl MacKey ===

impl MacKey {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Rejected> {
        let hash = match algorithm {
            Algorithm::HS256 => Hash::Sha256,
            Algorithm::HS384 => Hash::Sha384,
            Algorithm::HS512 => Hash::Sha512,
            _ => return Err(Rejected::Mismatch),
        };
        Ok(Self {
            hash,
            secret: Zeroizing::new(secret.into()),
        })
    }

    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        match self.hash {
            Hash::Sha256 => mac::<Hmac<Sha256>>(&self.secret, message, tag),
            Hash::Sha384 => mac::<Hmac<Sha384>>(&self.secret, message, tag),
            Hash::Sha512 => mac::<Hmac<Sha512>>(&self.secret, message, tag),
        }
    }
}

fn mac<M: Mac + hmac::digest::KeyInit>(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    // A slice of any length is a key to HMAC, so the error arm is not reached.
    let Ok(mac) = <M as Mac>::new_from_slice(secret) else {
        return false;
    };
    // Whole tags only, compared in constant time.
    mac.chain_update(message).verify_slice(tag).is_ok()
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
