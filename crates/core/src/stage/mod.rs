//! Where the time of a request goes.

mod timer;

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub use timer::{StageTimer, Timed};

/// The times of the stages of one request: each layer, and whatever else says that it is one.
///
/// Stages lie in each other: of each it is known how much of its time was its own, and how much of that it worked or
/// waited. Made by [`RequestContext::time_stages`](crate::RequestContext::time_stages); where nobody made it, a stage
/// costs a look at a thread-local number.
///
/// Of stages side by side (two calls at once) each has all of its time, so that together they may have more than the
/// stage around them, which is left with none of its own then.
pub struct Stages {
    now: Now,
    used: AtomicU8,
    places: [Place; MOST],
}

/// Where stages read the time.
pub type Now = Arc<dyn Fn() -> Instant + Send + Sync>;

/// One stage. Times in nanoseconds.
#[derive(Default)]
struct Place {
    name: OnceLock<&'static str>,
    calls: AtomicU64,
    /// From its beginning to its end.
    total: AtomicU64,
    /// The same of the stages directly in it.
    inner_total: AtomicU64,
    /// While it was polled.
    busy: AtomicU64,
    inner_busy: AtomicU64,
}

/// The times of one stage of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTimes {
    /// Its name, a stable label.
    pub name: &'static str,
    /// How often it was entered: once, but where an attempt is repeated.
    pub calls: u64,
    /// From beginning to end, with the stages in it.
    pub total: Duration,
    /// Its own: without the stages in it.
    pub own: Duration,
    /// How much of its own it worked.
    pub working: Duration,
}

/// So many stages of a request are told apart; those beyond are part of the stage that they lie in.
const MOST: usize = 16;

// === impl Stages ===

impl Stages {
    pub(crate) fn new(now: Now) -> Self {
        Self {
            now,
            used: AtomicU8::new(0),
            places: std::array::from_fn(|_| Place::default()),
        }
    }

    /// The times of its stages so far, in the order in which they were entered first; of those that are not over yet,
    /// what they worked.
    pub fn iter(&self) -> impl Iterator<Item = StageTimes> {
        self.places.iter().filter_map(Place::times)
    }

    /// The stage that took most of the time for itself: of those where that is more than nothing.
    #[must_use]
    pub fn bottleneck(&self) -> Option<StageTimes> {
        let stages = self.iter().filter(|stage| !stage.own.is_zero());
        stages.max_by_key(|stage| stage.own)
    }

    /// The place of a stage, if there is room for it.
    fn place(&self, name: &'static str) -> Option<u8> {
        let known = |place: &Place| place.name.get().is_some_and(|held| *held == name);
        let index = match self.places.iter().position(known) {
            Some(index) => index,
            None => {
                let free = |used: u8| (usize::from(used) < MOST).then_some(used + 1);
                let taken = self
                    .used
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, free);
                let index = usize::from(taken.ok()?);
                self.places[index].name.set(name).ok()?;
                index
            }
        };
        u8::try_from(index).ok()
    }

    fn at(&self, index: u8) -> &Place {
        // An index is only ever given by `place`.
        &self.places[usize::from(index) % MOST]
    }
}

impl fmt::Debug for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

// === impl Place ===

impl Place {
    fn times(&self) -> Option<StageTimes> {
        let read = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
        let total = read(&self.total);
        let own = total.saturating_sub(read(&self.inner_total));
        let working = read(&self.busy).saturating_sub(read(&self.inner_busy));
        Some(StageTimes {
            name: self.name.get()?,
            calls: self.calls.load(Ordering::Relaxed),
            total,
            own,
            working: working.min(own),
        })
    }
}

fn add(to: &AtomicU64, span: Duration) {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    to.fetch_add(nanos, Ordering::Relaxed);
}

// === impl StageTimes ===

impl StageTimes {
    /// How much of its own time it waited.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        self.own.saturating_sub(self.working)
    }
}

#[cfg(test)]
mod tests;
