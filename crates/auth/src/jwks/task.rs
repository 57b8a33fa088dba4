//! The task that refreshes keys ahead of time, and tries again when that fails.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use portcullis_core::{Backoff, Clock, Jitter};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::saving::save_if_due;
use super::shared::Shared;

/// No task: the next use inside a runtime starts one.
pub(super) const IDLE: u8 = 0;
pub(super) const RUNNING: u8 = 1;
/// The runtime has no timers, so there is no task; only who must wait tries again.
pub(super) const UNABLE: u8 = 2;

/// The clocks are compared this often: a machine may have slept, and the wall clock been set.
const LOOK_AT_CLOCKS: Duration = Duration::from_secs(60);

/// Says that the task is gone, however it went: ended, or dropped with its runtime.
struct Tenure<C: Clock>(Arc<Shared<C>>);

/// Starts the task if there is none and this is inside a runtime.
#[cold]
pub(super) fn ensure<C: Clock>(shared: &Arc<Shared<C>>) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    if shared.is_closed()
        || shared
            .task
            .compare_exchange(IDLE, RUNNING, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
    {
        return;
    }
    let tenure = Tenure(Arc::clone(shared));
    if timer(Duration::ZERO).is_none() {
        shared.task.store(UNABLE, Ordering::Release);
        shared.state().last_error = Some(super::FetchError::NoRuntime);
        return;
    }
    runtime.spawn(run(tenure));
}

/// The same, also if an earlier runtime had no timers: for callers who are about to wait in this one.
pub(super) fn ensure_here<C: Clock>(shared: &Arc<Shared<C>>) {
    let _ = shared
        .task
        .compare_exchange(UNABLE, IDLE, Ordering::AcqRel, Ordering::Relaxed);
    ensure(shared);
}

/// A timer, if the runtime has any. The only way to learn that it has none is the panic of `sleep`.
pub(crate) fn timer(after: Duration) -> Option<Sleep> {
    Handle::try_current().ok()?;
    catch_unwind(|| sleep(after)).ok()
}

async fn run<C: Clock>(tenure: Tenure<C>) {
    let shared = &tenure.0;
    let mut delays = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(15))
        .with_jitter(Jitter::Equal)
        .delays();
    loop {
        // Whatever a turn finds to wait for may be there already, and then nobody else would ever run on a
        // runtime of one thread.
        tokio::task::yield_now().await;
        // The task must outlive a bug in a clock, an observer or ourselves.
        match AssertUnwindSafe(cycle(shared)).catch_unwind().await {
            Ok(ControlFlow::Continue(())) => delays.reset(),
            Ok(ControlFlow::Break(())) => return,
            Err(_) => {
                shared.count_panic();
                let delay = delays.next_delay();
                tracing::error!(
                    target: "portcullis::jwks",
                    issuer = &*shared.issuer, ?delay, "refresh task panicked; starting over"
                );
                sleep(delay).await;
            }
        }
    }
}

/// One wait, or one fetch.
async fn cycle<C: Clock>(shared: &Arc<Shared<C>>) -> ControlFlow<()> {
    if shared.is_closed() {
        return ControlFlow::Break(());
    }
    save_if_due(shared);
    let woken = pin!(shared.wake.notified());
    match until_due(shared) {
        Duration::ZERO => {
            let ticket = {
                let now = shared.moment();
                let mut state = shared.state();
                if state.ledger.in_flight(now.at) {
                    // Not waited for by its ticket: the places may all be taken, and its end wakes us.
                    if shared.flights.join(&()).is_none() {
                        shared.lose_flight(&mut state, now.at);
                    }
                    None
                } else {
                    shared.launch(&mut state, now, false).ok()
                }
            };
            let retry = pin!(sleep(shared.times.retry_first));
            match ticket {
                // What came of it is noted already, for everybody.
                Some(ticket) => match select(ticket, woken).await {
                    Either::Left((Ok(()), _)) | Either::Right(_) => {}
                    // Failed, or no place to wait for what somebody else began.
                    Either::Left((Err(_), woken)) => {
                        select(retry, woken).await;
                    }
                },
                None => {
                    select(retry, woken).await;
                }
            }
        }
        wait => {
            select(pin!(sleep(wait.min(LOOK_AT_CLOCKS))), woken).await;
        }
    }
    ControlFlow::Continue(())
}

fn until_due<C: Clock>(shared: &Shared<C>) -> Duration {
    let now = shared.moment();
    let mut state = shared.state();
    shared.reanchor(&state, now);
    let slept = |age| age >= state.soft_age && age > state.age(now.at) + LOOK_AT_CLOCKS;
    if shared.set.load().age(now.wall).is_some_and(slept) && !state.ledger.is_failing() {
        // The wall clock saw time pass that the monotonic clock did not: the machine slept.
        state.ledger.hurry(now.at);
    }
    state.ledger.until_next(now.at)
}

// === impl Tenure ===

impl<C: Clock> Drop for Tenure<C> {
    fn drop(&mut self) {
        // Not from `UNABLE`.
        let _ = self
            .0
            .task
            .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Relaxed);
    }
}
