use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep};

use crate::contained::contained;
use crate::error::FlightError;
use crate::flight::Flight;
use crate::sync::Arc;
use crate::table::Lead;
use crate::work::Work;

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

/// The runtime that polls us, if there is one.
pub(crate) fn current_runtime() -> Option<Id> {
    Handle::try_current().ok().map(|runtime| runtime.id())
}

/// A timer on the runtime that polls us, if there is one and it has timers.
pub(crate) fn timer(after: Duration) -> Option<(Handle, Sleep)> {
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
