//! Verification keys: loading them strictly, and checking signatures with them.
//!
//! Everything here is synchronous, has no clock and does no I/O. A key is judged once, when it is
//! loaded: what [`VerifyingKey`] holds is parsed, of a safe size, and bound to the algorithms it
//! may be used with. [`VerifyingKey::verify`] then neither parses nor allocates (with aws-lc).
//!
//! | from | by |
//! |---|---|
//! | a JWK Set (RFC 7517 §5) | [`parse_jwks`], then [`KeyTable`] |
//! | one JWK | [`VerifyingKey::from_jwk`] |
//! | PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` | [`VerifyingKey::from_pem`] |
//! | DER: SubjectPublicKeyInfo, PKCS#1 | [`VerifyingKey::from_der`] |
//! | a key of `jsonwebtoken` | [`VerifyingKey::from_decoding_key`] |
//! | one or two shared secrets | [`HmacRing`] |
//!
//! # What is refused at load
//!
//! | key | refused |
//! |---|---|
//! | RSA | a modulus below 2048 or above 8192 bits, an even one, one with the ROCA fingerprint; an exponent that is even, below 3 or not below 2^33 |
//! | EC | coordinates that are not exactly of the field length, points off the curve, curves other than P-256 and P-384 |
//! | OKP | curves other than Ed25519, anything but 32 bytes, points of small order or written non-canonically |
//! | any | `use` other than `sig`, `key_ops` without `verify`, an `alg` that does not fit, a private part, base64url with padding or non-zero trailing bits, a member named twice |
//! | `oct` | the whole set it is in: symmetric and public keys never mix |
//!
//! In a JWK Set such a key is dropped by itself and listed with its [`KeyError`]. A set is refused
//! as a whole ([`JwksError`]) where keeping part of it would be unsafe or pointless.
//!
//! # Examples
//!
//! ```
//! use portcullis_auth::key::{Algorithm, JwksOptions, KeyTable, LookupError, parse_jwks};
//!
//! // The Ed25519 key and signature of RFC 8037, appendix A.4 and A.5.
//! let document = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","alg":"EdDSA",
//!     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
//! let parsed = parse_jwks(document, &JwksOptions::new())?;
//! let table = KeyTable::new(parsed.keys)?;
//!
//! let key = table.find(Some("a"), Algorithm::EdDSA)?;
//! assert!(key.verify(Algorithm::EdDSA, b"not what was signed", &[0; 64]).is_err());
//! assert_eq!(table.find(Some("b"), Algorithm::EdDSA).unwrap_err(), LookupError::UnknownKid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod algorithm_set;
mod backend;
mod base64url;
mod der;
mod error;
pub(crate) mod fuzz;
mod hmac;
mod jwk;
mod jwks;
mod label;
mod material;
mod object;
mod pem;
mod roca;
mod table;
#[cfg(test)]
mod tests;
mod verifying;

pub use self::algorithm::{Algorithm, Family, UnknownAlgorithm};
pub use self::algorithm_set::AlgorithmSet;
pub use self::backend::Backend;
pub(crate) use self::backend::sha256;
pub use self::error::KeyError;
pub use self::hmac::{HmacError, HmacKey, HmacRing};
pub use self::jwks::{DroppedKey, JwksError, JwksOptions, ParsedJwks, parse_jwks};
pub use self::label::KidLabel;
pub use self::table::{DuplicateKid, KeyTable, LookupError};
pub use self::verifying::{BadSignature, KeySpec, MAX_KID_BYTES, MaterialId, VerifyingKey};
