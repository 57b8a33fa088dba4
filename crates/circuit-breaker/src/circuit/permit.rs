//! The right to make one call, and the duty to say how it went.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, Outcome, SystemClock};

use super::core::{Core, nanos};
use super::in_flight::Place;
use super::roster::Page;
use super::settings::Cancelled;
use super::tally::Mark;
use super::upload::{Ended, Sent, Upload};
use crate::sync::Shared;

/// The right to make one call. Say how it went, or drop it: then the call was given up, and counts as
/// [`CircuitBuilder::cancelled`](crate::CircuitBuilder::cancelled) says.
///
/// | outcome | counts as |
/// |---|---|
/// | success | a success, and a slow one if it took longer than the threshold |
/// | failure, overload | a failure, and a slow one if it took longer |
/// | ignore | nothing; but slow if it took longer: whatever the caller did, the dependency was late |
///
/// A permit of before a move of the circuit counts for nothing.
#[must_use = "a permit that is dropped says that the call was given up"]
pub struct Permit<C: Clock = SystemClock> {
    /// Counts it among those under way; or is the one apart.
    page: Shared<Page<Arc<Core<C>>>>,
    upload: Option<Arc<Sent>>,
    /// What the watch says.
    nanos: u64,
    tag: Tag,
}

/// Generation, watch and role, in one word: a permit is moved a few times in each call, and processors are slow to read
/// as a whole what was written in pieces a moment ago.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    /// It is counted in the window.
    Call,
    /// It decides half-open.
    Probe,
    /// The same, and its answer has begun.
    AnsweredProbe,
    /// Nobody counts it.
    Free,
    /// It was said how it went.
    Settled,
}

/// The time of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Watch {
    /// Nobody measures.
    Off,
    /// Running since then.
    Since,
    /// It took so long.
    Took,
    /// It was never its turn.
    NeverBegan,
    /// The caller has not sent the request yet; see `upload`.
    Uploading,
}

/// The end of the dependency's turn.
#[derive(Clone, Copy, Debug, Default)]
struct Stop {
    /// How long it took, if somebody measured and it was its turn at all.
    took: Option<u64>,
    /// Now, if the clock was read.
    now: Option<u64>,
    /// Whether the request had not even been sent.
    unsent: bool,
}

// === impl Tag ===

impl Tag {
    /// Nobody asks any more what it was.
    const SETTLED: Self = Self::new(0, Watch::Off, Role::Settled);

    #[inline]
    const fn new(generation: u32, watch: Watch, role: Role) -> Self {
        Self((generation as u64) << 16 | (watch as u64) << 8 | role as u64)
    }

    #[inline(always)]
    const fn is(self, watch: Watch, role: Role) -> bool {
        self.0 & 0xffff == (watch as u64) << 8 | role as u64
    }

    #[inline]
    const fn generation(self) -> u32 {
        (self.0 >> 16) as u32
    }

    #[inline]
    const fn watch(self) -> Watch {
        match self.0 >> 8 & 0xff {
            0 => Watch::Off,
            1 => Watch::Since,
            2 => Watch::Took,
            3 => Watch::NeverBegan,
            _ => Watch::Uploading,
        }
    }

    #[inline]
    const fn role(self) -> Role {
        match self.0 & 0xff {
            0 => Role::Call,
            1 => Role::Probe,
            2 => Role::AnsweredProbe,
            3 => Role::Free,
            _ => Role::Settled,
        }
    }
}

// === impl Permit ===

impl<C: Clock> Permit<C> {
    #[inline(always)]
    pub(super) fn new(
        apart: &Shared<Page<Arc<Core<C>>>>,
        generation: u32,
        role: Role,
        now: Option<u64>,
    ) -> Self {
        Self {
            page: Shared::clone(apart),
            upload: None,
            nanos: now.unwrap_or_default(),
            tag: Tag::new(generation, now.map_or(Watch::Off, |_| Watch::Since), role),
        }
    }

