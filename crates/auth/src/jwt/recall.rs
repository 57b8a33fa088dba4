//! What is known of a token without looking into it.

use std::time::Duration;

use portcullis_core::{Clock, Identity, Provenance, UnixTime};

use super::Shared;
use super::issuer::Source;
use crate::cache::{Entry, Fingerprint};
use crate::{Degrade, Presented, Reason};

/// What is known of a token. Small, so that it is returned in registers: moving a
/// cached entry about costs more than finding it.
pub(super) enum Recalled {
    /// It was found valid, and nothing has changed since.
    Valid(Identity),
    /// It is bad: by its form, or because it has expired since it was found valid.
    Invalid(Reason),
    /// Too little.
    Doubtful(Doubt),
}

/// Why a token must be looked into.
#[derive(Clone, Copy)]
pub(super) enum Doubt {
    /// Nothing is known of it.
    New,
    /// It was found valid, and something has changed.
    Changed,
}

/// What is left of a cached verdict.
pub(super) enum Recheck {
    /// It holds.
    Good,
    /// The token has expired since.
    Expired,
    /// It holds, and the keys are so much older than their hard age.
    Overdue(Duration),
    /// The token must be verified anew.
    Anew,
}

/// What a look began with: the digest of the token, and the time.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    pub(super) fingerprint: Fingerprint,
    pub(super) now: UnixTime,
}

/// `{"alg":"HS256"}` in base64url, two dots, and the shortest signature, of HS256.
const SHORTEST: usize = 20 + 2 + 43;

/// How much of what is no signed token is looked at for a character that no token has, in bytes.
const LOOKED_AT: usize = 256;

/// Whether the header can be a JSON object: by its first letter in base64url, which stands for `{` or
/// for white space.
fn may_be_object(token: &[u8]) -> bool {
    matches!(token.first(), Some(b'e' | b'I' | b'C' | b'D'))
}

/// Why what is no signed token is none. RFC 6750 has a malformed request (400) and a malformed token (401):
/// which of them is told by the start, so that long junk costs no more than short.
fn why_junk(bytes: &[u8]) -> Reason {
    let start = Presented::new(&bytes[..bytes.len().min(LOOKED_AT)]);
    start.check().err().unwrap_or(Reason::Malformed)
}

impl<C: Clock> Shared<C> {
    /// What can be seen before a lookup, for less than a lookup costs.
    #[inline]
    pub(super) fn form(&self, token: Presented<'_>) -> Result<(), Reason> {
        let bytes = token.as_bytes();
        if bytes.len() > self.max_bytes {
            return Err(Reason::TooLarge);
        }
        if bytes.len() < SHORTEST || !may_be_object(bytes) {
            return Err(why_junk(bytes));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn glance(&self, token: Presented<'_>) -> Glance {
        Glance {
            fingerprint: self.fingerprints.of(token.as_bytes()),
            now: self.clock.wall(),
        }
    }

    /// What is known of a token from before.
    #[inline]
    pub(super) fn recall(&self, token: Presented<'_>, glance: Glance) -> Recalled {
        let Some(entry) = self.cache.get(glance.fingerprint, token.as_bytes()) else {
            return Recalled::Doubtful(Doubt::New);
        };
        match self.recheck(&entry, glance.now) {
            Recheck::Good => Recalled::Valid(entry.identity.into_provenance(Provenance::Cached)),
            Recheck::Expired => Recalled::Invalid(Reason::Expired),
            Recheck::Overdue(_) | Recheck::Anew => Recalled::Doubtful(Doubt::Changed),
        }
    }

    /// Checks again what can have changed since the verdict was cached.
    #[inline]
    pub(super) fn recheck(&self, entry: &Entry, now: UnixTime) -> Recheck {
        if now >= entry.expires {
            return Recheck::Expired;
        }
        // A clock that was set back makes nothing fresh for longer.
        if now >= entry.fresh_until || now < entry.verified_at {
            return Recheck::Anew;
        }
        let Some(issuer) = self.issuers.get(entry.issuer) else {
            return Recheck::Anew;
        };
        let Source::Remote(jwks) = &issuer.source else {
            return Recheck::Good;
        };
        let set = jwks.load();
        if set.generation() != entry.generation && !set.is_live(&entry.material) {
            return Recheck::Anew;
        }
        set.overdue(now, jwks.hard_age())
            .map_or(Recheck::Good, Recheck::Overdue)
    }
}

/// A caller who was seen valid not too long ago, and how long ago. By a clock that was set back it cannot
/// be told how long.
pub(super) fn held(entry: &Entry, now: UnixTime) -> Option<(Identity, Duration)> {
    let age = now.since(entry.verified_at);
    let recent = now >= entry.verified_at && age <= Degrade::GRACE_MAX;
    recent.then(|| (entry.identity.with_provenance(Provenance::Cached), age))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use portcullis_core::IdentityParts;
    use portcullis_testing::SigningKey;

    use super::*;
    use crate::key::{KeySpec, VerifyingKey};

    #[test]
    fn a_header_that_is_an_object_is_never_passed_over() {
        for first in *b"{ \t\n\r" {
            for second in 0..=u8::MAX {
                let text = URL_SAFE_NO_PAD.encode([first, second, b'}']);
                assert!(may_be_object(text.as_bytes()), "{text}");
            }
        }
        for other in *b"[1tfn" {
            let text = URL_SAFE_NO_PAD.encode([other, b'x', b'x']);
            assert!(!may_be_object(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn of_junk_only_the_start_is_looked_at() {
        let junk = |length: usize, last: char| {
            let mut text = "z".repeat(length - 1);
            text.push(last);
            why_junk(text.as_bytes())
        };
        for length in [1, 16, 255, LOOKED_AT] {
            assert_eq!(junk(length, 'z'), Reason::Malformed, "{length}");
            assert_eq!(junk(length, '"'), Reason::MalformedCredential, "{length}");
        }
        assert_eq!(junk(LOOKED_AT + 1, '"'), Reason::Malformed);
    }

    fn seen(at: u64) -> Entry {
        let parts = IdentityParts::new("https://idp.example.com");
        let key = SigningKey::ed25519().jwk().to_string();
        let key = VerifyingKey::from_jwk(&key, &KeySpec::new()).unwrap();
        Entry {
            token_tail: [0; 16],
            issuer: 0,
            expires: UnixTime::MAX,
            fresh_until: UnixTime::MAX,
            verified_at: UnixTime::from_secs(at),
            generation: 1,
            material: key.material_id(),
            identity: Identity::new(parts, Provenance::Fresh),
        }
    }

    #[test]
    fn a_caller_seen_in_the_future_is_not_held() {
        let entry = seen(1_000_000);
        let age = |now| held(&entry, UnixTime::from_secs(now)).map(|(_, age)| age.as_secs());
        assert_eq!(age(1_000_000), Some(0));
        assert_eq!(age(1_000_060), Some(60));
        // The clock was set back: how long ago it was cannot be told.
        assert_eq!(age(999_999), None);
        assert_eq!(age(0), None);
        let longest = Degrade::GRACE_MAX.as_secs();
        assert_eq!(age(1_000_000 + longest), Some(longest));
        assert_eq!(age(1_000_001 + longest), None);
    }
}
