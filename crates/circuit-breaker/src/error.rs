//! The error of a service behind a circuit.

use std::error::Error;
use std::fmt;

use crate::Rejected;

/// Why a call behind a circuit has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CircuitBreakerError<E> {
    /// It was not made.
    Rejected(Rejected),
    /// It was made, or was to be made, and this is the error of the service inside.
    Inner(E),
}

// === impl CircuitBreakerError ===

impl<E> CircuitBreakerError<E> {
    /// The refusal, if the call was not made: a retry of it costs the dependency nothing and brings nothing.
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for CircuitBreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for CircuitBreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            // It is shown as what it is, so what is behind it is what is behind this.
            Self::Inner(error) => error.source(),
        }
    }
}
