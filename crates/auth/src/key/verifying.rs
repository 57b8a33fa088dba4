//! A public key that checks signatures.

use std::fmt;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::algorithm_set::AlgorithmSet;
use super::backend::{Backend, PublicKey, Rejected};
use super::error::KeyError;
use super::label::KidLabel;
use super::material::Material;
use super::{der, jwk, pem};

/// The longest key id that is taken, in bytes.
pub const MAX_KID_BYTES: usize = 256;

/// A public key, parsed for each algorithm it may be used with.
///
/// The algorithms are those that its type and curve allow, narrowed by its own `alg` and by
/// [`KeySpec::with_algorithms`]; [`verify`](Self::verify) refuses every other one.
pub struct VerifyingKey {
    kid: Option<Arc<str>>,
    algorithms: AlgorithmSet,
    parsed: Box<[(Algorithm, PublicKey)]>,
    material_id: MaterialId,
    backend: Backend,
    uid: u64,
}

/// What is known about a key beside its material: id, allowed algorithms, backend.
///
/// ```
/// use portcullis_auth::key::{Algorithm, KeySpec};
///
/// let spec = KeySpec::new().with_kid("2026-08").with_algorithms(Algorithm::PS256);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeySpec {
    pub(super) kid: Option<Box<str>>,
    pub(super) algorithms: Option<AlgorithmSet>,
    pub(super) backend: Backend,
}

/// A digest of the type of a key, its material and its allowed algorithms, not of its `kid`.
///
/// It is the same for the same key in every document and every run, whatever the backend, so a
/// refreshed set can be told from a changed one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaterialId([u8; 32]);

/// The error for a signature that is not valid: for whatever reason, there is nothing more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature(pub(super) ());

// === impl VerifyingKey ===

impl VerifyingKey {
    /// Loads a public key from one PEM block, labelled `PUBLIC KEY` (RFC 7468 §13) or
    /// `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    ///
    /// [`KeyError`] for anything else, certificates and private keys included, and for a key that
    /// is not safe to use.
    pub fn from_pem(pem: &[u8], spec: &KeySpec) -> Result<Self, KeyError> {
        Self::new(&pem::read(pem)?, spec)
    }

    /// Loads a public key from DER: a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) or a PKCS#1 RSA
    /// public key (RFC 8017 §A.1.1).
    ///
    /// # Errors
    ///
    /// [`KeyError`] for anything else, and for a key that is not safe to use.
    pub fn from_der(der: &[u8], spec: &KeySpec) -> Result<Self, KeyError> {
        Self::new(&der::read(der)?, spec)
    }

    /// Loads a public key from the JSON text of one JWK (RFC 7517 §4). Its own `kid` outranks the
    /// one of `spec`; the algorithms are those that both allow.
    ///
    /// # Errors
    ///
    /// [`KeyError`] as for a member of a JWK Set.
    pub fn from_jwk(json: &str, spec: &KeySpec) -> Result<Self, KeyError> {
        jwk::Jwk::read(json).and_then(|jwk| jwk.verifying_key(spec))
    }

    /// Loads a public key that `jsonwebtoken` parsed.
    ///
    /// # Errors
    ///
    /// [`KeyError::Symmetric`] for a shared secret, else as for the other loaders.
    pub fn from_decoding_key(
        key: &jsonwebtoken::DecodingKey,
        spec: &KeySpec,
    ) -> Result<Self, KeyError> {
        Self::new(&der::from_decoding_key(key)?, spec)
    }

