//! What can be revoked.

use std::fmt;

/// What can be revoked.
///
/// | kind | how it is kept | what it ends |
/// |---|---|---|
/// | [`Token`](Kind::Token), [`Session`](Kind::Session) | a *tombstone*: the one thing named | that token; every token of that session |
/// | the others | a *watermark*: a point in time | every token of that subject, client, key or tenant, or every token, that is older |
///
/// A session is ended by its name, so no clock is compared with another. A watermark compares the date
/// in the token (the issuer's clock) with the time of the log. Prefer sessions where tokens have a `sid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// One token.
    Token,
    /// A session at the issuer (`sid`).
    Session,
    /// A subject (`sub`).
    Subject,
    /// A client.
    Client,
    /// A signing key (`kid`).
    Key,
    /// A tenant.
    Tenant,
    /// Every token of every issuer.
    Everything,
}

// === impl Kind ===

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Token,
        Self::Session,
        Self::Subject,
        Self::Client,
        Self::Key,
        Self::Tenant,
        Self::Everything,
    ];

    /// Whether it is revoked by a point in time.
    #[must_use]
    pub const fn is_watermark(self) -> bool {
        !matches!(self, Self::Token | Self::Session)
    }

    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Key => "key",
            Self::Tenant => "tenant",
            Self::Everything => "everything",
        }
    }

    /// The letter in an entry of the log.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Token => 't',
            Self::Session => 's',
            Self::Subject => 'u',
            Self::Client => 'c',
            Self::Key => 'k',
            Self::Tenant => 'n',
            Self::Everything => 'e',
        }
    }

    pub(crate) fn of_letter(letter: &str) -> Option<Self> {
        let mut letters = letter.chars();
        let (first, None) = (letters.next()?, letters.next()) else {
            return None;
        };
        Self::ALL.into_iter().find(|kind| kind.letter() == first)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
