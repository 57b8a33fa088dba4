//! The port that verifies logout tokens.

use std::fmt;
use std::time::Duration;

use portcullis_core::{Secret, UnixTime};

use crate::feeds::FeedFuture;

/// Verifies logout tokens: all of section 2.6 of OpenID Connect Back-Channel Logout 1.0 but the replay of a
/// `jti`.
///
/// `portcullis-auth` implements it over the same keys that it verifies access tokens with.
pub trait LogoutReader: Send + Sync + 'static {
    /// Verifies a logout token.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time.
    fn read<'a>(&'a self, token: &'a Secret) -> FeedFuture<'a, LogoutReading>;
}

/// What was found out about a logout token.
#[derive(Clone, Debug)]
pub enum LogoutReading {
    /// It is good.
    Good(LogoutToken),
    /// It is bad.
    Bad(LogoutFault),
    /// It could not be found out.
    Unavailable {
        /// When another attempt makes sense.
        retry_after: Option<Duration>,
    },
}

/// A logout token that was verified.
#[derive(Clone)]
#[non_exhaustive]
pub struct LogoutToken {
    /// Who issued it: the name by which access tokens of this issuer are revoked.
    pub issuer: Box<str>,
    /// `jti`.
    pub jti: Box<str>,
    /// `sid`.
    pub session: Option<Box<str>>,
    /// `sub`.
    pub subject: Option<Box<str>>,
    /// From when on it would be refused anyway, leeway included: so long its `jti` is remembered.
    pub spent_at: UnixTime,
}

/// Why a logout token is bad, in our own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutFault {
    /// A stable label.
    pub label: &'static str,
    /// One sentence, without quotes.
    pub detail: &'static str,
}

// === impl LogoutToken ===

impl LogoutToken {
    /// A token that names neither session nor subject yet.
    #[must_use]
    pub fn new(issuer: &str, jti: &str, spent_at: UnixTime) -> Self {
        Self {
            issuer: issuer.into(),
            jti: jti.into(),
            session: None,
            subject: None,
            spent_at,
        }
    }
}

impl fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutToken").finish_non_exhaustive()
    }
}

// === impl LogoutFault ===

impl LogoutFault {
    /// A fault by its label, with one sentence from a closed set.
    #[must_use]
    pub const fn new(label: &'static str, detail: &'static str) -> Self {
        Self { label, detail }
    }
}
