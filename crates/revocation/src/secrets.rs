//! The secrets that ids are made with.

use std::fmt;

use hmac::{Hmac, Mac};
use portcullis_core::{ConfigError, Problems, Secret};
use sha2::Sha256;

use crate::Id;
use crate::id::unhex;

/// The secrets that ids are made with: the current one, and during a rotation another.
///
/// Every revocation is written under each of them; checks use the current one. To rotate without losing
/// sight of a revocation:
///
/// | step | `current` | `other` | until |
/// |---|---|---|---|
/// | 1 | old | new | every node has it, and then a [horizon](crate::Horizon) long |
/// | 2 | new | old | every node has it |
/// | 3 | new | – | |
///
/// The log knows since when every write was made under a secret (by its [`Fingerprint`]). A node whose
/// current secret is not among them, or not for long enough, is *not synced* and says so: skipping a step
/// refuses requests, and never lets a revoked token pass.
#[derive(Clone)]
pub struct Secrets {
    ring: Vec<Keyed>,
}

/// A name of a secret, for comparing: 128 bits of a keyed hash of a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

#[derive(Clone)]
struct Keyed {
    mac: Hmac<Sha256>,
    fingerprint: Fingerprint,
    /// The id that every token has, worked out once.
    everything: Id,
}

/// What a value is, in the input of the hash. Values of two domains never collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    TokenId = 1,
    SigningInput = 2,
    OpaqueToken = 3,
    Session = 4,
    Subject = 5,
    Client = 6,
    Key = 7,
    Tenant = 8,
    Everything = 9,
    Order = 10,
}

const PURPOSE: &[u8] = b"portcullis-revocation-v1";
const MIN_BYTES: usize = 32;

// === impl Secrets ===

impl Secrets {
    /// One secret, of at least 32 bytes.
    ///
    /// # Errors
    /// If it is shorter.
    pub fn new(current: &Secret) -> Result<Self, ConfigError> {
        Self::ring(&[("current", current)])
    }

    /// Two secrets during a rotation: writes are made under both, checks with `current`.
    ///
    /// # Errors
    /// If one is shorter than 32 bytes, or both are the same.
    pub fn rotating(current: &Secret, other: &Secret) -> Result<Self, ConfigError> {
        Self::ring(&[("current", current), ("other", other)])
    }

    fn ring(secrets: &[(&str, &Secret)]) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let mut ring: Vec<Keyed> = Vec::with_capacity(secrets.len());
        for (path, secret) in secrets {
            if secret.expose().len() < MIN_BYTES {
                problems.push(
                    *path,
                    "is shorter than 32 bytes",
                    "take 32 random bytes, the same on every node of one log",
                );
            }
            if let Some(keyed) = Keyed::new(secret) {
                if ring.iter().any(|one| one.fingerprint == keyed.fingerprint) {
                    problems.push(*path, "is the current secret", "leave it out, or change it");
                }
                ring.push(keyed);
            }
        }
        problems.into_result(Self { ring })
    }

    /// The fingerprints, that of the current secret first.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.ring.iter().map(|keyed| keyed.fingerprint)
    }

    /// The id under each secret.
    pub(crate) fn ids<'a>(
        &'a self,
        domain: Domain,
        issuer: &'a str,
        value: &'a [u8],
    ) -> impl Iterator<Item = Id> + 'a {
        self.ring
            .iter()
            .map(move |keyed| keyed.id(domain, issuer, value))
    }

    /// The id of everything, under the current secret.
    pub(crate) fn everything(&self) -> Id {
        self.ring[0].everything
    }

    /// The id under the current secret.
    pub(crate) fn id(&self, domain: Domain, issuer: &str, value: &[u8]) -> Id {
        // Never empty: made of at least one secret, and a key of any length is one.
        self.ring[0].id(domain, issuer, value)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

// === impl Keyed ===

impl Keyed {
    fn new(secret: &Secret) -> Option<Self> {
        let mac = Hmac::<Sha256>::new_from_slice(secret.expose()).ok()?;
        let fingerprint = Fingerprint(truncated(mac.clone().chain_update(b"fingerprint")));
        let mut keyed = Self {
            mac,
            fingerprint,
            everything: Id::from_bytes([0; 16]),
        };
        keyed.everything = keyed.id(Domain::Everything, "", b"");
        Some(keyed)
    }

    /// HMAC-SHA-256 (RFC 2104) over purpose, domain, issuer and value, each so that its end is known.
    fn id(&self, domain: Domain, issuer: &str, value: &[u8]) -> Id {
        let mac = self
            .mac
            .clone()
            .chain_update(PURPOSE)
            .chain_update([domain as u8])
            .chain_update((issuer.len() as u64).to_be_bytes())
            .chain_update(issuer)
            .chain_update(value);
        Id::from_bytes(truncated(mac))
    }
}

fn truncated(mac: Hmac<Sha256>) -> [u8; 16] {
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

// === impl Fingerprint ===

impl Fingerprint {
    /// A fingerprint of its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads 32 hexadecimal digits, as `Display` writes them.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::new(vec![byte; 32])
    }

    #[test]
    fn ids_differ_by_domain_issuer_value_and_secret() {
        let mut seen = HashSet::new();
        for byte in 0..2 {
            let secrets = Secrets::new(&secret(byte)).unwrap();
            for domain in [Domain::TokenId, Domain::SigningInput, Domain::Session] {
                // The border between issuer and value does not move.
                for (issuer, value) in [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")] {
                    assert!(seen.insert(secrets.id(domain, issuer, value.as_bytes())));
                }
            }
        }
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn an_id_is_the_first_half_of_the_documented_hmac() {
        let secrets = Secrets::new(&secret(7)).unwrap();
        let mut input = b"portcullis-revocation-v1\x05".to_vec();
        input.extend(3_u64.to_be_bytes());
        input.extend(b"issalice");
        let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        let whole = mac.chain_update(input).finalize().into_bytes();
        let id = secrets.id(Domain::Subject, "iss", b"alice");
        assert_eq!(id.to_bytes(), whole[..16]);
    }

    #[test]
    fn short_and_equal_secrets_are_refused_together_and_not_shown() {
        let short = Secret::from("hunter2");
        let error = Secrets::rotating(&short, &short).unwrap_err();
        let paths: Vec<_> = error.problems().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["current", "other", "other"]);
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_ring_writes_under_both_and_checks_under_the_first() {
        let (old, new) = (secret(1), secret(2));
        let ring = Secrets::rotating(&old, &new).unwrap();
        let alone = |secret| Secrets::new(secret).unwrap().id(Domain::Session, "i", b"s");
        let both: Vec<_> = ring.ids(Domain::Session, "i", b"s").collect();
        assert_eq!(both, [alone(&old), alone(&new)]);
        assert_eq!(ring.id(Domain::Session, "i", b"s"), alone(&old));
        assert_eq!(ring.fingerprints().count(), 2);
    }

    #[test]
    fn debug_shows_fingerprints_and_no_secret() {
        let ring = Secrets::new(&Secret::from("0123456789abcdef0123456789abcdef")).unwrap();
        let fingerprint = ring.fingerprints().next().unwrap();
        assert_eq!(format!("{ring:?}"), format!("[{fingerprint}]"));
        assert_eq!(
            Fingerprint::from_hex(&fingerprint.to_string()),
            Some(fingerprint)
        );
    }
}