    /// A call that its page counts.
    #[inline(always)]
    pub(super) const fn counted(
        page: Shared<Page<Arc<Core<C>>>>,
        generation: u32,
        now: u64,
    ) -> Self {
        Self {
            page,
            upload: None,
            nanos: now,
            tag: Tag::new(generation, Watch::Since, Role::Call),
        }
    }

    #[inline(always)]
    fn core(&self) -> &Arc<Core<C>> {
        self.page.inner()
    }

    /// The dependency did its job.
    #[inline]
    pub fn success(self) {
        self.settle(Outcome::Success);
    }

    /// It did not.
    pub fn failure(self) {
        self.settle(Outcome::Failure);
    }

    /// Nothing was learnt about it.
    pub fn ignore(self) {
        self.settle(Outcome::Ignore);
    }

    /// It had too much to do, and may have said when to come again: if this opens the circuit, it stays open at least
    /// that long, up to five minutes.
    pub fn overload(self, retry_after: Option<Duration>) {
        self.settle(Outcome::Overload { retry_after });
    }

    /// Says how it went.
    #[inline(always)]
    pub fn settle(mut self, outcome: Outcome) {
        self.finish(outcome);
    }

    /// Says how it went, where it lies: what was written a moment ago in pieces is slow to move.
    #[inline(always)]
    pub(crate) fn settle_in(place: &mut Option<Self>, outcome: Outcome) {
        if let Some(permit) = place {
            permit.finish(outcome);
            *place = None;
        }
    }

    /// The head of the answer is there: from here on it is not a slow call, whatever the body takes. Half-open takes
    /// it for a good probe if its end does not come in time.
    #[inline]
    pub fn answered(&mut self) {
        if matches!(
            self.tag.role(),
            Role::Free | Role::AnsweredProbe | Role::Settled
        ) {
            return;
        }
        let mut unsent = false;
        if self.is_watched() {
            unsent = self.stop().unsent;
        }
        if self.tag.role() == Role::Probe {
            self.core().probe_answered(self.tag.generation(), unsent);
            self.becomes(Role::AnsweredProbe);
        }
    }

    /// The caller has still to send the request: until that is done, its slowness is not the dependency's. The handle
    /// tells when it is: give it to the body of the request. None where that makes no difference.
    #[must_use]
    pub fn uploading(&mut self) -> Option<Upload<C>> {
        let is_probe = self.tag.role() == Role::Probe;
        let counts =
            is_probe || (self.tag.role() == Role::Call && self.tag.watch() == Watch::Since);
        if !counts || self.upload.is_some() {
            return None;
        }
        if is_probe {
            self.core().probe_uploads(self.tag.generation());
        } else {
            self.leave(self.nanos);
        }
        if self.tag.watch() != Watch::Off {
            self.watches(Watch::Uploading);
        }
        let sent = Arc::new(Sent::new());
        self.upload = Some(Arc::clone(&sent));
        Some(Upload::new(
            self.core(),
            self.tag.generation(),
            is_probe,
            sent,
        ))
    }

    #[inline]
    fn becomes(&mut self, role: Role) {
        self.tag = Tag::new(self.tag.generation(), self.tag.watch(), role);
    }

    fn watches(&mut self, watch: Watch) {
        self.tag = Tag::new(self.tag.generation(), watch, self.tag.role());
    }

    #[inline]
    fn is_watched(&self) -> bool {
        self.tag.watch() != Watch::Off || self.upload.is_some()
    }

    /// Takes the call out of those under way.
    fn stop(&mut self) -> Stop {
        let ended = self.upload.take().map(|sent| sent.end());
        let mut stop = Stop::default();
        let since = match self.tag.watch() {
            Watch::Off | Watch::NeverBegan => None,
            Watch::Took => {
                stop.took = Some(self.nanos);
                return stop;
            }
            Watch::Since => Some(self.nanos),
            Watch::Uploading => match ended {
                Some(Ended::SentAt(since)) => Some(since),
                _ => None,
            },
        };
        stop.unsent = ended == Some(Ended::Unsent);
        if let Some(since) = since {
            if self.tag.role() == Role::Call {
                self.leave(since);
            }
            let now = self.core().now();
            self.nanos = now.saturating_sub(since);
            self.watches(Watch::Took);
            stop.now = Some(now);
            stop.took = Some(self.nanos);
        } else if self.tag.watch() != Watch::Off {
            self.watches(Watch::NeverBegan);
        }
        stop
    }

