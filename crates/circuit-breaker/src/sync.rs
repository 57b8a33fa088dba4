//! The primitives that a circuit is built of; those of loom under the model checker.

#[cfg(not(portcullis_loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A reference whose count is looked at.
#[cfg(not(portcullis_loom))]
pub(crate) use std::sync::Arc as Shared;

#[cfg(portcullis_loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

#[cfg(portcullis_loom)]
pub(crate) use self::shared::Shared;

/// A value on cache lines of its own: whoever writes its neighbours does not slow down whoever reads it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

/// The `Arc` of the standard library as far as its count goes: that of loom makes each of its accesses a synchronisation.
#[cfg(portcullis_loom)]
mod shared {
    use std::ops::Deref;
    use std::sync::Arc;

    use super::{AtomicU64, Ordering};

    pub(crate) struct Shared<T>(Arc<(AtomicU64, T)>);

    impl<T> Shared<T> {
        pub(crate) fn new(inner: T) -> Self {
            Self(Arc::new((AtomicU64::new(1), inner)))
        }

        pub(crate) fn strong_count(this: &Self) -> usize {
            this.0.0.load(Ordering::Relaxed) as usize
        }
    }

    impl<T> Clone for Shared<T> {
        fn clone(&self) -> Self {
            self.0.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Drop for Shared<T> {
        fn drop(&mut self) {
            self.0.0.fetch_sub(1, Ordering::Release);
        }
    }

    impl<T> Deref for Shared<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0.1
        }
    }
}
