use std::num::NonZeroUsize;
use std::task::{Poll, Waker};

use tokio::runtime;

use crate::error::FlightError;
use crate::sync::OnceLock;
use crate::wait_list::{Entry, Place, WaitList};

/// What everybody aboard is told.
pub(crate) type Outcome<T, E> = Result<T, FlightError<E>>;

/// One need under way: its key, its outcome when there is one, and who waits for it.
///
/// The outcome is written once and read in place, so that `T::clone` runs under no lock.
pub(crate) struct Flight<K, T, E> {
    pub(crate) key: K,
    /// The hash of `key`, so that `K::hash` runs once per call and never when the table grows.
    pub(crate) hash: u64,
    outcome: OnceLock<Outcome<T, E>>,
    waiting: WaitList,
    /// The runtime whose timer ends this flight at its deadline.
    watch: std::sync::OnceLock<runtime::Id>,
}

// === impl Flight ===

impl<K, T, E> Flight<K, T, E> {
    pub(crate) fn new(key: K, hash: u64) -> Self {
        Self {
            key,
            hash,
            outcome: OnceLock::new(),
            waiting: WaitList::new(),
            watch: std::sync::OnceLock::new(),
        }
    }

    /// Writes the outcome and wakes everybody; the first outcome stays, a later one is dropped.
    pub(crate) fn publish(&self, outcome: Outcome<T, E>) {
        // Writing comes before closing: whoever finds the list closed finds the outcome. A
        // refused writer must not close it, for the one who won may not be seen to have written.
        match self.outcome.set(outcome) {
            Ok(()) => self.waiting.close(),
            Err(late) => drop(late),
        }
    }

    pub(crate) fn has_landed(&self) -> bool {
        self.outcome.get().is_some()
    }

    pub(crate) fn outcome(&self) -> Option<Outcome<T, E>>
    where
        T: Clone,
    {
        self.outcome.get().cloned()
    }

    pub(crate) fn into_outcome(self) -> Option<Outcome<T, E>> {
        self.outcome.into_inner()
    }

    /// The outcome, or a place among those who are woken when there is one.
    ///
    /// With a limit there may be [`TooManyWaiters`](FlightError::TooManyWaiters).
    pub(crate) fn poll(
        &self,
        place: &mut Option<Place>,
        limit: Option<NonZeroUsize>,
        waker: &Waker,
    ) -> Poll<Outcome<T, E>>
    where
        T: Clone,
    {
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome.clone());
        }
        match self.waiting.enter(place, limit, waker) {
            Entry::Waiting => Poll::Pending,
            Entry::Full => Poll::Ready(Err(FlightError::TooManyWaiters)),
            Entry::Closed => Poll::Ready(self.outcome().unwrap_or(Err(FlightError::Aborted))),
        }
    }

    pub(crate) fn leave(&self, place: Place) {
        self.waiting.leave(place);
    }

    /// Notes that a timer of `runtime` ends this flight at its deadline.
    pub(crate) fn watch_from(&self, runtime: runtime::Id) {
        // A flight takes off once, so there is nothing to overwrite.
        let _ = self.watch.set(runtime);
    }

    pub(crate) fn is_watched_from(&self, runtime: runtime::Id) -> bool {
        self.watch.get() == Some(&runtime)
    }
}
