//! Signatures by aws-lc-rs.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use aws_lc_rs::{digest, hmac};

use super::{Algorithm, Material, Rejected};
use crate::key::material::Curve;

pub(super) const PRESENT: bool = true;

/// A parsed key: verification neither parses nor allocates.
pub(in crate::key) struct PublicKey {
    parsed: ParsedPublicKey,
    /// Whether it signs the SHA-256 of a message.
    over_sha256: bool,
}

pub(in crate::key) struct MacKey(Box<hmac::Key>);

// === impl PublicKey ===

impl PublicKey {
    pub(super) fn new(algorithm: Algorithm, material: &Material) -> Result<Self, Rejected> {
        let parsed = match (material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let parameters = rsa_parameters(algorithm).ok_or(Rejected::Mismatch)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            // Fixed: r and s side by side, each of the field length (RFC 7518 §3.4).
            (
                Material::Ec {
                    curve: Curve::P256,
                    point,
                },
                Algorithm::ES256,
            ) => ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point),
            (
                Material::Ec {
                    curve: Curve::P384,
                    point,
                },
                Algorithm::ES384,
            ) => ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed25519(point), Algorithm::EdDSA) => {
                ParsedPublicKey::new(&signature::ED25519, point)
            }
            _ => return Err(Rejected::Mismatch),
        };
        let over_sha256 = matches!(
            algorithm,
            Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256
        );
        parsed
            .map(|parsed| Self {
                parsed,
                over_sha256,
            })
            .map_err(|_| Rejected::Invalid)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    pub(super) fn verify_hashing(&self, message: &[u8], signature: &[u8]) -> Option<[u8; 32]> {
        if !self.over_sha256 {
            return self.verify(message, signature).then(|| sha256(&[message]));
        }
        let digest = digest::digest(&digest::SHA256, message);
        self.parsed.verify_digest_sig(&digest, signature).ok()?;
        digest.as_ref().try_into().ok()
    }
}

/// The PSS ones demand a salt of exactly the hash length (RFC 7518 §3.5).
fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

// === impl MacKey ===

impl MacKey {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Rejected> {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return Err(Rejected::Mismatch),
        };
        Ok(Self(Box::new(hmac::Key::new(hash, secret))))
    }

    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
