//! The time of one stage, measured.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project::pin_project;

use super::{Stages, add};
use crate::RequestContext;
use crate::context::{CurrentStage, enter_stage};

/// Measures one stage of the [current](RequestContext::current) request, if that is timed.
///
/// Dropped, the stage is over.
#[must_use = "it measures what is done until it is dropped"]
pub struct StageTimer(Option<Running>);

struct Running {
    context: RequestContext,
    index: u8,
    /// The stage that it lies in.
    outer: Option<u8>,
    since: Instant,
}

/// A future that is a stage.
///
/// It begins when it is polled first.
///
/// # Cancel safety
/// As the future inside; dropped, the stage is over.
#[pin_project]
pub struct Timed<F> {
    #[pin]
    future: F,
    name: &'static str,
    timer: Option<StageTimer>,
}

// === impl StageTimer ===

impl StageTimer {
    /// Measures nothing.
    pub const OFF: Self = Self(None);

    /// Begins a stage; its name is a stable label.
    #[inline]
    pub fn begin(name: &'static str) -> Self {
        match CurrentStage::now() {
            CurrentStage::Off => Self::OFF,
            CurrentStage::None => Self::begin_in(name, None),
            CurrentStage::Of(outer) => Self::begin_in(name, Some(outer)),
        }
    }

    #[cold]
    fn begin_in(name: &'static str, outer: Option<u8>) -> Self {
        let Some(context) = RequestContext::current() else {
            return Self::OFF;
        };
        let begun = context.stages().and_then(|stages| {
            let index = stages.place(name)?;
            // In itself: an attempt within an attempt is one of them.
            (outer != Some(index)).then(|| (index, (stages.now)()))
        });
        Self(begun.map(|(index, since)| Running {
            context,
            index,
            outer,
            since,
        }))
    }

    /// Runs a part of the stage: a poll.
    #[inline]
    pub fn run<R>(&mut self, part: impl FnOnce() -> R) -> R {
        match &self.0 {
            None => part(),
            Some(running) => running.run(part),
        }
    }
}

impl Drop for StageTimer {
    #[inline]
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.end();
        }
    }
}

impl fmt::Debug for StageTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageTimer").finish_non_exhaustive()
    }
}

// === impl Running ===

impl Running {
    fn run<R>(&self, part: impl FnOnce() -> R) -> R {
        let Some(stages) = self.context.stages() else {
            return part();
        };
        let _busy = Busy {
            running: self,
            stages,
            since: (stages.now)(),
        };
        let _entered = enter_stage(&self.context, self.index);
        part()
    }

    fn end(&self) {
        let Some(stages) = self.context.stages() else {
            return;
        };
        let total = (stages.now)().saturating_duration_since(self.since);
        let place = stages.at(self.index);
        place
            .calls
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        add(&place.total, total);
        if let Some(outer) = self.outer {
            add(&stages.at(outer).inner_total, total);
        }
    }
}

/// One poll; also one that panics.
struct Busy<'a> {
    running: &'a Running,
    stages: &'a Stages,
    since: Instant,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let took = (self.stages.now)().saturating_duration_since(self.since);
        add(&self.stages.at(self.running.index).busy, took);
        if let Some(outer) = self.running.outer {
            add(&self.stages.at(outer).inner_busy, took);
        }
    }
}

// === impl Timed ===

impl<F> Timed<F> {
    /// `future`, as a stage with this name: a stable label.
    pub const fn new(name: &'static str, future: F) -> Self {
        Self {
            future,
            name,
            timer: None,
        }
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let timer = this
            .timer
            .get_or_insert_with(|| StageTimer::begin(this.name));
        let poll = timer.run(|| this.future.poll(cx));
        if poll.is_ready() {
            *timer = StageTimer::OFF;
        }
        poll
    }
}

impl<F> fmt::Debug for Timed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
