use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; none if it panicked.
///
/// The panic hook has reported the panic by then. Callers see to unwind safety: what `f` was
/// about is only ever dropped afterwards.
pub(crate) fn contained<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // A payload is any value, and its `Drop` may panic in turn.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(again);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_value_passes_and_a_panic_is_none() {
        assert_eq!(contained(|| 1), Some(1));
        assert!(contained(|| panic!("contained")).is_none());
    }

    #[test]
    fn a_panic_payload_that_panics_when_dropped_is_contained() {
        assert!(contained(|| std::panic::panic_any(PanicsOnDrop)).is_none());
    }
}
