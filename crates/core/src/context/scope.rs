//! The request that the running code works for.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::RequestContext;

thread_local! {
    static CURRENT: Current = const {
        Current {
            context: Cell::new(None),
            stage: Cell::new(CurrentStage::Off),
        }
    };
}

/// What a thread works for.
struct Current {
    context: Cell<Option<RequestContext>>,
    stage: Cell<CurrentStage>,
}

/// The stage of the current request that a thread works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurrentStage {
    /// Its stages are not timed, or there is no request.
    Off,
    /// None so far.
    None,
    /// This one.
    Of(u8),
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
    before: Before,
    /// It belongs to the thread.
    _thread: PhantomData<*const ()>,
}

/// The time within which a thread is lent a request, for the poll of a future that holds it; see
/// [`RequestContext::lend`]. Also a poll that panics gives it back.
#[must_use = "the thread has it until this is dropped"]
pub struct Lent<'a> {
    /// None if nothing was lent.
    to: Option<&'a mut Option<RequestContext>>,
    before: Before,
    /// It belongs to the thread.
    _thread: PhantomData<*const ()>,
}

/// What a thread worked for before.
struct Before {
    context: Option<RequestContext>,
    stage: CurrentStage,
}

/// The time within which a thread works in another stage; see [`enter_stage`].
pub(crate) struct InStage(Option<CurrentStage>);

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
                let held = current.context.take();
                let found = held.clone();
                current.context.set(held);
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
            before: enter(context),
            to: Some(slot),
            _thread: PhantomData,
        }
    }

    /// Makes it the current one on this thread until the guard is dropped: for code that is not asynchronous. Guards
    /// are dropped in the order opposite to that of their making.
    pub fn enter(self) -> Entered {
        Entered {
            before: enter(self),
            _thread: PhantomData,
        }
    }
}

#[inline]
fn enter(context: RequestContext) -> Before {
    let entered = CURRENT.try_with(|current| {
        let timed = context.stages().is_some();
        let held = current.context.take();
        let stage = match current.stage.get() {
            // The same one again: the stage goes on.
            stage if timed && held.as_ref().is_some_and(|held| held.is(&context)) => stage,
            _ if timed => CurrentStage::None,
            _ => CurrentStage::Off,
        };
        current.context.set(Some(context));
        Before {
            context: held,
            stage: current.stage.replace(stage),
        }
    });
    entered.unwrap_or(Before::NOTHING)
}

/// Gives what a thread worked for before back to it, and takes what it worked for since.
#[inline]
fn leave(before: &mut Before) -> Option<RequestContext> {
    let left = CURRENT.try_with(|current| {
        current.stage.set(before.stage);
        current.context.replace(before.context.take())
    });
    left.ok().flatten()
}

/// Works in another stage of a request until the guard is dropped, if that is the current one.
pub(crate) fn enter_stage(context: &RequestContext, stage: u8) -> InStage {
    let entered = CURRENT.try_with(|current| {
        let held = current.context.take();
        let same = held.as_ref().is_some_and(|held| held.is(context));
        current.context.set(held);
        same.then(|| current.stage.replace(CurrentStage::Of(stage)))
    });
    InStage(entered.ok().flatten())
}

// === impl Before ===

impl Before {
    const NOTHING: Self = Self {
        context: None,
        stage: CurrentStage::Off,
    };
}

// === impl CurrentStage ===

impl CurrentStage {
    #[inline]
    pub(crate) fn now() -> Self {
        let now = CURRENT.try_with(|current| current.stage.get());
        now.unwrap_or(Self::Off)
    }
}

// === impl InStage ===

impl Drop for InStage {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = CURRENT.try_with(|current| current.stage.set(before));
        }
    }
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
        before: Before::NOTHING,
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
            *to = leave(&mut self.before);
        }
    }
}

// === impl Entered ===

impl Drop for Entered {
    fn drop(&mut self) {
        leave(&mut self.before);
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}
