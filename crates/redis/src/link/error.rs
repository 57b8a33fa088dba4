//! Why a call was not done, or may not have been.

use std::error::Error;
use std::fmt;

/// Why a call was not done, or may not have been. Says nothing secret.
///
/// | error | was it done |
/// |---|---|
/// | [`Down`](Self::Down), [`Silent`](Self::Silent), [`Busy`](Self::Busy) | no: nothing was sent |
/// | [`Timeout`](Self::Timeout), [`Lost`](Self::Lost) | nobody knows; it may be done later |
/// | [`Refused`](Self::Refused) | no: the server said so |
/// | [`Nonsense`](Self::Nonsense) | nobody knows |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// There is no connection.
    Down(Cause),
    /// There is a connection that does not answer.
    Silent,
    /// As many calls are under way as may be.
    Busy,
    /// There was no answer in time.
    Timeout,
    /// The connection ended before there was an answer.
    Lost,
    /// The server said no.
    Refused(ServerError),
    /// The answer is not one of the protocol.
    Nonsense,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The first attempt has not ended yet.
    Starting,
    /// The name of the server leads nowhere.
    Unresolved,
    /// Nobody listens there.
    ConnectionRefused,
    /// It cannot be reached.
    Unreachable(std::io::ErrorKind),
    /// Connecting took too long, or the hand-shake.
    Timeout,
    /// It ended what was begun.
    Closed,
    /// A wrong password, or none, or rights that do not suffice. Says which error it was.
    Authentication(&'static str),
    /// It is a replica.
    Replica,
    /// It may drop keys to make room; this is its `maxmemory-policy`.
    Evicts(Box<str>),
    /// It said no to the hand-shake.
    Refused(ServerError),
    /// It does not speak the protocol.
    Nonsense,
}

/// An error that a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    code: Box<str>,
    text: Box<str>,
}

/// No more of an error is kept: it may quote at length what it was asked.
const TEXT_MOST: usize = 200;

// === impl LinkError ===

impl LinkError {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Down(_) => "down",
            Self::Silent => "silent",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Refused(_) => "refused",
            Self::Nonsense => "nonsense",
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(cause) => write!(f, "no connection to Redis: {cause}"),
            Self::Silent => f.write_str("Redis does not answer"),
            Self::Busy => f.write_str("too many calls of Redis are under way"),
            Self::Timeout => f.write_str("Redis did not answer in time"),
            Self::Lost => f.write_str("the connection to Redis ended before the answer"),
            Self::Refused(error) => write!(f, "Redis refused: {error}"),
            Self::Nonsense => f.write_str("Redis answered something that is no answer"),
        }
    }
}

impl Error for LinkError {}

// === impl Cause ===

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("connecting for the first time"),
            Self::Unresolved => f.write_str("the name of the server leads nowhere"),
            Self::ConnectionRefused => f.write_str("connection refused"),
            Self::Unreachable(kind) => write!(f, "{kind}"),
            Self::Timeout => f.write_str("connecting took too long"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Authentication(code) => {
                write!(f, "wrong or missing username or password ({code})")
            }
            Self::Replica => f.write_str("the server is a read-only replica"),
            Self::Evicts(policy) => {
                write!(f, "the server may evict keys (maxmemory-policy {policy})")
            }
            Self::Refused(error) => error.fmt(f),
            Self::Nonsense => f.write_str("the server does not speak the protocol"),
        }
    }
}

// === impl ServerError ===

impl ServerError {
    pub(crate) fn new(code: &str, text: &str) -> Self {
        let text: String = text.chars().take(TEXT_MOST).collect();
        Self {
            code: code.into(),
            text: text.into(),
        }
    }

    /// The first word, such as `OOM` or `NOREPLICAS`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            f.write_str(&self.code)
        } else {
            write!(f, "{} {}", self.code, self.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_something_of_its_own_and_no_more_than_fits() {
        let long = ServerError::new("ERR", &"x".repeat(1000));
        assert!(long.to_string().len() < 210);
        let all = [
            LinkError::Down(Cause::Starting),
            LinkError::Down(Cause::Unresolved),
            LinkError::Down(Cause::ConnectionRefused),
            LinkError::Down(Cause::Unreachable(std::io::ErrorKind::HostUnreachable)),
            LinkError::Down(Cause::Timeout),
            LinkError::Down(Cause::Closed),
            LinkError::Down(Cause::Authentication("WRONGPASS")),
            LinkError::Down(Cause::Replica),
            LinkError::Down(Cause::Evicts("allkeys-lru".into())),
            LinkError::Down(Cause::Refused(long.clone())),
            LinkError::Down(Cause::Nonsense),
            LinkError::Silent,
            LinkError::Busy,
            LinkError::Timeout,
            LinkError::Lost,
            LinkError::Refused(long),
            LinkError::Nonsense,
        ];
        let texts: std::collections::HashSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), all.len());
    }
}
