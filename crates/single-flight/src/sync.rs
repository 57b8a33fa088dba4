//! The primitives the hand-over is built of; those of loom under the model checker.

#[cfg(not(portcullis_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

#[cfg(portcullis_loom)]
pub(crate) use self::once_lock::OnceLock;
#[cfg(portcullis_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

#[cfg(portcullis_loom)]
mod once_lock {
    use loom::sync::atomic::{AtomicBool, Ordering};

    /// Sees to it that loom, which has no such cell, explores every order of `set` and `get`.
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
            let set = self.cell.set(value);
            if set.is_ok() {
                self.ready.store(true, Ordering::Release);
            }
            // As in the real one: whoever comes second returns when the first is done.
            while !self.ready.load(Ordering::Acquire) {
                loom::thread::yield_now();
            }
            set
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
}
