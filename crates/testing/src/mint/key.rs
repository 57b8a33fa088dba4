//! One key that signs.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::material::{Material, RsaSize, b64, pem, thumbprint};

/// A key that signs tokens with one algorithm.
///
/// Cheap to clone. A public key is named by the start of its RFC 7638 thumbprint, so two different
/// keys never share a `kid` unless [`with_kid`](Self::with_kid) makes them; a shared secret has no
/// `kid`, as in systems that configure one secret. `Debug` shows no private part.
///
/// ```
/// use portcullis_testing::SigningKey;
/// use serde_json::json;
///
/// let key = SigningKey::es256().with_kid("2030-01");
/// let token = key.sign(&json!({"alg": "ES256", "kid": "2030-01"}), &json!({"sub": "alice"}));
///
/// assert_eq!(token.split('.').count(), 3);
/// assert_eq!(key.jwk()["kid"], "2030-01");
/// ```
#[derive(Clone)]
pub struct SigningKey {
    material: Arc<Material>,
    algorithm: Algorithm,
    kid: Option<Arc<str>>,
}

// === impl SigningKey ===

impl SigningKey {
    /// A fresh key. For RSA, which takes a while, [`rsa`](Self::rsa) is quicker.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        Self::new(Material::generate(algorithm), algorithm)
    }

    /// The RS256 key of this process that is called `label`: 2048 bits, generated once.
    ///
    /// Another RSA algorithm of the same key is [`with_algorithm`](Self::with_algorithm).
    #[must_use]
    pub fn rsa(label: &str) -> Self {
        Self::rsa_of(label, RsaSize::Bits2048)
    }

    /// The RS256 key of this process that is called `label` and has `size`, generated once.
    #[must_use]
    pub fn rsa_of(label: &str, size: RsaSize) -> Self {
        Self::new(Material::pooled_rsa(label, size), Algorithm::Rs256)
    }

    /// A fresh ES256 key.
    #[must_use]
    pub fn es256() -> Self {
        Self::generate(Algorithm::Es256)
    }

    /// A fresh ES384 key.
    #[must_use]
    pub fn es384() -> Self {
        Self::generate(Algorithm::Es384)
    }

    /// A fresh Ed25519 key that calls its algorithm `EdDSA`.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::generate(Algorithm::EdDsa)
    }

    /// A shared secret, of any length, as a key of HS256.
    #[must_use]
    pub fn hmac(secret: impl AsRef<[u8]>) -> Self {
        Self::new(Material::Hmac(secret.as_ref().into()), Algorithm::Hs256)
    }

    /// A key that only the test has: `jwk` says which, `sign` signs a message for `algorithm`.
    ///
    /// For what this kit does not generate, such as keys that are too weak. It has no `kid` unless
    /// [`with_kid`](Self::with_kid) gives it one.
    #[must_use]
    pub fn custom(
        algorithm: Algorithm,
        jwk: Value,
        sign: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let sign = Box::new(sign);
        Self::new(Material::Custom { jwk, sign }, algorithm)
    }

    fn new(material: Material, algorithm: Algorithm) -> Self {
        let kid = match material {
            Material::Hmac(_) | Material::Custom { .. } => None,
            _ => Some(thumbprint(&material.jwk())[..16].into()),
        };
        Self {
            material: Arc::new(material),
            algorithm,
            kid,
        }
    }

    /// The same key, signing with `algorithm`.
    ///
    /// # Panics
    /// If the key is of another kind than `algorithm` takes.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        assert!(
            algorithm.family() == self.algorithm.family(),
            "a key of {} cannot sign with {algorithm}",
            self.algorithm
        );
        Self { algorithm, ..self }
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(self, kid: impl Into<Arc<str>>) -> Self {
        Self {
            kid: Some(kid.into()),
            ..self
        }
    }

    /// The same key without a `kid`.
    #[must_use]
    pub fn without_kid(self) -> Self {
        Self { kid: None, ..self }
    }

    /// The `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key as a JWK (RFC 7517) with `use`, `alg` and, where it has one, `kid`.
    ///
    /// The public half of a key pair; of a shared secret the secret itself.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = self.material.jwk();
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm.as_str());
        if let Some(kid) = self.kid() {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The public half as `SubjectPublicKeyInfo` in DER.
    ///
    /// # Panics
    /// If the key is a shared secret, which has no public half, or a [`custom`](Self::custom) one.
    #[must_use]
    pub fn public_der(&self) -> Vec<u8> {
        self.material
            .public_der()
            .unwrap_or_else(|| panic!("a key of {} has no public half", self.algorithm))
    }

    /// The public half as a PEM block `PUBLIC KEY`.
    ///
    /// # Panics
    /// If the key is a shared secret, which has no public half, or a [`custom`](Self::custom) one.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der())
    }

    /// A token of exactly this header and these claims: nothing is added, not even `alg`.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_raw(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A token of exactly these bytes, JSON or not: for duplicate members, odd spellings and junk.
    #[must_use]
    pub fn sign_raw(&self, header: &[u8], payload: &[u8]) -> String {
        let mut token = format!("{}.{}", b64(header), b64(payload));
        let signature = self.signature(token.as_bytes());
        token.push('.');
        token.push_str(&b64(signature));
        token
    }

    /// The signature of any message, in the form that JWS uses.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.material.sign(self.algorithm, message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A key set (RFC 7517 section 5) of `keys`.
///
/// ```
/// use portcullis_testing::{SigningKey, jwks};
///
/// let set = jwks([&SigningKey::es256(), &SigningKey::ed25519()]);
/// assert_eq!(set["keys"].as_array().unwrap().len(), 2);
/// ```
#[must_use]
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    let keys: Vec<Value> = keys.into_iter().map(SigningKey::jwk).collect();
    json!({ "keys": keys })
}
