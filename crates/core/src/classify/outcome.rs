//! What one call says about a dependency.

use std::time::Duration;

/// Whether the *dependency* did its job.
///
/// That is another question than whether the caller got what it wanted: 404 is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did.
    Success,
    /// It did not.
    Failure,
    /// The call says nothing about it.
    Ignore,
    /// It says that it has too much to do.
    Overload {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
}

// === impl Outcome ===

impl Outcome {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Ignore => "ignored",
            Self::Overload { .. } => "overload",
        }
    }
}
