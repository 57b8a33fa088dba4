use std::num::NonZeroUsize;

use tokio::runtime;

use crate::error::FlightError;
use crate::sync::{Arc, AtomicUsize, Notify, OnceLock, Ordering};

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
    landed: Notify,
    waiters: AtomicUsize,
    /// The runtime whose timer ends this flight at its deadline.
    watch: std::sync::OnceLock<runtime::Id>,
}

/// One of the places for waiters, free again on drop.
pub(crate) struct Seat<K, T, E>(Arc<Flight<K, T, E>>);

// === impl Flight ===

impl<K, T, E> Flight<K, T, E> {
    pub(crate) fn new(key: K, hash: u64) -> Self {
        Self {
            key,
            hash,
            outcome: OnceLock::new(),
            landed: Notify::new(),
            waiters: AtomicUsize::new(0),
            watch: std::sync::OnceLock::new(),
        }
    }

    /// Writes the outcome and wakes everybody; the first outcome stays, a later one is dropped.
    pub(crate) fn publish(&self, outcome: Outcome<T, E>) {
        let refused = self.outcome.set(outcome);
        // Even when refused: the winner may be about to notify, and twice does no harm.
        self.landed.notify_waiters();
        drop(refused);
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

    /// Waits for the outcome, without a deadline of its own.
    ///
    /// Registering comes before looking: an outcome published between the two wakes us, one
    /// published earlier is seen.
    pub(crate) async fn landed(&self) -> &Outcome<T, E> {
        loop {
            let landed = self.landed.notified();
            if let Some(outcome) = self.outcome.get() {
                return outcome;
            }
            landed.await;
        }
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

// === impl Seat ===

impl<K, T, E> Seat<K, T, E> {
    /// Takes a place among at most `max` waiters.
    pub(crate) fn take(flight: Arc<Flight<K, T, E>>, max: NonZeroUsize) -> Option<Self> {
        flight
            .waiters
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                (taken < max.get()).then_some(taken + 1)
            })
            .ok()?;
        Some(Self(flight))
    }

    pub(crate) fn flight(&self) -> &Arc<Flight<K, T, E>> {
        &self.0
    }
}

impl<K, T, E> Drop for Seat<K, T, E> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}
