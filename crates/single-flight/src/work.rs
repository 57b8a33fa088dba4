use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::contained::contained;
use crate::error::FlightError;
use crate::flight::Outcome;

/// The work of a flight, boxed so that it can move from its leader into a task, with its panics
/// turned into [`FlightError::Panicked`].
pub(crate) struct Work<T, E>(Pin<Box<dyn Future<Output = Result<T, E>> + Send>>);

// === impl Work ===

impl<T, E> Work<T, E> {
    /// Creates the work here and now; none if that panicked.
    pub(crate) fn create<F, Fut>(work: F) -> Option<Self>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        contained(|| Self(Box::pin(work())))
    }

    /// Leaves the creation to the first poll.
    pub(crate) fn later<F, Fut>(work: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        Self(Box::pin(async move { work().await }))
    }

    /// Drops the work; a panic in its `Drop` ends here, for it must not cost the outcome.
    pub(crate) fn discard(self) {
        contained(|| drop(self));
    }
}

impl<T, E> Future for Work<T, E> {
    type Output = Outcome<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Unwind safety: after a panic the work is only ever dropped.
        match contained(|| self.0.as_mut().poll(cx)) {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(Ok(value))) => Poll::Ready(Ok(value)),
            Some(Poll::Ready(Err(error))) => Poll::Ready(Err(FlightError::Failed(Arc::new(error)))),
            None => Poll::Ready(Err(FlightError::Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    fn poll(work: &mut Work<u8, u8>) -> Poll<Outcome<u8, u8>> {
        Pin::new(work).poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn a_panic_while_creating_leaves_no_work() {
        fn no_work() -> std::future::Ready<Result<u8, u8>> {
            panic!("no work today")
        }
        assert!(Work::create(no_work).is_none());
        assert!(matches!(
            poll(&mut Work::later(no_work)),
            Poll::Ready(Err(FlightError::Panicked))
        ));
    }

    #[test]
    fn value_and_error_pass_through() {
        assert!(matches!(
            poll(&mut Work::create(|| ready(Ok(1))).unwrap()),
            Poll::Ready(Ok(1))
        ));
        assert!(matches!(
            poll(&mut Work::create(|| ready(Err(2))).unwrap()),
            Poll::Ready(Err(FlightError::Failed(error))) if *error == 2
        ));
    }

    #[test]
    fn a_panic_in_the_drop_of_the_work_is_contained() {
        let bomb = PanicsOnDrop;
        let work = Work::<u8, u8>::create(|| async move {
            let _bomb = bomb;
            std::future::pending().await
        });
        work.unwrap().discard();
    }
}
