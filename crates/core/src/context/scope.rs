//! The request that the running code works for.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::RequestContext;

thread_local! {
    static CURRENT: Cell<Option<RequestContext>> = const { Cell::new(None) };
}

/// A future within which a request is the [current](RequestContext::current) one, on whatever thread it is polled.
///
/// # Cancel safety
/// As the future inside.
#[pin_project]
pub struct InScope<F> {
    #[pin]
    future: F,
    /// Given to the thread for as long as it polls.
    context: Option<RequestContext>,
}

/// The time within which a request is the current one; see [`RequestContext::enter`].
#[must_use = "it is the current one until this is dropped"]
pub struct Entered {
    before: Option<RequestContext>,
    /// It belongs to the thread.
    _thread: PhantomData<*const ()>,
}

/// The time within which a thread is lent a request, for the poll of a future that holds it; see
/// [`RequestContext::lend`]. Also a poll that panics gives it back.
#[must_use = "the thread has it until this is dropped"]
pub struct Lent<'a> {
    /// None if nothing was lent.
    to: Option<&'a mut Option<RequestContext>>,
    before: Option<RequestContext>,
    /// It belongs to the thread.
    _thread: PhantomData<*const ()>,
}

// === impl RequestContext ===

impl RequestContext {
    /// The context of the request that the running code works for, if somebody said so: a layer that traces, or
    /// [`in_scope`](Self::in_scope).
    ///
    /// A spawned task has none until it is given one:
    ///
    /// ```
    /// use portcullis_core::RequestContext;
    /// # use std::time::Instant;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(RequestContext::new(Instant::now()).in_scope(async {
    /// let work = async { RequestContext::current().is_some() };
    /// assert!(tokio::spawn(RequestContext::carry(work)).await.unwrap());
    /// # }));
    /// ```
    #[must_use]
    pub fn current() -> Option<Self> {
        // A thread that ends has none any more.
        CURRENT
            .try_with(|current| {
                let held = current.take();
                let found = held.clone();
                current.set(held);
                found
            })
            .ok()
            .flatten()
    }

    /// Makes it the current one within `future`.
    pub const fn in_scope<F>(self, future: F) -> InScope<F> {
        InScope::new(future, Some(self))
    }

    /// Takes the current one, if there is one, along with `future`, to another task.
    pub fn carry<F>(future: F) -> InScope<F> {
        InScope::new(future, Self::current())
    }

    /// Makes what is in `slot` the current one until the guard is dropped: what [`in_scope`](Self::in_scope) does for
    /// each poll, for futures and bodies that hold a context themselves. It is moved there and back, so nothing is
    /// counted.
    #[inline]
    pub fn lend(slot: &mut Option<Self>) -> Lent<'_> {
        let Some(context) = slot.take() else {
            return Lent::NOTHING;
        };
        Lent {
            before: replace(Some(context)),
            to: Some(slot),
            _thread: PhantomData,
        }
    }

    /// Makes it the current one on this thread until the guard is dropped: for code that is not asynchronous. Guards
    /// are dropped in the order opposite to that of their making.
    pub fn enter(self) -> Entered {
        Entered {
            before: replace(Some(self)),
            _thread: PhantomData,
        }
    }
}

fn replace(context: Option<RequestContext>) -> Option<RequestContext> {
    CURRENT
        .try_with(|current| current.replace(context))
        .ok()
        .flatten()
}

// === impl InScope ===

impl<F> InScope<F> {
    /// `future`, within which `context` is the current one; without any, whatever is current stays so.
    pub const fn new(future: F, context: Option<RequestContext>) -> Self {
        Self { future, context }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _lent = RequestContext::lend(this.context);
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").finish_non_exhaustive()
    }
}

// === impl Lent ===

impl Lent<'_> {
    const NOTHING: Self = Self {
        to: None,
        before: None,
        _thread: PhantomData,
    };
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            *to = replace(self.before.take());
        }
    }
}

// === impl Entered ===

impl Drop for Entered {
    fn drop(&mut self) {
        replace(self.before.take());
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}
