use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep};

use crate::error::FlightError;
use crate::flight::{Flight, Outcome};
use crate::sync::Arc;
use crate::table::{Lead, Table};
use crate::work::{Work, contained};

/// A flight that goes on by itself, whatever becomes of its callers.
struct Airborne<K, T, E> {
    // Dropped in this order: the key is free only when the work is gone.
    work: Work<T, E>,
    lead: Lead<K, T, E>,
}

/// Moves the work into a task of its own; without a runtime the flight ends here.
pub(crate) fn detach<K, T, E>(
    lead: Lead<K, T, E>,
    work: Work<T, E>,
) -> Result<Arc<Flight<K, T, E>>, FlightError<E>>
where
    K: Send + Sync + 'static,
    T: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    let (Some((runtime, deadline)), Some(flight)) = (
        timer(lead.table().limits.deadline()),
        lead.flight().cloned(),
    ) else {
        work.discard();
        lead.land(Err(FlightError::NoRuntime));
        return Err(FlightError::NoRuntime);
    };
    flight.watch_from(runtime.id());
    runtime.spawn(Airborne { work, lead }.fly(deadline));
    Ok(flight)
}

/// Waits for the outcome of `flight`, at most for the deadline.
///
/// As a rule the timer of the flight's own task is the deadline of everybody. It is not to be
/// relied on while the leader is still in its first poll, nor by a caller on another runtime
/// (that one may no longer be driven): such a caller brings a timer of its own.
pub(crate) async fn wait<K, T, E>(
    table: &Table<K, T, E>,
    flight: &Arc<Flight<K, T, E>>,
) -> Outcome<T, E>
where
    T: Clone,
{
    if let Some(outcome) = flight.outcome() {
        return outcome;
    }
    let runtime = Handle::try_current().map(|runtime| runtime.id());
    if flight.is_watched_from(runtime.map_err(|_| FlightError::NoRuntime)?) {
        flight.landed().await.clone()
    } else {
        // Rare, so it does not make every caller's future larger.
        Box::pin(wait_and_watch(table, flight)).await
    }
}

async fn wait_and_watch<K, T, E>(
    table: &Table<K, T, E>,
    flight: &Arc<Flight<K, T, E>>,
) -> Outcome<T, E>
where
    T: Clone,
{
    let (_, deadline) = timer(table.limits.deadline()).ok_or(FlightError::NoRuntime)?;
    let mut deadline = pin!(deadline);
    let mut landed = pin!(flight.landed());
    let overdue = poll_fn(|cx| {
        if landed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        deadline.as_mut().poll(cx).map(|()| true)
    });
    if overdue.await {
        // The key must not stay with a flight that nobody drives.
        table.land(flight, Err(FlightError::Deadline));
    }
    flight.landed().await.clone()
}

/// A timer on the runtime that polls us, if there is one and it has timers.
fn timer(after: Duration) -> Option<(Handle, Sleep)> {
    let runtime = Handle::try_current().ok()?;
    // The only way to learn that a runtime has no timers is the panic of `sleep`.
    let timer = contained(|| sleep(after))?;
    Some((runtime, timer))
}

// === impl Airborne ===

impl<K, T, E> Airborne<K, T, E> {
    async fn fly(mut self, deadline: Sleep) {
        // Not subject to tokio's budget, or busy work could starve the timer.
        let mut deadline = pin!(unconstrained(deadline));
        let outcome = poll_fn(|cx| {
            // A waiter may have ended the flight while this task was not driven.
            if self.lead.flight().is_none_or(|flight| flight.has_landed()) {
                return Poll::Ready(Err(FlightError::Deadline));
            }
            if let Poll::Ready(outcome) = Pin::new(&mut self.work).poll(cx) {
                return Poll::Ready(outcome);
            }
            deadline
                .as_mut()
                .poll(cx)
                .map(|()| Err(FlightError::Deadline))
        })
        .await;
        self.work.discard();
        self.lead.land(outcome);
    }
}
