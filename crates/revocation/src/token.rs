//! What a check needs to know of one token, worked out once.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_core::UnixTime;
use sha2::{Digest, Sha256};

use crate::secrets::Domain;
use crate::time::millis;
use crate::{Horizon, Id, Kind, Secrets};

/// What is known of a token that was verified, borrowed from wherever it is.
///
/// ```
/// use portcullis_core::UnixTime;
/// use portcullis_revocation::TokenFacts;
///
/// let mut facts = TokenFacts::new("https://idp.example.com");
/// facts.jti = Some("4711");
/// facts.subject = Some("alice");
/// facts.issued_at = Some(UnixTime::from_secs(1_900_000_000));
/// facts.expires_at = Some(UnixTime::from_secs(1_900_000_300));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct TokenFacts<'a> {
    /// The issuer (`iss`).
    pub issuer: &'a str,
    /// The identifier of the token (`jti`).
    pub jti: Option<&'a str>,
    /// SHA-256 of the signing input of a JWT: header, dot, payload. Never of the whole token: an ECDSA
    /// signature has a valid twin. Needed where there is no `jti`.
    pub signing_input_hash: Option<&'a [u8; 32]>,
    /// SHA-256 of a token that is not a JWT.
    pub opaque_hash: Option<&'a [u8; 32]>,
    /// The session (`sid`).
    pub session: Option<&'a str>,
    /// The subject (`sub`).
    pub subject: Option<&'a str>,
    /// The client.
    pub client: Option<&'a str>,
    /// The key that signed it (`kid`).
    pub key_id: Option<&'a str>,
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// When the user last authenticated actively (`auth_time`).
    pub auth_time: Option<UnixTime>,
    /// When the token was issued (`iat`).
    pub issued_at: Option<UnixTime>,
    /// When it expires (`exp`), leeway not included.
    pub expires_at: Option<UnixTime>,
    /// How many milliseconds the issuer's clock is ahead of this node's, if that was measured. Else it is
    /// taken to agree with that of the log.
    pub issuer_ahead_millis: Option<i64>,
}

/// The ids of one token and its dates: what a check compares. Made by
/// [`View::token_ids`](crate::View::token_ids) once for each verdict, and kept beside it.
///
/// It remembers that a check found nothing, until something is revoked: so a check of the same token is
/// as a rule two comparisons.
pub struct TokenIds {
    pub(crate) tombstones: [Option<Id>; 4],
    pub(crate) watermarks: [Option<(Kind, Id)>; 5],
    /// What watermarks are compared with, in milliseconds: `auth_time`, else `iat`.
    pub(crate) date: u64,
    pub(crate) issuer_ahead: Option<i64>,
    /// By the log's clock: from here on its tombstones may be forgotten.
    pub(crate) remembered_until: u64,
    pub(crate) unfit: Option<Unfit>,
    /// The version of the view at which nothing was found.
    pub(crate) clean_at: AtomicU64,
}

/// Why it cannot be said of a token, ever, that it was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unfit {
    /// It has neither `auth_time` nor `iat`, so no watermark can be compared with it.
    Undated,
    /// It has no `exp`: revocations are forgotten at some time.
    NeverExpires,
    /// It lives longer than revocations are remembered.
    LivesTooLong,
}

// === impl TokenFacts ===

impl<'a> TokenFacts<'a> {
    /// Nothing but the issuer.
    #[must_use]
    pub const fn new(issuer: &'a str) -> Self {
        Self {
            issuer,
            jti: None,
            signing_input_hash: None,
            opaque_hash: None,
            session: None,
            subject: None,
            client: None,
            key_id: None,
            tenant: None,
            auth_time: None,
            issued_at: None,
            expires_at: None,
            issuer_ahead_millis: None,
        }
    }
}

impl fmt::Debug for TokenFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts").finish_non_exhaustive()
    }
}

// === impl TokenIds ===

