//! The primitives that the board is built of; those of loom under the model checker.

#[cfg(not(portcullis_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(portcullis_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::swap::Swap;

#[cfg(not(portcullis_loom))]
mod swap {
    use std::ops::Deref;
    use std::sync::Arc;

    use arc_swap::ArcSwap;

    /// A value that one thread replaces while others read it.
    #[derive(Debug)]
    pub(crate) struct Swap<T>(ArcSwap<T>);

    impl<T> Swap<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(ArcSwap::from_pointee(value))
        }

        pub(crate) fn load(&self) -> impl Deref<Target = Arc<T>> {
            self.0.load()
        }

        pub(crate) fn store(&self, value: T) {
            self.0.store(Arc::new(value));
        }
    }
}

#[cfg(portcullis_loom)]
mod swap {
    use std::ops::Deref;
    use std::sync::{Arc, OnceLock};

    use loom::sync::atomic::{AtomicUsize, Ordering};

    /// Orders no more than a pointer does that is stored with release and loaded with acquire.
    #[derive(Debug)]
    pub(crate) struct Swap<T> {
        current: AtomicUsize,
        values: [OnceLock<Arc<T>>; 8],
    }

    impl<T> Swap<T> {
        pub(crate) fn new(value: T) -> Self {
            let values: [OnceLock<Arc<T>>; 8] = Default::default();
            let _ = values[0].set(Arc::new(value));
            Self {
                current: AtomicUsize::new(0),
                values,
            }
        }

        pub(crate) fn load(&self) -> impl Deref<Target = Arc<T>> {
            self.values[self.current.load(Ordering::Acquire)]
                .get()
                .unwrap_or_else(|| panic!("stored before it is current"))
        }

        pub(crate) fn store(&self, value: T) {
            let next = self.current.load(Ordering::Relaxed) + 1;
            let _ = self.values[next].set(Arc::new(value));
            self.current.store(next, Ordering::Release);
        }
    }
}
