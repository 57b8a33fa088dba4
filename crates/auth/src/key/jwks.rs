//! A JWK Set.

use std::fmt;

use serde_json::value::RawValue;

use super::backend::Backend;
use super::error::KeyError;
use super::jwk::Jwk;
use super::label::KidLabel;
use super::object::Object;
use super::table::{DuplicateKid, KeyTable};
use super::verifying::{KeySpec, VerifyingKey};

/// How large a JWK Set may be, and what its keys may be used for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct JwksOptions {
    max_bytes: usize,
    max_keys: usize,
    backend: Backend,
}

/// What a JWK Set gave: at least one key, and what was left out.
#[derive(Debug)]
#[non_exhaustive]
pub struct ParsedJwks {
    /// The usable keys in the order of the document; no `kid` and algorithm twice.
    pub keys: Vec<VerifyingKey>,
    /// The keys that were dropped, each by itself.
    pub dropped: Vec<DroppedKey>,
}

/// A key that was left out of its set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedKey {
    /// Its key id, if it had a readable one.
    pub kid: Option<KidLabel>,
    /// The reason.
    pub why: KeyError,
}

/// The reason why a whole JWK Set was refused. The owner of an earlier set keeps that one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwksError {
    /// The document is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The document is not a JSON object with one array `keys` (RFC 7517 §5).
    Malformed,
    /// The set has more keys than allowed.
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
    /// A key is a shared secret: everybody who can read the set could sign, and a set with both
    /// kinds invites algorithm confusion.
    SymmetricKey,
    /// Two keys have one `kid` and an algorithm in common.
    DuplicateKid(DuplicateKid),
    /// No key is usable.
    NoUsableKey {
        /// Every key of the set, with the reason it was dropped for.
        dropped: Vec<DroppedKey>,
    },
}

/// Parses a JWK Set (RFC 7517 §5), each key by itself: one that is unusable is dropped alone.
///
/// # Errors
///
/// [`JwksError`] where the set as a whole must not be used.
pub fn parse_jwks(bytes: &[u8], options: &JwksOptions) -> Result<ParsedJwks, JwksError> {
    if bytes.len() > options.max_bytes {
        return Err(JwksError::TooLarge {
            limit: options.max_bytes,
        });
    }
    let members = members(bytes).ok_or(JwksError::Malformed)?;
    if members.len() > options.max_keys {
        return Err(JwksError::TooManyKeys {
            limit: options.max_keys,
        });
    }

    let spec = KeySpec::new().with_backend(options.backend);
    let (mut keys, mut dropped) = (Vec::new(), Vec::new());
    for member in members {
        match read(member, &spec) {
            Ok(key) => keys.push(key),
            Err(DroppedKey {
                why: KeyError::Symmetric,
                ..
            }) => {
                return Err(JwksError::SymmetricKey);
            }
            Err(unusable) => dropped.push(unusable),
        }
    }
    if keys.is_empty() {
        return Err(JwksError::NoUsableKey { dropped });
    }
    KeyTable::check(&keys).map_err(JwksError::DuplicateKid)?;
    Ok(ParsedJwks { keys, dropped })
}

fn members(bytes: &[u8]) -> Option<Vec<&RawValue>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Object::read(text).ok()?.list("keys").ok()?
}

fn read(member: &RawValue, spec: &KeySpec) -> Result<VerifyingKey, DroppedKey> {
    let jwk = Jwk::read(member.get()).map_err(|why| DroppedKey { kid: None, why })?;
    jwk.verifying_key(spec).map_err(|why| DroppedKey {
        kid: jwk.label(),
        why,
    })
}

// === impl JwksOptions ===

impl JwksOptions {
    /// Creates the default: 256 KiB, 256 keys, the default backend.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_bytes: 256 * 1024,
            max_keys: 256,
            backend: Backend::default(),
        }
    }

    /// Sets the largest document taken, in bytes.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the largest number of keys taken, usable or not.
    #[must_use]
    pub const fn with_max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Chooses the backend.
    #[must_use]
    pub const fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Returns the largest document taken, in bytes.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the largest number of keys taken.
    #[must_use]
    pub const fn max_keys(&self) -> usize {
        self.max_keys
    }
}

impl Default for JwksOptions {
    fn default() -> Self {
        Self::new()
    }
}

// === impl DroppedKey ===

impl fmt::Display for DroppedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            Some(kid) => write!(f, "key {kid:?}: {}", self.why),
            None => write!(f, "key without a readable kid: {}", self.why),
        }
    }
}

// === impl JwksError ===

impl JwksError {
    /// Returns a stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "jwks_too_large",
            Self::Malformed => "jwks_malformed",
            Self::TooManyKeys { .. } => "jwks_too_many_keys",
            Self::SymmetricKey => "jwks_symmetric_key",
            Self::DuplicateKid(_) => "jwks_duplicate_kid",
            Self::NoUsableKey { .. } => "jwks_no_usable_key",
        }
    }
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "the JWK Set is larger than {limit} bytes: publish fewer keys"
                )
            }
            Self::Malformed => f.write_str(
                "the JWK Set is not a JSON object with one array `keys`: check that the address is \
                 the `jwks_uri`",
            ),
            Self::TooManyKeys { limit } => {
                write!(
                    f,
                    "`keys` has more than {limit} members: publish fewer keys"
                )
            }
            Self::SymmetricKey => f.write_str(
                "`keys` holds a shared secret (`kty` oct): never publish one, and configure it as \
                 an HMAC ring",
            ),
            Self::DuplicateKid(duplicate) => duplicate.fmt(f),
            Self::NoUsableKey { dropped } => {
                f.write_str("`keys` holds no usable key")?;
                // Enough to see the pattern; the observer gets all of them.
                for (position, key) in dropped.iter().take(4).enumerate() {
                    write!(f, "{}{key}", if position == 0 { ": " } else { "; " })?;
                }
                match dropped.len().saturating_sub(4) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for JwksError {}
