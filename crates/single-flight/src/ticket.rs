use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Sleep;

use crate::error::FlightError;
use crate::flight::Flight;
use crate::sync::Arc;
use crate::table::Table;
use crate::task::{current_runtime, timer};
use crate::wait_list::Place;

/// The part a caller plays in a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It started the flight.
    Leader,
    /// It found the flight under way.
    Waiter,
}

/// A claim on the outcome of a flight: a future to be awaited, or dropped without effect on it.
///
/// Given out by [`SingleFlight::spawn_if_absent`] and [`SingleFlight::join`]. It takes a place
/// among the waiters at its first poll, unless the outcome is there or it is the leader's.
///
/// # Errors
///
/// The reason why the flight brought nothing; [`FlightError::TooManyWaiters`] if there is no
/// place left; [`FlightError::NoRuntime`] if it must wait and is not polled inside a Tokio
/// runtime with timers.
///
/// # Cancel safety
///
/// Dropping it frees its place at once. The flight goes on.
///
/// [`SingleFlight::spawn_if_absent`]: crate::SingleFlight::spawn_if_absent
/// [`SingleFlight::join`]: crate::SingleFlight::join
pub struct Ticket<K, T, E> {
    table: Arc<Table<K, T, E>>,
    flight: Arc<Flight<K, T, E>>,
    role: Role,
    /// None before the first poll, and once the outcome is taken.
    place: Option<Place>,
    /// A deadline of its own, where that of the flight is not to be relied on. Rare, so boxed.
    timer: Option<Pin<Box<Sleep>>>,
}

// === impl Ticket ===

impl<K, T, E> Ticket<K, T, E> {
    pub(crate) fn new(
        table: Arc<Table<K, T, E>>,
        flight: Arc<Flight<K, T, E>>,
        role: Role,
    ) -> Self {
        Self {
            table,
            flight,
            role,
            place: None,
            timer: None,
        }
    }

    /// Whether the call that gave out this ticket started the flight or found it under way.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the flight has an outcome already.
    pub fn has_landed(&self) -> bool {
        self.flight.has_landed()
    }

    /// Sees to it that the wait has a deadline.
    ///
    /// As a rule the timer in the flight's own task is the deadline of everybody. It is not to
    /// be relied on while the leader is still in its first poll, nor by a caller on another
    /// runtime (that one may no longer be driven): such a caller brings a timer of its own.
    fn bound(&mut self) -> Result<(), FlightError<E>> {
        let runtime = current_runtime().ok_or(FlightError::NoRuntime)?;
        if !self.flight.is_watched_from(runtime) {
            let (_, timer) = timer(self.table.limits.deadline()).ok_or(FlightError::NoRuntime)?;
            self.timer = Some(Box::pin(timer));
        }
        Ok(())
    }

    /// The leader needs no seat: it is one, and must be told.
    fn limit(&self) -> Option<NonZeroUsize> {
        match self.role {
            Role::Leader => None,
            Role::Waiter => Some(self.table.limits.max_waiters()),
        }
    }
}

impl<K, T: Clone, E> Future for Ticket<K, T, E> {
    type Output = Result<T, FlightError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.place.is_none()
            && !this.has_landed()
            && let Err(unbounded) = this.bound()
        {
            return Poll::Ready(Err(unbounded));
        }
        let limit = this.limit();
        let mut polled = this.flight.poll(&mut this.place, limit, cx.waker());
        if polled.is_pending()
            && let Some(timer) = &mut this.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            // The key must not stay with a flight that nobody drives.
            this.table.land(&this.flight, Err(FlightError::Deadline));
            polled = this.flight.poll(&mut this.place, limit, cx.waker());
        }
        if polled.is_ready() {
            // The list is closed, or about to be: there is no place to give back.
            this.place = None;
            this.timer = None;
        }
        polled
    }
}

impl<K, T, E> Drop for Ticket<K, T, E> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.flight.leave(place);
        }
    }
}

impl<K, T, E> fmt::Debug for Ticket<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("role", &self.role)
            .field("has_landed", &self.has_landed())
            .finish_non_exhaustive()
    }
}
