//! The port that says what a token is.

use std::fmt;
use std::time::Duration;

use portcullis_core::Secret;

use crate::Target;
use crate::feeds::FeedFuture;

/// Says what a token is: whose, and by what name it is revoked.
///
/// `portcullis-auth` implements it for its verifiers.
pub trait TokenReader: Send + Sync + 'static {
    /// Looks into a token.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time.
    fn read<'a>(&'a self, token: &'a Secret) -> FeedFuture<'a, TokenReading>;

    /// Whether it knows tokens of a kind at all. Access tokens only, unless it says otherwise.
    fn reads(&self, kind: TokenKind) -> bool {
        kind == TokenKind::Access
    }
}

/// What a token is for (RFC 7009 section 2.1, `token_type_hint`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
}

/// What was found out about a token.
#[derive(Clone, Debug)]
pub enum TokenReading {
    /// It is good, and this is what it is.
    Known(KnownToken),
    /// It is bad, expired, or not one of ours: nothing to revoke.
    Unknown,
    /// It could not be found out.
    Unavailable {
        /// When another attempt makes sense.
        retry_after: Option<Duration>,
    },
}

/// A token that is good.
#[derive(Clone)]
#[non_exhaustive]
pub struct KnownToken {
    /// Who issued it.
    pub issuer: Box<str>,
    /// To which client. Nobody can revoke a token that does not say.
    pub client: Option<Box<str>>,
    /// What to revoke.
    pub target: Target,
}

// === impl TokenKind ===

impl TokenKind {
    /// The kind that a hint names; none for one that is not known, which is ignored (section 2.2).
    pub(super) fn of_hint(hint: &str) -> Option<Self> {
        match hint {
            "access_token" => Some(Self::Access),
            "refresh_token" => Some(Self::Refresh),
            _ => None,
        }
    }
}

// === impl KnownToken ===

impl KnownToken {
    /// A token of an issuer, with what to revoke, and to which client it was issued.
    #[must_use]
    pub fn new(issuer: &str, client: Option<&str>, target: Target) -> Self {
        Self {
            issuer: issuer.into(),
            client: client.map(Box::from),
            target,
        }
    }
}

impl fmt::Debug for KnownToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownToken").finish_non_exhaustive()
    }
}
