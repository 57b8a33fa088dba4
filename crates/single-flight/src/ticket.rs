use std::fmt;

use crate::error::FlightError;
use crate::flight::{Flight, Seat};
use crate::sync::Arc;
use crate::table::Table;
use crate::{Role, task};

/// A claim on the outcome of a flight, to be waited for or dropped.
///
/// A ticket is not a waiter yet: it takes no place, and dropping it changes nothing. It is given
/// out by [`SingleFlight::spawn_if_absent`] and [`SingleFlight::join`].
///
/// [`SingleFlight::spawn_if_absent`]: crate::SingleFlight::spawn_if_absent
/// [`SingleFlight::join`]: crate::SingleFlight::join
#[must_use = "a ticket does nothing unless waited for; drop it to let the flight go on alone"]
pub struct Ticket<K, T, E> {
    table: Arc<Table<K, T, E>>,
    flight: Arc<Flight<K, T, E>>,
    role: Role,
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

    /// Waits for the outcome, or takes it if it is there.
    ///
    /// # Errors
    ///
    /// The reason why the flight brought nothing; [`FlightError::TooManyWaiters`] if there is no
    /// place left to wait, which a leader never needs; [`FlightError::NoRuntime`] if it must
    /// wait and is not polled inside a Tokio runtime with timers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees the waiter's place. The flight goes on.
    pub async fn wait(self) -> Result<T, FlightError<E>>
    where
        T: Clone,
    {
        match self.role {
            Role::Leader => task::wait(&self.table, &self.flight).await,
            Role::Waiter => wait_seated(&self.table, self.flight).await,
        }
    }
}

/// Waits in one of the places for waiters.
pub(crate) async fn wait_seated<K, T, E>(
    table: &Table<K, T, E>,
    flight: Arc<Flight<K, T, E>>,
) -> Result<T, FlightError<E>>
where
    T: Clone,
{
    if let Some(outcome) = flight.outcome() {
        return outcome;
    }
    let seat = Seat::take(flight, table.limits.max_waiters()).ok_or(FlightError::TooManyWaiters)?;
    task::wait(table, seat.flight()).await
}

impl<K, T, E> fmt::Debug for Ticket<K, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("role", &self.role)
            .field("has_landed", &self.has_landed())
            .finish_non_exhaustive()
    }
}
