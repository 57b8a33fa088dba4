//! The cryptography behind the keys.
//!
//! Each backend is one module with the same few items; where its feature is off, `absent.rs`
//! stands in, so no logic elsewhere mentions a feature.

use std::fmt;

use super::algorithm::Algorithm;
use super::material::Material;

#[cfg_attr(not(feature = "aws-lc"), path = "absent.rs")]
mod aws_lc;
#[cfg_attr(not(feature = "rust-crypto"), path = "absent.rs")]
mod rust_crypto;

#[cfg(not(any(feature = "aws-lc", feature = "rust-crypto")))]
compile_error!(
    "portcullis-auth has no signature backend: enable its feature `aws-lc` (the default, needs a C \
     compiler) or `rust-crypto` (pure Rust)"
);

/// The library that checks signatures.
///
/// Both may be compiled in at once; nothing is global, every key remembers its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// aws-lc-rs, feature `aws-lc`: the faster one, and the default where present.
    AwsLc,
    /// The RustCrypto crates and ed25519-dalek, feature `rust-crypto`.
    RustCrypto,
}

/// A public key parsed for one algorithm.
pub(super) enum PublicKey {
    AwsLc(aws_lc::PublicKey),
    RustCrypto(rust_crypto::PublicKey),
}

/// A shared secret prepared for one algorithm.
pub(super) enum MacKey {
    AwsLc(aws_lc::MacKey),
    RustCrypto(rust_crypto::MacKey),
}

/// Why a backend would not take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// The key and the algorithm are of different kinds.
    Mismatch,
    /// The point is not on its curve, or the numbers form no key.
    Invalid,
}

// === impl Backend ===

impl Backend {
    /// Returns the backends compiled in, the preferred one first.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::AwsLc, Self::RustCrypto]
            .into_iter()
            .filter(|backend| backend.is_available())
    }

    /// Returns whether the backend is compiled in.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::AwsLc => aws_lc::PRESENT,
            Self::RustCrypto => rust_crypto::PRESENT,
        }
    }

    /// Returns a stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsLc => "aws-lc",
            Self::RustCrypto => "rust-crypto",
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        if aws_lc::PRESENT {
            Self::AwsLc
        } else {
            Self::RustCrypto
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl PublicKey ===

impl PublicKey {
    pub(super) fn new(
        backend: Backend,
        algorithm: Algorithm,
        material: &Material,
    ) -> Result<Self, Rejected> {
        match backend {
            Backend::AwsLc => aws_lc::PublicKey::new(algorithm, material).map(Self::AwsLc),
            Backend::RustCrypto => {
                rust_crypto::PublicKey::new(algorithm, material).map(Self::RustCrypto)
            }
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::AwsLc(key) => key.verify(message, signature),
            Self::RustCrypto(key) => key.verify(message, signature),
        }
    }

    /// The SHA-256 of the message, if the signature is good: one pass where the signature is over it.
    pub(super) fn verify_hashing(&self, message: &[u8], signature: &[u8]) -> Option<[u8; 32]> {
        match self {
            Self::AwsLc(key) => key.verify_hashing(message, signature),
            Self::RustCrypto(key) => key.verify_hashing(message, signature),
        }
    }
}

// === impl MacKey ===

impl MacKey {
    pub(super) fn new(
        backend: Backend,
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<Self, Rejected> {
        match backend {
            Backend::AwsLc => aws_lc::MacKey::new(algorithm, secret).map(Self::AwsLc),
            Backend::RustCrypto => {
                rust_crypto::MacKey::new(algorithm, secret).map(Self::RustCrypto)
            }
        }
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        match self {
            Self::AwsLc(key) => key.verify(message, tag),
            Self::RustCrypto(key) => key.verify(message, tag),
        }
    }
}

/// Returns the SHA-256 digest of the parts in a row.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    if aws_lc::PRESENT {
        aws_lc::sha256(parts)
    } else {
        rust_crypto::sha256(parts)
    }
}
