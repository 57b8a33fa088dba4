//! Shared secrets.

use std::fmt;

use super::algorithm::Algorithm;
use super::backend::{self, Backend, MacKey};
use super::verifying::{BadSignature, MaterialId};

/// One or two shared secrets for one HMAC algorithm: the current one and, around a rotation, the
/// next.
///
/// For systems that sign with one secret and no `kid`. Trying both is allowed here, for both are
/// our own; a ring never mixes with public keys.
///
/// ```
/// use portcullis_auth::key::{Algorithm, HmacRing};
///
/// let ring = HmacRing::new(Algorithm::HS256, b"at least thirty-two bytes of key")?
///     .with_next(b"the one that comes after, 32 byte")?;
/// assert!(ring.verify(b"input", &[0; 32]).is_err());
/// # Ok::<(), portcullis_auth::key::HmacError>(())
/// ```
#[derive(Debug)]
pub struct HmacRing {
    algorithm: Algorithm,
    backend: Backend,
    current: HmacKey,
    next: Option<HmacKey>,
}

/// One shared secret of an [`HmacRing`]; the secret cannot be read back.
pub struct HmacKey {
    mac: MacKey,
    material_id: MaterialId,
    uid: u64,
}

/// The reason why a shared secret was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HmacError {
    /// The algorithm is not HS256, HS384 or HS512.
    NotHmac(Algorithm),
    /// The secret is shorter than the hash (RFC 7518 §3.2).
    TooShort {
        /// The shortest length allowed, in bytes.
        minimum: usize,
    },
    /// The next secret is the current one.
    SameSecret,
    /// The chosen backend is not compiled in.
    BackendAbsent(Backend),
}

// === impl HmacRing ===

impl HmacRing {
    /// Creates a ring of one secret.
    ///
    /// # Errors
    ///
    /// [`HmacError`] if `algorithm` is not an HMAC one, or the secret is shorter than its hash.
    pub fn new(algorithm: Algorithm, current: &[u8]) -> Result<Self, HmacError> {
        Self::with_backend(Backend::default(), algorithm, current)
    }

    /// Creates a ring of one secret on the backend of choice.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if the backend is not compiled in.
    pub fn with_backend(
        backend: Backend,
        algorithm: Algorithm,
        current: &[u8],
    ) -> Result<Self, HmacError> {
        let current = HmacKey::new(backend, algorithm, current)?;
        Ok(Self {
            algorithm,
            backend,
            current,
            next: None,
        })
    }

    /// Adds the secret that comes next, so that tokens of both are taken.
    ///
    /// # Errors
    ///
    /// [`HmacError`] if the secret is shorter than the hash, or the current one again.
    pub fn with_next(mut self, next: &[u8]) -> Result<Self, HmacError> {
        let next = HmacKey::new(self.backend, self.algorithm, next)?;
        if next.material_id == self.current.material_id {
            return Err(HmacError::SameSecret);
        }
        self.next = Some(next);
        Ok(self)
    }

    /// Checks a tag and returns the key it was made with. Compares in constant time and, with
    /// [`Backend::AwsLc`], allocates nothing.
    ///
    /// # Errors
    ///
    /// [`BadSignature`] if it was made with neither.
    pub fn verify(&self, signing_input: &[u8], tag: &[u8]) -> Result<&HmacKey, BadSignature> {
        self.keys()
            .find(|key| key.mac.verify(signing_input, tag))
            .ok_or(BadSignature(()))
    }

    /// Returns the algorithm, the only one tokens may have.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the backend that checks the tags.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Returns the keys, the current one first.
    pub fn keys(&self) -> impl Iterator<Item = &HmacKey> {
        std::iter::once(&self.current).chain(&self.next)
    }

    /// Returns the keys, the current one first, for [`HmacKey::set_uid`].
    pub fn keys_mut(&mut self) -> impl Iterator<Item = &mut HmacKey> {
        std::iter::once(&mut self.current).chain(&mut self.next)
    }
}

// === impl HmacKey ===

impl HmacKey {
    fn new(backend: Backend, algorithm: Algorithm, secret: &[u8]) -> Result<Self, HmacError> {
        let minimum = match algorithm {
            Algorithm::HS256 => 32,
            Algorithm::HS384 => 48,
            Algorithm::HS512 => 64,
            _ => return Err(HmacError::NotHmac(algorithm)),
        };
        if secret.len() < minimum {
            return Err(HmacError::TooShort { minimum });
        }
        if !backend.is_available() {
            return Err(HmacError::BackendAbsent(backend));
        }
        let mac =
            MacKey::new(backend, algorithm, secret).map_err(|_| HmacError::NotHmac(algorithm))?;
        let digest = backend::sha256(&[b"oct\0", algorithm.name().as_bytes(), b"\0", secret]);
        Ok(Self {
            mac,
            material_id: MaterialId::new(digest),
            uid: 0,
        })
    }

    /// Returns the digest by which the same secret is recognised. It must not leave the process:
    /// a weak secret could be guessed from it.
    #[must_use]
    pub fn material_id(&self) -> MaterialId {
        self.material_id
    }

    /// Returns the number its owner gave it, 0 until then.
    #[must_use]
    pub fn uid(&self) -> u64 {
        self.uid
    }

    /// Sets the number by which the owner tells its keys apart over time.
    pub fn set_uid(&mut self, uid: u64) {
        self.uid = uid;
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the digest of a secret.
        f.debug_struct("HmacKey")
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

// === impl HmacError ===

impl HmacError {
    /// Returns a stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotHmac(_) => "not_hmac",
            Self::TooShort { .. } => "secret_too_short",
            Self::SameSecret => "same_secret",
            Self::BackendAbsent(_) => "backend_absent",
        }
    }
}

impl fmt::Display for HmacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHmac(algorithm) => {
                write!(
                    f,
                    "{algorithm} does not use a shared secret: choose HS256, HS384 or HS512"
                )
            }
            Self::TooShort { minimum } => write!(
                f,
                "the shared secret is too short: use at least {minimum} random bytes (RFC 7518 \
                 §3.2)"
            ),
            Self::SameSecret => {
                f.write_str("the next shared secret is the current one: leave it out")
            }
            Self::BackendAbsent(backend) => {
                write!(
                    f,
                    "the backend {backend} is not compiled in: enable the feature {backend}"
                )
            }
        }
    }
}

impl std::error::Error for HmacError {}
