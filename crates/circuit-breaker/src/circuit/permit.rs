//! The right to make one call, and the duty to say how it went.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Clock, Outcome, SystemClock};

use super::core::{Core, nanos};
use super::in_flight::Place;
use super::settings::Cancelled;
use super::tally::Mark;
use super::upload::{Ended, Sent, Upload};

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
    core: Arc<Core<C>>,
    generation: u32,
    role: Role,
    clock: Watch,
    upload: Option<Arc<Sent>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
enum Watch {
    /// Nobody measures.
    Off,
    /// Running since then.
    Since(u64),
    /// It took so long, or it was never its turn.
    Stopped(Option<u64>),
    /// The caller has not sent the request yet; see `upload`.
    Uploading,
}

// === impl Permit ===

impl<C: Clock> Permit<C> {
    #[inline]
    pub(super) fn new(core: &Arc<Core<C>>, generation: u32, role: Role, now: Option<u64>) -> Self {
        Self {
            core: Arc::clone(core),
            generation,
            role,
            clock: now.map_or(Watch::Off, Watch::Since),
            upload: None,
        }
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
    #[inline]
    pub fn settle(mut self, outcome: Outcome) {
        self.finish(outcome, false);
    }

    /// The head of the answer is there: from here on it is not a slow call, whatever the body takes. Half-open takes
    /// it for a good probe if its end does not come in time.
    #[inline]
    pub fn answered(&mut self) {
        if matches!(self.role, Role::Free | Role::AnsweredProbe | Role::Settled) {
            return;
        }
        let mut unsent = false;
        if self.clock != Watch::Off || self.upload.is_some() {
            (_, unsent) = self.stop();
        }
        if self.role == Role::Probe {
            self.core.probe_answered(self.generation, unsent);
            self.role = Role::AnsweredProbe;
        }
    }

    /// The caller has still to send the request: until that is done, its slowness is not the dependency's. The handle
    /// tells when it is: give it to the body of the request. None where that makes no difference.
    #[must_use]
    pub fn uploading(&mut self) -> Option<Upload<C>> {
        let is_probe = self.role == Role::Probe;
        let counts = is_probe || (self.role == Role::Call && matches!(self.clock, Watch::Since(_)));
        if !counts || self.upload.is_some() {
            return None;
        }
        if is_probe {
            self.core.probe_uploads(self.generation);
        } else if let Watch::Since(since) = self.clock {
            self.leave(since);
        }
        if self.clock != Watch::Off {
            self.clock = Watch::Uploading;
        }
        let sent = Arc::new(Sent::new());
        self.upload = Some(Arc::clone(&sent));
        Some(Upload::new(&self.core, self.generation, is_probe, sent))
    }

    /// Takes the call out of those under way. Tells how long the dependency took, if somebody measured and it was its
    /// turn at all; and whether the request had not even been sent.
    fn stop(&mut self) -> (Option<u64>, bool) {
        let ended = self.upload.take().map(|sent| sent.end());
        let since = match self.clock {
            Watch::Off => None,
            Watch::Stopped(took) => return (took, false),
            Watch::Since(since) => Some(since),
            Watch::Uploading => match ended {
                Some(Ended::SentAt(since)) => Some(since),
                _ => None,
            },
        };
        if let (Some(since), Role::Call) = (since, self.role) {
            self.leave(since);
        }
        let took = since.map(|since| self.core.now().saturating_sub(since));
        if self.clock != Watch::Off {
            self.clock = Watch::Stopped(took);
        }
        (took, ended == Some(Ended::Unsent))
    }

    fn leave(&self, since: u64) {
        if let Some(calls) = &self.core.in_flight {
            calls.leave(self.generation, Place::at(calls, since));
        }
    }

    #[inline]
    fn finish(&mut self, outcome: Outcome, given_up: bool) {
        if matches!(self.role, Role::Free | Role::Settled) {
            self.role = Role::Settled;
            return;
        }
        let (mut took, mut unsent) = (None, false);
        if self.clock != Watch::Off || self.upload.is_some() {
            (took, unsent) = self.stop();
        }
        let role = std::mem::replace(&mut self.role, Role::Settled);
        let core = &self.core;
        let slow = match (&core.settings.slow, took) {
            // Strictly more: at the threshold it is not slow yet.
            (Some(slow), Some(took)) => took > nanos(slow.above),
            _ => false,
        };
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
                    core.record(self.generation, mark, at_least);
                }
            }
            Role::Probe => core.probe_back(self.generation, mark, unsent, false, at_least),
            Role::AnsweredProbe => core.probe_back(self.generation, mark, false, true, at_least),
            Role::Free | Role::Settled => {}
        }
    }
}

impl<C: Clock> Drop for Permit<C> {
    #[inline]
    fn drop(&mut self) {
        if self.role != Role::Settled {
            self.finish(Outcome::Ignore, true);
        }
    }
}

impl<C: Clock> fmt::Debug for Permit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("circuit", &self.core.settings.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
