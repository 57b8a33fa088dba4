//! An inner service that reserves something when it becomes ready.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tower_service::Service;

/// A service that takes a permit in `poll_ready`, as a concurrency limit or a connection pool does.
///
/// The permit goes back when the future of the call ends or is dropped, and when the instance that
/// holds it is dropped. A clone holds none.
///
/// # Panics
/// `call` panics on an instance that was not polled ready: that is the mistake of calling a fresh clone.
pub struct Reserving<S> {
    inner: S,
    permits: Permits,
    held: Option<Permit>,
}

/// The permits that the clones of one [`Reserving`] share.
#[derive(Clone)]
pub struct Permits {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    free: usize,
    waiting: Vec<Waker>,
}

/// One permit, given back on drop.
struct Permit(Permits);

/// The future of a [`Reserving`].
pub struct ReservedFuture<F> {
    inner: Pin<Box<F>>,
    held: Option<Permit>,
}

// === impl Reserving ===

impl<S> Reserving<S> {
    /// Wraps `inner`, with `permits` to share among its clones.
    #[must_use]
    pub fn new(inner: S, permits: Permits) -> Self {
        Self {
            inner,
            permits,
            held: None,
        }
    }
}

impl<S, R> Service<R> for Reserving<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ReservedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.held.is_none() {
            match self.permits.take(cx.waker()) {
                Some(permit) => self.held = Some(permit),
                None => return Poll::Pending,
            }
        }
        let ready = self.inner.poll_ready(cx);
        if matches!(ready, Poll::Ready(Err(_))) {
            self.held = None;
        }
        ready
    }

    fn call(&mut self, request: R) -> Self::Future {
        let held = self.held.take();
        assert!(
            held.is_some(),
            "the layer called an instance that was not polled ready"
        );
        ReservedFuture {
            inner: Box::pin(self.inner.call(request)),
            held,
        }
    }
}

impl<S: Clone> Clone for Reserving<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.permits.clone())
    }
}

impl<S> fmt::Debug for Reserving<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserving")
            .field("ready", &self.held.is_some())
            .finish_non_exhaustive()
    }
}

// === impl ReservedFuture ===

impl<F: Future> Future for ReservedFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let output = std::task::ready!(self.inner.as_mut().poll(cx));
        self.held = None;
        Poll::Ready(output)
    }
}

impl<F> fmt::Debug for ReservedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservedFuture").finish_non_exhaustive()
    }
}

// === impl Permits ===

impl Permits {
    /// `count` free permits.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                free: count,
                waiting: Vec::new(),
            })),
        }
    }

    /// How many are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.lock().free
    }

    /// Adds one and wakes who waits.
    pub fn add(&self) {
        let waiting = {
            let mut shared = self.lock();
            shared.free += 1;
            std::mem::take(&mut shared.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn take(&self, waker: &Waker) -> Option<Permit> {
        let mut shared = self.lock();
        if shared.free == 0 {
            shared.waiting.push(waker.clone());
            return None;
        }
        shared.free -= 1;
        drop(shared);
        Some(Permit(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.add();
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("free", &self.free())
            .finish_non_exhaustive()
    }
}