    pub(super) fn new(material: &Material, spec: &KeySpec) -> Result<Self, KeyError> {
        if spec
            .kid
            .as_ref()
            .is_some_and(|kid| kid.len() > MAX_KID_BYTES)
        {
            return Err(KeyError::KidTooLong);
        }
        if !spec.backend.is_available() {
            return Err(KeyError::BackendAbsent(spec.backend));
        }
        let fits = material.algorithms();
        let algorithms = fits.intersection(spec.algorithms.unwrap_or(fits));
        if algorithms.is_empty() {
            return Err(KeyError::AlgorithmMismatch { fits });
        }
        let parsed = algorithms
            .iter()
            .map(|algorithm| {
                PublicKey::new(spec.backend, algorithm, material).map(|key| (algorithm, key))
            })
            .collect::<Result<_, _>>()
            .map_err(|rejected| match rejected {
                Rejected::Mismatch => KeyError::AlgorithmMismatch { fits },
                Rejected::Invalid if algorithms.is_subset(AlgorithmSet::RSA) => {
                    KeyError::BackendRefused
                }
                Rejected::Invalid => KeyError::PointNotOnCurve,
            })?;
        Ok(Self {
            kid: spec.kid.as_deref().map(Arc::from),
            algorithms,
            parsed,
            material_id: material.id(algorithms),
            backend: spec.backend,
            uid: 0,
        })
    }

    /// Checks a signature over `signing_input`, the encoded header and payload with the dot
    /// between them (RFC 7515 §5.2). Allocates nothing with [`Backend::AwsLc`].
    ///
    /// # Errors
    ///
    /// [`BadSignature`] if the signature is not valid, or `alg` is not one of
    /// [`algorithms`](Self::algorithms).
    pub fn verify(
        &self,
        alg: Algorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        self.parsed_for(alg)
            .filter(|key| key.verify(signing_input, signature))
            .map(|_| ())
            .ok_or(BadSignature(()))
    }

    /// Checks a signature as [`verify`](Self::verify) does, and gives the SHA-256 of what was signed: that is
    /// hashed for the signature already where it is over SHA-256.
    pub(crate) fn verify_hashing(
        &self,
        alg: Algorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<[u8; 32], BadSignature> {
        self.parsed_for(alg)
            .and_then(|key| key.verify_hashing(signing_input, signature))
            .ok_or(BadSignature(()))
    }

    fn parsed_for(&self, alg: Algorithm) -> Option<&PublicKey> {
        let mut parsed = self.parsed.iter();
        parsed
            .find(|(algorithm, _)| *algorithm == alg)
            .map(|(_, key)| key)
    }

    /// Returns the key id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The key id, for whoever keeps it.
    pub(crate) fn shared_kid(&self) -> Option<Arc<str>> {
        self.kid.clone()
    }

    /// Returns the algorithms the key may be used with: never empty, never a symmetric one.
    #[must_use]
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// Returns the digest by which the same key is recognised in another document.
    #[must_use]
    pub fn material_id(&self) -> MaterialId {
        self.material_id
    }

    /// Returns the backend that checks the signatures.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Returns the number its owner gave it, 0 until then.
    #[must_use]
    pub fn uid(&self) -> u64 {
        self.uid
    }

    /// Sets the number by which the owner of a key set tells its keys apart over time.
    pub fn set_uid(&mut self, uid: u64) {
        self.uid = uid;
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell public keys apart by eye.
        let (start, _) = self.material_id.0.split_at(8);
        let start = start
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid().map(KidLabel::new))
            .field("algorithms", &self.algorithms)
            .field("material_id", &format_args!("{start:016x}…"))
            .field("backend", &self.backend)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

// === impl KeySpec ===

impl KeySpec {
    /// Creates a spec without an id, with every algorithm the key allows and the default backend.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key id: tokens with this `kid` use the key.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Box<str>>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Narrows the algorithms to those given.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl Into<AlgorithmSet>) -> Self {
        self.algorithms = Some(algorithms.into());
        self
    }

    /// Chooses the backend.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }
}

// === impl MaterialId ===

impl MaterialId {
    pub(super) const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of it: it may be that of a shared secret, and part of a digest is enough to check guesses.
        f.write_str("MaterialId(…)")
    }
}

// === impl BadSignature ===

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not valid")
    }
}

impl std::error::Error for BadSignature {}