impl TokenIds {
    pub(crate) fn of(facts: &TokenFacts<'_>, secrets: &Secrets, horizon: Horizon) -> Self {
        let id = |domain, value: &[u8]| secrets.id(domain, facts.issuer, value);
        let named = |kind, domain, value: Option<&str>| {
            value.map(|value| (kind, id(domain, value.as_bytes())))
        };
        let in_millis = |time: UnixTime| millis(time.since_epoch());
        let date = facts.auth_time.or(facts.issued_at);
        Self {
            tombstones: [
                facts.jti.map(|jti| id(Domain::TokenId, jti.as_bytes())),
                facts
                    .signing_input_hash
                    .map(|hash| id(Domain::SigningInput, hash)),
                facts.opaque_hash.map(|hash| id(Domain::OpaqueToken, hash)),
                facts
                    .session
                    .map(|session| id(Domain::Session, session.as_bytes())),
            ],
            watermarks: [
                named(Kind::Subject, Domain::Subject, facts.subject),
                named(Kind::Client, Domain::Client, facts.client),
                named(Kind::Key, Domain::Key, facts.key_id),
                named(Kind::Tenant, Domain::Tenant, facts.tenant),
                Some((Kind::Everything, secrets.everything())),
            ],
            date: date.map_or(0, in_millis),
            issuer_ahead: facts.issuer_ahead_millis,
            remembered_until: facts.expires_at.map_or(0, |exp| {
                in_millis(exp + Horizon::LEEWAY + Horizon::MARGIN / 2)
            }),
            unfit: unfit(facts, horizon),
            clean_at: AtomicU64::new(0),
        }
    }

    /// Why nothing can be said of this token, if so.
    #[must_use]
    pub const fn unfit(&self) -> Option<Unfit> {
        self.unfit
    }

    /// Whether a token with such a date is older than a watermark.
    ///
    /// `iat` is in whole seconds, rounded down: a token of the same second may be from before or after.
    /// It is let pass (the guard of one second), or whoever logs out everywhere and in again at once
    /// would be out.
    pub(crate) fn is_before(&self, watermark: u64, server_ahead: i64) -> bool {
        const GUARD_MILLIS: u64 = 1_000;
        let date = match self.issuer_ahead {
            None => self.date,
            Some(ahead) => self
                .date
                .saturating_add_signed(ahead.saturating_neg())
                .saturating_add_signed(server_ahead),
        };
        date.saturating_add(GUARD_MILLIS) <= watermark
    }

    /// Whether one of the ids has this second half.
    #[inline]
    pub(crate) fn has(&self, low: u64) -> bool {
        let tombstones = self.tombstones.iter().flatten();
        let watermarks = self.watermarks.iter().flatten().map(|(_, id)| id);
        tombstones.chain(watermarks).any(|id| id.halves().1 == low)
    }

    pub(crate) fn tombstone(&self, place: usize) -> Kind {
        if place == self.tombstones.len() - 1 {
            Kind::Session
        } else {
            Kind::Token
        }
    }
}

/// SHA-256 of what is signed in a JWT: everything before its last dot. None if it has not three parts.
#[must_use]
pub fn signing_input_hash(token: &str) -> Option<[u8; 32]> {
    let (input, _) = token.rsplit_once('.')?;
    let (_, payload) = input.split_once('.')?;
    (!payload.contains('.')).then(|| Sha256::digest(input).into())
}

/// SHA-256 of a token that is not a JWT.
#[must_use]
pub fn opaque_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn unfit(facts: &TokenFacts<'_>, horizon: Horizon) -> Option<Unfit> {
    let Some(expires) = facts.expires_at else {
        return Some(Unfit::NeverExpires);
    };
    // Without `iat`, a token was issued after `auth_time`.
    let Some(begins) = facts.issued_at.or(facts.auth_time) else {
        return Some(Unfit::Undated);
    };
    let lifetime: Duration = expires.since(begins);
    (lifetime > horizon.max_token_lifetime()).then_some(Unfit::LivesTooLong)
}

impl Clone for TokenIds {
    fn clone(&self) -> Self {
        Self {
            tombstones: self.tombstones,
            watermarks: self.watermarks,
            date: self.date,
            issuer_ahead: self.issuer_ahead,
            remembered_until: self.remembered_until,
            unfit: self.unfit,
            clean_at: AtomicU64::new(self.clean_at.load(Ordering::Relaxed)),
        }
    }
}

impl fmt::Debug for TokenIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIds")
            .field("unfit", &self.unfit)
            .finish_non_exhaustive()
    }
}

// === impl Unfit ===

impl Unfit {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Undated => "undated",
            Self::NeverExpires => "never_expires",
            Self::LivesTooLong => "lives_too_long",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undated => "the token has neither auth_time nor iat",
            Self::NeverExpires => "the token has no exp",
            Self::LivesTooLong => "the token lives longer than revocations are remembered",
        })
    }
}

