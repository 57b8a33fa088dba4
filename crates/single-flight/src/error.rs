use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The reason why a flight brought nothing home.
///
/// Everybody aboard a flight gets the same reason; `E` is shared, not cloned.
///
/// | error | who gets it | was the work started? |
/// |---|---|---|
/// | [`Failed`](Self::Failed) | everybody aboard | yes, to its end |
/// | [`Panicked`](Self::Panicked) | everybody aboard | yes |
/// | [`Deadline`](Self::Deadline) | everybody aboard | yes; dropped unfinished |
/// | [`Aborted`](Self::Aborted) | everybody aboard | perhaps; dropped unfinished |
/// | [`TooManyFlights`](Self::TooManyFlights) | the caller who would have led | no |
/// | [`TooManyWaiters`](Self::TooManyWaiters) | the caller who would have waited | by its leader |
/// | [`NoRuntime`](Self::NoRuntime) | the leader and everybody aboard, or the waiter who lacks one | at most polled once |
#[non_exhaustive]
pub enum FlightError<E> {
    /// The work ended in this error.
    Failed(Arc<E>),
    /// The work panicked, while it was created or while it was polled.
    ///
    /// The panic itself went to the panic hook of the process.
    Panicked,
    /// The work did not end within the deadline of the flight.
    Deadline,
    /// As many flights as allowed are under way, none of them for this key.
    TooManyFlights,
    /// As many callers as allowed wait for this flight already.
    TooManyWaiters,
    /// The runtime that carried the work shut down.
    Aborted,
    /// The caller must wait, and is not polled inside a Tokio runtime with timers.
    NoRuntime,
}

// === impl FlightError ===

impl<E> FlightError<E> {
    /// The error of the work itself, if that is the reason.
    pub fn failed(&self) -> Option<&E> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

// Written out, for a derive would ask for `E: Clone`.
impl<E> Clone for FlightError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::Deadline => Self::Deadline,
            Self::TooManyFlights => Self::TooManyFlights,
            Self::TooManyWaiters => Self::TooManyWaiters,
            Self::Aborted => Self::Aborted,
            Self::NoRuntime => Self::NoRuntime,
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for FlightError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Panicked => f.write_str("Panicked"),
            Self::Deadline => f.write_str("Deadline"),
            Self::TooManyFlights => f.write_str("TooManyFlights"),
            Self::TooManyWaiters => f.write_str("TooManyWaiters"),
            Self::Aborted => f.write_str("Aborted"),
            Self::NoRuntime => f.write_str("NoRuntime"),
        }
    }
}

// The error of the work is the source and is not repeated here.
impl<E> fmt::Display for FlightError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "the shared work failed",
            Self::Panicked => "the shared work panicked",
            Self::Deadline => "the shared work did not end within its deadline",
            Self::TooManyFlights => "too many flights are under way",
            Self::TooManyWaiters => "too many callers wait for this flight",
            Self::Aborted => "the runtime that carried the shared work shut down",
            Self::NoRuntime => "waiting needs a Tokio runtime with timers",
        })
    }
}

impl<E: Error + 'static> Error for FlightError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failed().map(|error| error as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct NotClone;

    impl fmt::Display for NotClone {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not clone")
        }
    }

    impl Error for NotClone {}

    #[test]
    fn a_failure_is_shared_without_clone_and_is_the_source() {
        let error = FlightError::Failed(Arc::new(NotClone));
        let (Some(here), copy) = (error.failed(), error.clone()) else {
            panic!("a failure has its error");
        };
        assert!(std::ptr::eq(here, copy.failed().unwrap()));
        assert_eq!(copy.source().unwrap().to_string(), "not clone");
        assert_eq!(format!("{copy:?}"), "Failed(NotClone)");
    }

    #[test]
    fn clones_and_texts_keep_the_reasons_apart() {
        let all: [FlightError<NotClone>; 6] = [
            FlightError::Panicked,
            FlightError::Deadline,
            FlightError::TooManyFlights,
            FlightError::TooManyWaiters,
            FlightError::Aborted,
            FlightError::NoRuntime,
        ];
        let mut texts = std::collections::HashSet::new();
        for error in &all {
            assert_eq!(format!("{error:?}"), format!("{:?}", error.clone()));
            assert!(error.source().is_none() && error.failed().is_none());
            assert!(texts.insert(error.to_string()));
        }
    }
}
