//! RSA keys that nobody may accept.

use rsa::pkcs1v15;
use rsa::rand_core::OsRng;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::json;
use sha2::Sha256;

use super::{Algorithm, SigningKey, b64};

impl SigningKey {
    /// A fresh RS256 key with a modulus of `bits` bits: for showing that keys below 2048 bits
    /// (RFC 7518 section 3.3) are refused, by a token whose signature is right.
    ///
    /// # Panics
    /// If there is no RSA key of so few bits that can make an RS256 signature: less than 496.
    #[must_use]
    pub fn weak_rsa(bits: usize) -> Self {
        assert!(bits >= 496, "a padded SHA-256 digest takes 496 bits");
        let key = RsaPrivateKey::new(&mut OsRng, bits).expect("a modulus of that many bits");
        let public = RsaPublicKey::from(&key);
        let jwk = json!({
            "e": b64(public.e().to_bytes_be()),
            "kty": "RSA",
            "n": b64(public.n().to_bytes_be()),
        });
        let signer = pkcs1v15::SigningKey::<Sha256>::new(key);
        Self::custom(Algorithm::Rs256, jwk, move |message| {
            signer.sign(message).to_vec()
        })
    }
}
