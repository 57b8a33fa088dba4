//! The part of a call that is the caller's: sending the request.

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Clock, SystemClock};

use super::core::Core;
use crate::sync::{AtomicU64, Ordering};

/// Tells a circuit when the request has been sent, which is when the turn of the dependency begins. Dropping it tells
/// the same: whoever drops the body of a request wants no more of it.
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
/// | 0 | not yet |
/// | n | at n − 1 nanoseconds |
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

    fn tell(&self) {
        if self.sent.is_over() {
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
        self.tell();
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

    /// Whether it was sent, or does not matter any more.
    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) != NOT_YET
    }
}