    /// Takes it out of the calls under way.
    fn leave(&mut self, since: u64) {
        match self.page.apart() {
            Some(apart) => self.page = Shared::clone(apart),
            None => self.core().leave(self.tag.generation(), since),
        }
    }

    /// Whether it is out of the calls under way as soon as it is dropped.
    #[inline(always)]
    fn leaves_by_itself(&self) -> bool {
        self.page.apart().is_some() || self.core().in_flight.is_none()
    }

    #[inline(always)]
    fn finish(&mut self, outcome: Outcome) {
        // Nearly always, and in the caller's code.
        if outcome == Outcome::Success && self.upload.is_none() {
            let (core, generation) = (self.page.inner(), self.tag.generation());
            if self.tag.is(Watch::Off, Role::Call) {
                self.tag = Tag::SETTLED;
                if !core.is_steady(generation) {
                    core.record(generation, Mark::GOOD, None, None);
                }
                return;
            }
            if self.tag.is(Watch::Since, Role::Call) && self.leaves_by_itself() {
                let now = core.now();
                // A slow one is taken out of those under way before it is counted, lest it be seen twice.
                if !core.is_slow(now.saturating_sub(self.nanos)) {
                    self.tag = Tag::SETTLED;
                    core.succeeded(generation, now);
                    return;
                }
            }
        }
        self.finish_slowly(outcome, false);
    }

    /// Dropped before anybody said how it went. Out of the way, so that the rest of what dropping does is in the caller's
    /// code.
    #[cold]
    fn give_up(&mut self) {
        self.finish_slowly(Outcome::Ignore, true);
    }

    #[inline(never)]
    fn finish_slowly(&mut self, outcome: Outcome, given_up: bool) {
        if matches!(self.tag.role(), Role::Free | Role::Settled) {
            self.tag = Tag::SETTLED;
            return;
        }
        let Stop { took, now, unsent } = if self.is_watched() {
            self.stop()
        } else {
            Stop::default()
        };
        let (role, generation) = (self.tag.role(), self.tag.generation());
        self.tag = Tag::SETTLED;
        let core = self.core();
        let slow = took.is_some_and(|took| core.is_slow(took));
        let late = match (core.settings.cancelled, took) {
            (Cancelled::FailedAfter(after), Some(took)) => given_up && took > nanos(after),
            _ => false,
        };
        let (failed, at_least) = match outcome {
            Outcome::Failure => (true, None),
            Outcome::Overload { retry_after } => (true, retry_after),
            Outcome::Success => (false, None),
            Outcome::Ignore => (late, None),
        };
        let nothing = outcome == Outcome::Ignore && !late && !slow;
        let mark = (!nothing).then(|| Mark::new(failed, slow));
        match role {
            Role::Call => {
                if let Some(mark) = mark {
                    core.record(generation, mark, at_least, now);
                }
            }
            Role::Probe => core.probe_back(generation, mark, unsent, false, at_least),
            Role::AnsweredProbe => core.probe_back(generation, mark, false, true, at_least),
            Role::Free | Role::Settled => {}
        }
    }
}

impl<C: Clock> Drop for Permit<C> {
    #[inline]
    fn drop(&mut self) {
        if self.tag.role() != Role::Settled {
            self.give_up();
        }
    }
}

impl<C: Clock> Core<C> {
    fn leave(&self, generation: u32, since: u64) {
        if let Some(calls) = &self.in_flight {
            calls.leave(generation, Place::at(calls, since));
        }
    }

    #[inline(always)]
    const fn is_slow(&self, took: u64) -> bool {
        // Strictly more: at the threshold it is not slow yet.
        took > self.slow_above
    }
}

impl<C: Clock> fmt::Debug for Permit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("circuit", &self.core().settings.name)
            .field("role", &self.tag.role())
            .finish_non_exhaustive()
    }
}
