//! Why an order was not acknowledged.

use std::error::Error;
use std::fmt;

use crate::log::LogError;

/// Why an order was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// It may have been done, or be done later. Submit the same order again.
    Unknown(LogError),
    /// Nothing was done.
    NotDone(LogError),
    /// The order names nothing.
    Nothing,
    /// The order names more than [`Order::MOST`](crate::Order::MOST) things.
    TooMuch,
    /// It is not inside a Tokio runtime with timers.
    NoRuntime,
}

// === impl RevokeError ===

impl RevokeError {
    /// A name for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::NotDone(error) => error.label(),
            Self::Nothing => "nothing",
            Self::TooMuch => "too_much",
            Self::NoRuntime => "no_runtime",
        }
    }
}

// The error of the log is the source and is not repeated here.
impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown(_) => {
                "it is not known whether this was done; submit the same order again"
            }
            Self::NotDone(_) => "the revocation log did not take it",
            Self::Nothing => "the order names nothing",
            Self::TooMuch => "the order names too many things",
            Self::NoRuntime => "this needs a Tokio runtime with timers",
        })
    }
}

impl Error for RevokeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unknown(error) | Self::NotDone(error) => Some(error),
            Self::Nothing | Self::TooMuch | Self::NoRuntime => None,
        }
    }
}
