//! A timer that is moved lazily.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for a deadline that moves often and passes seldom.
///
/// It is moved only when the deadline comes nearer. One that went away is noticed when the timer fires,
/// which then waits for the rest: a deadline that every byte moves costs nothing for a byte.
#[pin_project]
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    #[pin]
    sleep: Option<Sleep>,
}

// === impl Alarm ===

impl Alarm {
    /// Ready once `at` has passed. Without a deadline it never is.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        at: Option<Instant>,
    ) -> Poll<()> {
        let Some(at) = at else {
            return Poll::Pending;
        };
        let mut sleep = self.project().sleep;
        match sleep.as_mut().as_pin_mut() {
            None => sleep.set(Some(sleep_until(at))),
            Some(armed) if armed.is_elapsed() || at < armed.deadline() => armed.reset(at),
            Some(_) => {}
        }
        let Some(mut sleep) = sleep.as_pin_mut() else {
            return Poll::Pending;
        };
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_follows_its_deadline_both_ways() {
        let begun = Instant::now();
        let mut alarm = pin!(Alarm::default());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for seconds in [50, 90, 20, 30] {
            let at = Some(begun + seconds * SECOND);
            assert!(alarm.as_mut().poll(&mut cx, at).is_pending());
        }
        assert!(alarm.as_mut().poll(&mut cx, None).is_pending());
        let at = begun + 40 * SECOND;
        poll_fn(|cx| alarm.as_mut().poll(cx, Some(at))).await;
        assert_eq!(Instant::now(), at);
        // A deadline that has passed already, and another after it.
        poll_fn(|cx| alarm.as_mut().poll(cx, Some(begun))).await;
        assert_eq!(Instant::now(), at);
        let at = begun + 60 * SECOND;
        poll_fn(|cx| alarm.as_mut().poll(cx, Some(at))).await;
        assert_eq!(Instant::now(), at);
    }
}
