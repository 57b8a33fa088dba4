//! Why a fetch brought no usable key set.

use std::fmt;

use crate::key::JwksError;

/// Why a fetch brought no usable key set.
///
/// A closed set of reasons. None of them quotes what a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchError {
    /// No address of the host is known, and none could be resolved.
    Dns,
    /// The server could not be reached, or the connection broke before the response head.
    Connect,
    /// No secure connection could be made: an untrusted or wrong certificate, no common protocol.
    Tls,
    /// No complete answer within the deadline.
    Timeout,
    /// The status is not 200, nor 304 where one was asked for.
    Status(u16),
    /// The response is larger than the limit.
    TooLarge,
    /// The response broke off.
    Interrupted,
    /// A redirect to another host, scheme or port, a broken one, or too many.
    Redirect,
    /// The response has a content coding, and none was asked for.
    ContentCoding,
    /// The response is not a JSON object with the expected members.
    NotJson,
    /// The metadata names another issuer (RFC 8414 section 3.3).
    IssuerMismatch,
    /// The metadata names a `jwks_uri` that must not be used: not https, not in ASCII, or with user
    /// information or a fragment.
    JwksUri,
    /// The set has more keys than allowed.
    TooManyKeys,
    /// The set has no key that can be used.
    NoUsableKey,
    /// The set holds a shared secret.
    SymmetricKey,
    /// Two keys of the set have the same id and an algorithm in common.
    DuplicateKid,
    /// The HTTP client panicked.
    Panicked,
    /// The runtime that carried the fetch shut down.
    Aborted,
    /// There is no Tokio runtime with timers to fetch in.
    NoRuntime,
}

// === impl FetchError ===

impl FetchError {
    /// Returns a stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Interrupted => "interrupted",
            Self::Redirect => "redirect",
            Self::ContentCoding => "content_coding",
            Self::NotJson => "not_json",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::JwksUri => "jwks_uri",
            Self::TooManyKeys => "too_many_keys",
            Self::NoUsableKey => "no_usable_key",
            Self::SymmetricKey => "symmetric_key",
            Self::DuplicateKid => "duplicate_kid",
            Self::Panicked => "panicked",
            Self::Aborted => "aborted",
            Self::NoRuntime => "no_runtime",
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host name could not be resolved",
            Self::Connect => "the server could not be reached",
            Self::Tls => "no secure connection could be made",
            Self::Timeout => "no complete answer within the deadline",
            Self::Status(status) => return write!(f, "the server answered with status {status}"),
            Self::TooLarge => "the response is larger than the limit",
            Self::Interrupted => "the response broke off",
            Self::Redirect => "a redirect leads elsewhere, or there are too many",
            Self::ContentCoding => "the response has a content coding that was not asked for",
            Self::NotJson => "the response is not a JSON object with the expected members",
            Self::IssuerMismatch => "the metadata names another issuer",
            Self::JwksUri => "the metadata names a `jwks_uri` that must not be used",
            Self::TooManyKeys => "the set has more keys than allowed",
            Self::NoUsableKey => "the set has no usable key",
            Self::SymmetricKey => "the set holds a shared secret",
            Self::DuplicateKid => "two keys of the set have the same id",
            Self::Panicked => "the HTTP client panicked",
            Self::Aborted => "the runtime that carried the fetch shut down",
            Self::NoRuntime => "there is no Tokio runtime with timers",
        })
    }
}

impl std::error::Error for FetchError {}

impl From<&JwksError> for FetchError {
    fn from(error: &JwksError) -> Self {
        match error {
            JwksError::TooLarge { .. } => Self::TooLarge,
            JwksError::TooManyKeys { .. } => Self::TooManyKeys,
            JwksError::SymmetricKey => Self::SymmetricKey,
            JwksError::DuplicateKid(_) => Self::DuplicateKid,
            JwksError::NoUsableKey { .. } => Self::NoUsableKey,
            JwksError::Malformed => Self::NotJson,
        }
    }
}
