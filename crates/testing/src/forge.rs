//! Tokens that a verifier must refuse, and one that it must not.
//!
//! Every function takes a good token in compact form and changes one thing. What cannot be forged by a
//! change is signed so: [`SigningKey::sign_raw`](crate::SigningKey::sign_raw) signs any bytes.
//!
//! # Panics
//! All of them panic on text that is not a compact JWS: a forgery of junk would prove nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::SigningKey;
use crate::mint::{Algorithm, b64};

/// The order of the P-256 group (SEC 2, section 2.4.2), big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The header of `token`.
#[must_use]
pub fn header(token: &str) -> Value {
    json_of(parts(token)[0])
}

/// The claims of `token`, signature unchecked.
#[must_use]
pub fn claims(token: &str) -> Value {
    json_of(parts(token)[1])
}

/// `token` with a claim added under the old signature.
#[must_use]
pub fn tampered(token: &str) -> String {
    with_claim(token, "tampered", true)
}

/// `token` with one claim set to `value` under the old signature.
#[must_use]
pub fn with_claim(token: &str, name: &str, value: impl Into<Value>) -> String {
    let [header, payload, signature] = parts(token);
    let mut claims = json_of(payload);
    claims[name] = value.into();
    format!("{header}.{}.{signature}", b64(claims.to_string()))
}

/// `token` with one member of the header set to `value` under the old signature.
#[must_use]
pub fn with_header(token: &str, name: &str, value: impl Into<Value>) -> String {
    let [header, payload, signature] = parts(token);
    let mut members = json_of(header);
    members[name] = value.into();
    format!("{}.{payload}.{signature}", b64(members.to_string()))
}

/// `token` with one bit of its signature turned over.
#[must_use]
pub fn bad_signature(token: &str) -> String {
    let [header, payload, signature] = parts(token);
    let mut bytes = decode(signature);
    *bytes.first_mut().expect("a signature of at least a byte") ^= 1;
    format!("{header}.{payload}.{}", b64(bytes))
}

/// Header and claims of `token` under the signature of `other`.
#[must_use]
pub fn with_signature_of(token: &str, other: &str) -> String {
    let [header, payload, _] = parts(token);
    let [_, _, signature] = parts(other);
    format!("{header}.{payload}.{signature}")
}

/// `token` without protection: `alg` in the given spelling of "none", and an empty signature.
#[must_use]
pub fn unsigned(token: &str, none: &str) -> String {
    let changed = with_header(token, "alg", none);
    let [header, payload, _] = parts(&changed);
    format!("{header}.{payload}.")
}

/// `token` signed anew with HS256, the secret being the public half of `key` in PEM: algorithm
/// confusion (RFC 8725 section 2.1).
///
/// # Panics
/// If `key` is a shared secret.
#[must_use]
pub fn hmac_with_public_key(token: &str, key: &SigningKey) -> String {
    let secret = SigningKey::hmac(key.public_pem());
    let mut head = header(token);
    head["alg"] = json!(Algorithm::Hs256.as_str());
    secret.sign(&head, &claims(token))
}

/// The twin (r, n − s) of an ES256 token: **valid**, as the original is, although its bytes differ.
///
/// Of the two twins one has a "high" s. RFC 7518 forbids neither, so whatever names a token by a hash
/// of the whole of it can be given the slip.
///
/// # Panics
/// If the signature is not 64 bytes.
#[must_use]
pub fn es256_high_s_twin(token: &str) -> String {
    let [header, payload, signature] = parts(token);
    let mut bytes = decode(signature);
    assert_eq!(bytes.len(), 64, "an ES256 signature");
    let (_, s) = bytes.split_at_mut(32);
    let mut borrow = 0;
    for (digit, order) in s.iter_mut().zip(P256_ORDER).rev() {
        // order - digit - borrow, modulo 256.
        let (first, under) = order.overflowing_sub(*digit);
        let (second, again) = first.overflowing_sub(borrow);
        *digit = second;
        borrow = u8::from(under || again);
    }
    format!("{header}.{payload}.{}", b64(bytes))
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("a compact JWS of three parts")
}

fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(part)
        .expect("a part in base64url without padding")
}

fn json_of(part: &str) -> Value {
    serde_json::from_slice(&decode(part)).expect("a part that is JSON")
}