#[cfg(test)]
mod tests {
    use portcullis_core::Secret;

    use super::*;

    fn ids(facts: &TokenFacts<'_>) -> TokenIds {
        let secrets = Secrets::new(&Secret::new(vec![1; 32])).unwrap();
        TokenIds::of(facts, &secrets, Horizon::DEFAULT)
    }

    fn at(seconds: u64) -> Option<UnixTime> {
        Some(UnixTime::from_secs(seconds))
    }

    #[test]
    fn a_jwt_is_named_by_what_is_signed_whatever_the_signature() {
        let hash = signing_input_hash("head.body.one");
        assert_eq!(hash, signing_input_hash("head.body.another"));
        assert_eq!(hash, Some(opaque_hash("head.body")));
        for text in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e"] {
            assert_eq!(signing_input_hash(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_of_which_nothing_can_be_said_are_told_apart() {
        let day = 24 * 3600;
        for (auth_time, iat, exp, expected) in [
            (None, at(100), None, Some(Unfit::NeverExpires)),
            (None, None, at(100), Some(Unfit::Undated)),
            (None, at(100), at(100 + day), None),
            (None, at(100), at(101 + day), Some(Unfit::LivesTooLong)),
            (at(100), None, at(101 + day), Some(Unfit::LivesTooLong)),
            (at(100), None, at(200), None),
            // A session of a year, a token of a minute.
            (at(0), at(365 * day), at(365 * day + 60), None),
            (None, at(500), at(100), None),
            (None, at(0), Some(UnixTime::MAX), Some(Unfit::LivesTooLong)),
        ] {
            let mut facts = TokenFacts::new("iss");
            facts.auth_time = auth_time;
            facts.issued_at = iat;
            facts.expires_at = exp;
            assert_eq!(
                ids(&facts).unfit(),
                expected,
                "{auth_time:?} {iat:?} {exp:?}"
            );
        }
    }

    #[test]
    fn watermarks_are_compared_with_auth_time_before_iat() {
        let mut facts = TokenFacts::new("iss");
        facts.issued_at = at(100);
        assert!(!ids(&facts).is_before(60_000, 0));
        facts.auth_time = at(50);
        assert!(ids(&facts).is_before(60_000, 0));
    }

    #[test]
    fn a_token_of_the_second_of_the_watermark_passes_and_an_older_one_does_not() {
        let mut facts = TokenFacts::new("iss");
        facts.issued_at = at(100);
        // Logged out at 100.9, in again at once: iat is rounded down to 100.
        assert!(!ids(&facts).is_before(100_900, 0));
        assert!(ids(&facts).is_before(101_000, 0));
    }

    #[test]
    fn the_measured_offsets_of_issuer_and_server_are_taken_out() {
        // The issuer is 30 s ahead of us, the log's server 10 s behind us.
        let mut facts = TokenFacts::new("iss");
        facts.issued_at = at(130);
        facts.issuer_ahead_millis = Some(30_000);
        // Issued at 100 by our clock, 90 by the server's.
        assert!(!ids(&facts).is_before(90_999, -10_000));
        assert!(ids(&facts).is_before(91_000, -10_000));
        // Without a measurement issuer and server are taken to agree, whatever our clock says.
        facts.issuer_ahead_millis = None;
        assert!(!ids(&facts).is_before(130_999, -10_000));
        assert!(ids(&facts).is_before(131_000, -10_000));
    }

    #[test]
    fn hostile_dates_neither_wrap_nor_panic() {
        let mut facts = TokenFacts::new("iss");
        for time in [UnixTime::EPOCH, UnixTime::MAX] {
            facts.issued_at = Some(time);
            facts.expires_at = Some(time);
            for ahead in [i64::MIN, i64::MAX] {
                facts.issuer_ahead_millis = Some(ahead);
                for server in [i64::MIN, i64::MAX] {
                    let _ = ids(&facts).is_before(u64::MAX, server);
                }
            }
        }
        facts.issuer_ahead_millis = None;
        facts.issued_at = Some(UnixTime::MAX);
        assert!(!ids(&facts).is_before(u64::MAX - 1, 0) || millis(Duration::MAX) == u64::MAX);
    }
}
