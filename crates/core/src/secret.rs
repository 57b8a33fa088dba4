//! Bytes that must not be seen.

use std::{fmt, str, sync::Arc};

use serde::{Deserialize, Deserializer, de};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that never reach a log: a key, a password, a token, a client secret.
///
/// | what | does |
/// |---|---|
/// | `Debug` | prints a fixed text; not even the length shows |
/// | `Display`, `Serialize` | do not exist |
/// | `==` | takes the same time wherever the first difference is (a difference in *length* can be timed) |
/// | clone | shares the bytes: there is one copy in memory |
/// | drop | overwrites the bytes when the last clone is gone |
/// | `Deserialize` | takes text; its errors never quote what they found |
///
/// # Examples
/// ```
/// use portcullis_core::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.expose(), b"hunter2");
/// assert_eq!(secret, Secret::from(b"hunter2".to_vec()));
/// ```
///
/// # Limitations
/// Only the copy held here is overwritten. Copies made before (`From<&str>` borrows from one, a
/// deserializer has read buffers of its own) or by callers of [`expose`](Secret::expose) are not.
#[derive(Clone)]
pub struct Secret {
    // A Vec and not a boxed slice: shrinking would move the bytes and leave the old copy behind.
    bytes: Arc<Zeroizing<Vec<u8>>>,
}

// === impl Secret ===

impl Secret {
    /// Takes over `bytes` without copying them.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Arc::new(Zeroizing::new(bytes)),
        }
    }

    /// The bytes, for the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as text, if they are UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        str::from_utf8(&self.bytes).ok()
    }

    /// Whether there is nothing in it: a check for configuration.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Secret {}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asking a self-describing format for a *string* lets the format word the error, and it
        // quotes the value ("invalid type: integer `4711`"). Asking for anything brings the value
        // here, where the error says nothing.
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(SecretVisitor)
        } else {
            deserializer.deserialize_byte_buf(SecretVisitor)
        }
    }
}

struct SecretVisitor;

// === impl SecretVisitor ===

impl SecretVisitor {
    fn not_text<E: de::Error>() -> Result<Secret, E> {
        Err(E::custom("a secret must be written as text, in quotes"))
    }
}

impl<'de> de::Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::from(text))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
        Ok(Secret::from(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Secret, E> {
        Ok(Secret::from(bytes))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Secret, E> {
        Ok(Secret::from(bytes))
    }

    // The provided methods of these quote the value.

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Self::not_text()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Self::not_text()
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Secret, E> {
        Self::not_text()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Self::not_text()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Secret, E> {
        Self::not_text()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Self::not_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_bytes_nor_length() {
        let short = format!("{:?}", Secret::from("a"));
        let long = format!("{:#?}", Secret::from("correct horse battery staple"));
        assert_eq!(short, "Secret(..)");
        assert_eq!(short, long);
    }

    #[test]
    fn debug_of_a_struct_around_it_is_redacted_too() {
        #[derive(Debug)]
        #[allow(dead_code)]
        struct Config {
            client_secret: Secret,
        }
        let config = Config {
            client_secret: Secret::from("hunter2"),
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn equality_compares_all_bytes() {
        let secret = Secret::from("hunter2");
        assert_eq!(secret, Secret::from(b"hunter2".as_slice()));
        assert_ne!(secret, Secret::from("hunter3"));
        assert_ne!(secret, Secret::from("Hunter2"));
        assert_ne!(secret, Secret::from("hunter"));
        assert_ne!(secret, Secret::from(""));
        assert_eq!(Secret::from(""), Secret::from(String::new()));
    }

    #[test]
    fn clones_share_one_copy() {
        let secret = Secret::from("hunter2");
        let clone = secret.clone();
        assert_eq!(secret.expose().as_ptr(), clone.expose().as_ptr());
    }

    #[test]
    fn taking_over_a_string_does_not_copy_it() {
        let mut text = String::with_capacity(100);
        text.push_str("hunter2");
        let before = text.as_ptr();
        assert_eq!(Secret::from(text).expose().as_ptr(), before);
    }

    #[test]
    fn bytes_that_are_not_text_are_exposed_as_bytes_only() {
        let secret = Secret::from(vec![0xff, 0x00]);
        assert_eq!(secret.expose(), [0xff, 0x00]);
        assert_eq!(secret.expose_str(), None);
        assert_eq!(Secret::from("é").expose_str(), Some("é"));
    }

    #[test]
    fn text_deserializes() {
        let secret: Secret = serde_json::from_str(r#""hunter\u0032""#).unwrap();
        assert_eq!(secret, Secret::from("hunter2"));
        let secret: Secret = serde_json::from_value("hunter2".into()).unwrap();
        assert_eq!(secret, Secret::from("hunter2"));
    }

    #[test]
    fn errors_of_deserializing_never_quote_the_value() {
        for json in [
            "471147114711",
            "-471147114711",
            "4711.4711",
            "true",
            "[4711]",
            r#"{"4711": 4711}"#,
            "null",
        ] {
            let error = serde_json::from_str::<Secret>(json)
                .unwrap_err()
                .to_string();
            assert!(!error.contains("4711"), "{error}");
            assert!(!error.contains("true"), "{error}");
        }
    }
}
