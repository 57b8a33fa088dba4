//! The error of a service behind a circuit.

use std::error::Error;
use std::fmt;

use crate::Rejected;

/// Why a call behind a circuit has no answer.
///
/// ```
/// use portcullis_circuit_breaker::{Circuit, CircuitBreakerError, Rejected};
/// use portcullis_core::CircuitState;
/// use std::error::Error;
///
/// # fn main() -> Result<(), Box<dyn Error>> {
/// let circuit = Circuit::builder("x").build()?;
/// circuit.move_to(CircuitState::ForcedOpen)?;
/// let rejected = circuit.try_acquire().unwrap_err();
/// let error: CircuitBreakerError<std::io::Error> = CircuitBreakerError::Rejected(rejected);
///
/// let error: Box<dyn Error + Send + Sync> = error.into();
/// assert!(error.is::<Rejected>());
/// # Ok(())
/// # }
/// ```
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

/// What stacks of tower have for an error: the refusal, or the error of the service inside, each as what it is.
///
/// This is why the type is no [`Error`] itself: it would have to be wrapped, and the most common error of such stacks,
/// `Box<dyn Error + Send + Sync>`, could not be inside.
impl<E> From<CircuitBreakerError<E>> for Box<dyn Error + Send + Sync>
where
    E: Into<Self>,
{
    fn from(error: CircuitBreakerError<E>) -> Self {
        match error {
            CircuitBreakerError::Rejected(rejected) => rejected.into(),
            CircuitBreakerError::Inner(error) => error.into(),
        }
    }
}
