//! A dependency that panics did not do its job.

use portcullis_core::Clock;

use crate::Permit;

/// Counts a failure if it is dropped by a panic: for as long as the service inside has the word.
pub(crate) struct OnPanic<'a, C: Clock>(pub(crate) &'a mut Option<Permit<C>>);

impl<C: Clock> Drop for OnPanic<'_, C> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(permit) = self.0.take()
        {
            permit.failure();
        }
    }
}
