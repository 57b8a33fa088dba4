use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;

use crate::error::FlightError;
use crate::limits::Limits;
use crate::run::Run;
use crate::sync::Arc;
use crate::table::{Boarding, Lead, Table};
use crate::task;
use crate::ticket::{Role, Ticket};
use crate::work::Work;

/// The flights under way, one per key: many callers, one call.
///
/// See the [crate documentation](crate) for what is promised.
///
/// # Clone
///
/// Clones share the flights and the limits. Dropping the last of them does not stop what is
/// under way: each flight ends with its work, or at its deadline.
pub struct SingleFlight<K, T, E> {
    table: Arc<Table<K, T, E>>,
}

// === impl SingleFlight ===

impl<K, T, E> SingleFlight<K, T, E> {
    /// An empty table with the default [`Limits`].
    pub fn new() -> Self {
        Self::with_limits(Limits::new())
    }

    /// An empty table with the given limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            table: Arc::new(Table::new(limits)),
        }
    }

    /// The limits this table was made with.
    pub fn limits(&self) -> Limits {
        self.table.limits
    }

    /// The number of flights under way.
    pub fn in_flight(&self) -> usize {
        self.table.len()
    }
}

impl<K, T, E> SingleFlight<K, T, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Joins the flight of `key`, or starts one with `work`.
    ///
    /// Nothing happens before the first poll. Then, if no flight has this key, `work` is called
    /// and polled once on the spot: ready work costs neither a task nor a timer. Work that is
    /// not ready moves into a task of its own at once, with the deadline of the
    /// [`Limits`], and this caller waits for it like any other. If a flight is under way, `work`
    /// is dropped uncalled.
    ///
    /// Having moved, the work no longer sees the caller's task-locals or tracing span; give it
    /// what it needs. Work that asks for its own key waits for itself, until the deadline.
    ///
    /// # Errors
    ///
    /// See [`FlightError`]: the reasons a flight brings nothing are shared by everybody aboard,
    /// those of a full table or a missing runtime concern this caller.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future never stops the work nor delays anybody: the flight goes on, and its
    /// outcome reaches whoever is aboard, or comes aboard, by then. A dropped waiter frees its
    /// place.
    ///
    /// # Panics
    ///
    /// Panics of the work never reach a caller. Those of `K::hash`, `K::eq`, `T::clone` and of
    /// the drop of an unused `work` reach the one caller they run for, and nobody else. Like any
    /// `async fn`, the future panics when it is polled after it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_single_flight::SingleFlight;
    ///
    /// let flights = SingleFlight::<&str, u32, std::io::Error>::new();
    /// let fetch = || async {
    ///     tokio::task::yield_now().await;
    ///     Ok(7)
    /// };
    /// let (a, b) = tokio::join!(flights.run("keys", fetch), flights.run("keys", fetch));
    /// assert_eq!((a.unwrap(), b.unwrap()), (7, 7)); // one call made
    /// # }
    /// ```
    pub fn run<F, Fut>(&self, key: K, work: F) -> Run<K, T, E, F>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        Run::new(Arc::clone(&self.table), key, work)
    }

    /// Sees to it that `key` has a flight, and returns without waiting.
    ///
    /// If there is none, a task is spawned that calls `work` and drives it with the deadline of
    /// the [`Limits`]; the caller runs none of it. The [`Ticket`] tells which it was, and may be
    /// awaited or dropped. [`run`](Self::run) joins a flight started here, and the reverse.
    ///
    /// # Errors
    ///
    /// [`FlightError::TooManyFlights`], or [`FlightError::NoRuntime`] outside a Tokio runtime
    /// with timers.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_single_flight::{Role, SingleFlight};
    ///
    /// let flights = SingleFlight::<&str, u32, std::io::Error>::new();
    /// let started = flights.spawn_if_absent("keys", || async { Ok(7) }).unwrap();
    /// let found = flights.spawn_if_absent("keys", || async { Ok(8) }).unwrap();
    /// assert_eq!((started.role(), found.role()), (Role::Leader, Role::Waiter));
    /// assert_eq!(found.await.unwrap(), 7);
    /// # }
    /// ```
    pub fn spawn_if_absent<F, Fut>(
        &self,
        key: K,
        work: F,
    ) -> Result<Ticket<K, T, E>, FlightError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let boarding = self.table.board(key)?;
        let table = Arc::clone(&self.table);
        match boarding {
            Boarding::Lead(flight) => {
                let lead = Lead::new(Arc::clone(&table), flight);
                let flight = task::detach(lead, Work::later(work))?;
                Ok(Ticket::new(table, flight, Role::Leader))
            }
            Boarding::Join(flight) => Ok(Ticket::new(table, flight, Role::Waiter)),
        }
    }

    /// The flight of `key`, if one is under way; starts none.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_single_flight::SingleFlight;
    ///
    /// let flights = SingleFlight::<String, u32, std::io::Error>::new();
    /// assert!(flights.join("keys").is_none());
    /// ```
    pub fn join<Q>(&self, key: &Q) -> Option<Ticket<K, T, E>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let flight = self.table.find(key)?;
        Some(Ticket::new(Arc::clone(&self.table), flight, Role::Waiter))
    }
}

// Written out, for a derive would ask for `Clone` of all three.
impl<K, T, E> Clone for SingleFlight<K, T, E> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<K, T, E> Default for SingleFlight<K, T, E> {
    fn default() -> Self {
        Self::new()
    }
}

// Neither keys nor values: both may be secret.
impl<K, T, E> fmt::Debug for SingleFlight<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight")
            .field("limits", &self.limits())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
