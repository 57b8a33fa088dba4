//! The task between log and view: timers and calls, no decisions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use portcullis_core::{Backoff, Jitter};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::follower::Request;
use crate::log::{Hints, LogError, LogFuture};
use crate::revocation::Core;

/// However many hints come, polls are this far apart.
const APART: Duration = Duration::from_millis(20);

/// Whether this is inside a runtime with timers. The only way to learn that it has none is the panic of one.
pub(crate) fn has_timers() -> bool {
    Handle::try_current().is_ok() && catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok()
}

/// Runs until the last handle is gone.
pub(crate) async fn run(core: Arc<Core>) {
    let mut delays = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(15))
        .with_jitter(Jitter::Equal)
        .delays();
    while !core.is_closed() {
        // The task must outlive a bug in a log, a clock or ourselves.
        if AssertUnwindSafe(follow(&core)).catch_unwind().await.is_ok() {
            return;
        }
        let delay = delays.next_delay();
        core.follower.lock().panicked();
        tracing::error!(
            target: "portcullis::revocation",
            ?delay, "the task that reads the log panicked; starting over"
        );
        select(pin!(sleep(delay)), pin!(core.wake.notified())).await;
    }
}

async fn follow(core: &Core) {
    let mut hints = core.log.hints();
    let mut rng = fastrand::Rng::new();
    let mut last = Instant::now();
    let mut next = last;
    while !core.is_closed() {
        let now = Instant::now();
        if now >= next {
            core.follower.lock().due();
            last = now;
            next = now + jittered(core.poll_every, &mut rng);
        }
        // Apart from the match: the lock must not be held while the answer is awaited.
        let request = core.follower.lock().next();
        match request {
            Request::Wait => {
                if hinted(core, hints.as_mut(), next).await {
                    next = next.min(last + APART);
                }
            }
            Request::Poll(poll) => {
                let sent = core.moment();
                let page = within(core.poll_deadline, core.log.poll(poll)).await;
                core.follower.lock().polled(sent, core.moment(), page);
            }
            Request::Snapshot(cursor, limit) => {
                let page = within(core.poll_deadline, core.log.snapshot(cursor, limit)).await;
                core.follower.lock().snapshot_read(page);
            }
            Request::Reassert(records) => {
                let count = records.len();
                let done = within(core.poll_deadline, core.log.reassert(records)).await;
                core.follower
                    .lock()
                    .reasserted(core.moment().at, count, done);
            }
        }
        // A log whose answers are always there must not keep a thread to itself.
        tokio::task::yield_now().await;
    }
}

async fn within<T>(deadline: Duration, answer: LogFuture<'_, T>) -> Result<T, LogError> {
    timeout(deadline, answer)
        .await
        .unwrap_or(Err(LogError::Timeout))
}

/// Waits until it is time, a hint comes (true), or the last handle is gone.
async fn hinted(core: &Core, hints: Option<&mut Hints>, until: Instant) -> bool {
    let time = pin!(sleep_until(until));
    let closed = pin!(core.wake.notified());
    let hint = pin!(async {
        match hints {
            Some(hints) => hints.next().await,
            None => std::future::pending().await,
        }
    });
    matches!(select(hint, select(time, closed)).await, Either::Left(_))
}

/// Four to six fifths of a span.
fn jittered(span: Duration, rng: &mut fastrand::Rng) -> Duration {
    let fifth = span / 5;
    let nanos = u64::try_from((fifth * 2).as_nanos()).unwrap_or(u64::MAX);
    span - fifth + Duration::from_nanos(rng.u64(..=nanos))
}
