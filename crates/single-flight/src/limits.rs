use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// The bounds of a [`SingleFlight`](crate::SingleFlight).
///
/// | bound | default | when it is reached |
/// |---|---|---|
/// | flights at the same time, over all keys | 1 024 | a new key gets [`TooManyFlights`]; the flights under way are not touched |
/// | waiters on one flight, its leader not counted | 16 384 | the next waiter gets [`TooManyWaiters`]; the others wait on |
/// | deadline of a flight | 8 s | the work is dropped and everybody gets [`Deadline`] |
///
/// # Examples
///
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
/// use portcullis_single_flight::{Limits, LimitsError};
///
/// let limits = Limits::new()
///     .with_max_flights(NonZeroUsize::MIN)
///     .with_deadline(Duration::from_secs(5))?;
/// assert_eq!(limits.deadline(), Duration::from_secs(5));
/// # Ok::<(), LimitsError>(())
/// ```
///
/// [`TooManyFlights`]: crate::FlightError::TooManyFlights
/// [`TooManyWaiters`]: crate::FlightError::TooManyWaiters
/// [`Deadline`]: crate::FlightError::Deadline
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_flights: NonZeroUsize,
    max_waiters: NonZeroUsize,
    deadline: Duration,
}

/// The reason why a bound was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitsError {
    /// The deadline was zero, so that no work could ever be waited for.
    ZeroDeadline,
}

// === impl Limits ===

impl Limits {
    /// The defaults of the table above.
    pub const fn new() -> Self {
        Self {
            max_flights: NonZeroUsize::MIN.saturating_add(1_023),
            max_waiters: NonZeroUsize::MIN.saturating_add(16_383),
            deadline: Duration::from_secs(8),
        }
    }

    /// Sets how many flights there may be at the same time, over all keys.
    #[must_use]
    pub const fn with_max_flights(mut self, max_flights: NonZeroUsize) -> Self {
        self.max_flights = max_flights;
        self
    }

    /// Sets how many callers may wait for one flight that another started.
    #[must_use]
    pub const fn with_max_waiters(mut self, max_waiters: NonZeroUsize) -> Self {
        self.max_waiters = max_waiters;
        self
    }

    /// Sets how long a flight may last.
    ///
    /// # Errors
    ///
    /// [`LimitsError::ZeroDeadline`] if `deadline` is zero.
    pub const fn with_deadline(mut self, deadline: Duration) -> Result<Self, LimitsError> {
        if deadline.is_zero() {
            return Err(LimitsError::ZeroDeadline);
        }
        self.deadline = deadline;
        Ok(self)
    }

    /// The largest number of flights at the same time.
    pub const fn max_flights(&self) -> NonZeroUsize {
        self.max_flights
    }

    /// The largest number of waiters on one flight.
    pub const fn max_waiters(&self) -> NonZeroUsize {
        self.max_waiters
    }

    /// The longest time a flight may last.
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

// === impl LimitsError ===

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroDeadline => f.write_str("`deadline` must be longer than zero"),
        }
    }
}

impl std::error::Error for LimitsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_documented_ones() {
        let limits = Limits::default();
        assert_eq!(limits.max_flights().get(), 1_024);
        assert_eq!(limits.max_waiters().get(), 16_384);
        assert_eq!(limits.deadline(), Duration::from_secs(8));
    }

    #[test]
    fn zero_deadline_is_refused_by_name() {
        let error = Limits::new().with_deadline(Duration::ZERO).unwrap_err();
        assert_eq!(error, LimitsError::ZeroDeadline);
        assert!(error.to_string().contains("`deadline`"));
    }

    #[test]
    fn each_bound_is_set_by_its_own_method() {
        let two = NonZeroUsize::new(2).unwrap();
        let three = NonZeroUsize::new(3).unwrap();
        let limits = Limits::new()
            .with_max_flights(two)
            .with_max_waiters(three)
            .with_deadline(Duration::from_nanos(1))
            .unwrap();
        assert_eq!(limits.max_flights(), two);
        assert_eq!(limits.max_waiters(), three);
        assert_eq!(limits.deadline(), Duration::from_nanos(1));
    }
}
