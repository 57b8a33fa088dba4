//! The one who ends what does not end by itself.
//!
//! A body that is sent is polled only as fast as its client reads. One that stops reading would keep its
//! request open for ever, and with it a connection to the upstream: no timer in the body would be looked
//! at. So the timer is outside, in the task that drives the request: the connection over HTTP/1, the
//! stream over HTTP/2. It first asks the request to end, for which it has a moment; then it is dropped.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;
use tokio::time::Instant;

use super::alarm::Alarm;

/// Something with a deadline that moves.
pub(crate) trait Watched: Send + Sync {
    /// When it has to end, as things are. `None`: never.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed. Returns whether there is hope that it ends by itself: it is polled again,
    /// and has a [`MOMENT`] until its next deadline.
    fn end(&self) -> bool;
}

/// How long something may take to end by itself once it was told to.
pub(crate) const MOMENT: Duration = Duration::from_secs(1);

thread_local! {
    /// What the task that is being polled drives.
    static DRIVEN: Cell<Option<Arc<dyn Watched>>> = const { Cell::new(None) };
}

/// Puts a request under the watch of the task that drives it: the one that polls whoever calls this.
pub(crate) fn watch(watched: Arc<dyn Watched>) {
    DRIVEN.set(Some(watched));
}

/// Takes whatever the task drove from under watch: it begins something else.
pub(super) fn watch_nothing() {
    DRIVEN.set(None);
}

/// What a task drives, while it is not being polled.
#[derive(Default)]
pub(super) struct Driven(Option<Arc<dyn Watched>>);

/// Takes what is driven back, also from a poll that panicked.
struct Polling<'a> {
    driven: &'a mut Driven,
    outside: Option<Arc<dyn Watched>>,
}

/// A task under watch: the future of one HTTP/2 stream.
#[pin_project]
#[derive(Debug)]
pub(super) struct Watching<F> {
    #[pin]
    inner: F,
    driven: Driven,
    #[pin]
    alarm: Alarm,
}

// === impl Driven ===

impl Driven {
    /// Polls a part of the task. What it puts under [`watch`] is driven by this task.
    pub(super) fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let outside = DRIVEN.replace(self.0.take());
        let _polling = Polling {
            driven: self,
            outside,
        };
        poll()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.as_ref()?.deadline()
    }

    /// The deadline has passed: whether to poll on.
    pub(super) fn end(&self) -> bool {
        self.0.as_ref().is_some_and(|watched| watched.end())
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.driven.0 = DRIVEN.replace(self.outside.take());
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Driven").field(&self.0.is_some()).finish()
    }
}

// === impl Watching ===

impl<F> Watching<F> {
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner,
            driven: Driven::default(),
            alarm: Alarm::default(),
        }
    }
}

impl<F: Future<Output = ()>> Future for Watching<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            let inner = this.inner.as_mut();
            if this.driven.poll(|| inner.poll(cx)).is_ready() {
                return Poll::Ready(());
            }
            ready!(this.alarm.as_mut().poll(cx, this.driven.deadline()));
            if !this.driven.end() {
                // Dropping the stream resets it.
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Ends at its deadline, if it is polled then.
    struct Doomed {
        at: Mutex<Instant>,
        told: AtomicBool,
    }

    impl Doomed {
        fn at(seconds: u64) -> Arc<Self> {
            Arc::new(Self {
                at: Mutex::new(Instant::now() + Duration::from_secs(seconds)),
                told: AtomicBool::new(false),
            })
        }
    }

    impl Watched for Doomed {
        fn deadline(&self) -> Option<Instant> {
            Some(*self.at.lock().unwrap())
        }

        fn end(&self) -> bool {
            *self.at.lock().unwrap() += MOMENT;
            !self.told.swap(true, Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_to_end_is_polled_again_at_once() {
        let begun = Instant::now();
        let doomed = Doomed::at(5);
        let own = Arc::clone(&doomed);
        Watching::new(poll_fn(move |_| {
            watch(own.clone());
            if own.told.load(Ordering::SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
        .await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_dropped_a_moment_later() {
        let begun = Instant::now();
        let doomed = Doomed::at(5);
        Watching::new(async move {
            watch(doomed);
            pending().await
        })
        .await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5) + MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_within_a_task_are_watched_apart() {
        let begun = Instant::now();
        Watching::new(async {
            watch(Doomed::at(100));
            Watching::new(async {
                watch(Doomed::at(5));
                pending().await
            })
            .await;
            assert_eq!(begun.elapsed(), Duration::from_secs(5) + MOMENT);
            pending().await
        })
        .await;
        assert_eq!(begun.elapsed(), Duration::from_secs(100) + MOMENT);
    }
}
