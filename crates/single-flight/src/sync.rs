//! The primitives the hand-over is built of; loom's, or stand-ins on loom's, under the model checker.

#[cfg(not(portcullis_loom))]
pub(crate) use self::real::*;

#[cfg(portcullis_loom)]
pub(crate) use self::model::*;

#[cfg(not(portcullis_loom))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
    pub(crate) use tokio::sync::Notify;
}

#[cfg(portcullis_loom)]
mod model {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use loom::sync::atomic::AtomicBool;
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    /// Sees to it that loom explores every order of `set` and `get`.
    pub(crate) struct OnceLock<T> {
        ready: AtomicBool,
        cell: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self {
                ready: AtomicBool::new(false),
                cell: std::sync::OnceLock::new(),
            }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.cell.set(value)?;
            self.ready.store(true, Ordering::Release);
            Ok(())
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.ready.load(Ordering::Acquire) {
                self.cell.get()
            } else {
                None
            }
        }

        pub(crate) fn into_inner(self) -> Option<T> {
            self.cell.into_inner()
        }
    }

    /// Keeps the one promise of tokio's `Notify` that the hand-over relies on: `notify_waiters`
    /// wakes every `Notified` that was *created* before it, polled or not.
    pub(crate) struct Notify(Mutex<(usize, Vec<Waker>)>);

    pub(crate) struct Notified<'a> {
        notify: &'a Notify,
        created: usize,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(Mutex::new((0, Vec::new())))
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            Notified {
                notify: self,
                created: self.state().0,
            }
        }

        pub(crate) fn notify_waiters(&self) {
            let mut state = self.state();
            state.0 += 1;
            let wakers = std::mem::take(&mut state.1);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }

        fn state(&self) -> MutexGuard<'_, (usize, Vec<Waker>)> {
            self.0.lock().expect("nothing panics under this lock")
        }
    }

    impl Future for Notified<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let mut state = self.notify.state();
            if state.0 != self.created {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        }
    }
}
