//! The part of a call that is the caller's: sending the request.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Clock, SystemClock};

use super::core::Core;
use super::in_flight::Place;
use crate::sync::{AtomicU64, Ordering};

/// Tells a circuit whose turn it is while a request is being sent. It begins with the caller's.
///
/// | the body of the request | call | whose turn |
/// |---|---|---|
/// | was asked for more, and has none yet | [`waits`](Upload::waits) | the caller's: nothing is slow |
/// | gave something, and was not asked for more since | [`goes_on`](Upload::goes_on) | the dependency's, from now on |
/// | has ended, or is not wanted any more | [`sent`](Upload::sent), or drop it | the dependency's, from now on |
///
/// So a caller who trickles is not held against the dependency, and one that does not read what is there is.
pub struct Upload<C: Clock = SystemClock> {
    core: Arc<Core<C>>,
    generation: u32,
    is_probe: bool,
    sent: Arc<Sent>,
}

/// When the request was sent, between the body and the permit.
///
/// | word | |
/// |---|---|
/// | 0 | the caller's turn |
/// | n | the dependency's, since n − 1 nanoseconds |
/// | the maximum | it does not matter any more |
#[derive(Debug)]
pub(super) struct Sent(AtomicU64);

/// How far an upload had come when it did not matter any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Unsent,
    SentAt(u64),
    /// It had not mattered before either.
    Before,
}

const NOT_YET: u64 = 0;
const OVER: u64 = u64::MAX;

// === impl Upload ===

impl<C: Clock> Upload<C> {
    pub(super) fn new(
        core: &Arc<Core<C>>,
        generation: u32,
        is_probe: bool,
        sent: Arc<Sent>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            generation,
            is_probe,
            sent,
        }
    }

    /// The request has been sent.
    pub fn sent(self) {}

    /// The caller has to say more before it goes on.
    pub fn waits(&self) {
        let Some(since) = self.sent.pause() else {
            return;
        };
        if self.is_probe {
            self.core.probe_uploads(self.generation);
        } else if let Some(calls) = &self.core.in_flight {
            calls.leave(self.generation, Place::at(calls, since));
        }
    }

    /// What the caller said is there: it is for the dependency to take it.
    pub fn goes_on(&self) {
        if !self.sent.is_callers() {
            return;
        }
        let now = self.core.now();
        let calls = self.core.in_flight.as_ref().filter(|_| !self.is_probe);
        let place = calls.map(|calls| (calls, calls.enter(self.generation, now)));
        if self.sent.begin(now) {
            if self.is_probe {
                self.core.probe_sent(self.generation);
            }
        } else if let Some((calls, place)) = place {
            // The call was over first.
            calls.leave(self.generation, place);
        }
    }
}

impl<C: Clock> Drop for Upload<C> {
    fn drop(&mut self) {
        self.goes_on();
    }
}

impl<C: Clock> fmt::Debug for Upload<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

// === impl Sent ===

impl Sent {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(NOT_YET))
    }

    /// The request was sent. Whether that still matters.
    fn begin(&self, now: u64) -> bool {
        let word = now.saturating_add(1).min(OVER - 1);
        self.0
            .compare_exchange(NOT_YET, word, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// It does not matter any more. What had been until now.
    pub(super) fn end(&self) -> Ended {
        match self.0.swap(OVER, Ordering::AcqRel) {
            NOT_YET => Ended::Unsent,
            OVER => Ended::Before,
            word => Ended::SentAt(word - 1),
        }
    }

    /// It is the caller's turn again. Since when it was the dependency's; none if it was not.
    fn pause(&self) -> Option<u64> {
        let word = self.0.load(Ordering::Acquire);
        if word == NOT_YET || word == OVER {
            return None;
        }
        let paused = self
            .0
            .compare_exchange(word, NOT_YET, Ordering::AcqRel, Ordering::Acquire);
        paused.ok().map(|word| word - 1)
    }

    /// Whether it is the caller's turn.
    fn is_callers(&self) -> bool {
        self.0.load(Ordering::Acquire) == NOT_YET
    }
}
