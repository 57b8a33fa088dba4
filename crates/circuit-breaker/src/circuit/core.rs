//! What all handles and permits of a circuit share.

use std::time::Duration;

use portcullis_core::{CircuitState, Clock};

use super::buckets::Buckets;
use super::in_flight::InFlight;
use super::ring::Ring;
use super::settings::{Cancelled, Settings, Window};
use super::tally::{Mark, Tally};
use super::word::Word;
use crate::sync::{Apart, AtomicU32, AtomicU64, Ordering};

/// What all handles and permits share.
///
/// The control word is read by every call and written by moves and probes only; what every call writes is elsewhere.
pub(crate) struct Core<C> {
    pub(super) control: Apart<AtomicU64>,
    pub(super) settings: Settings,
    pub(super) outcomes: Outcomes,
    pub(super) in_flight: Option<InFlight>,
    /// Whether a call reads the clock when it begins.
    pub(super) timed: bool,
    /// A call that took more nanoseconds is slow.
    pub(super) slow_above: u64,
    /// Failures in a row: a generation, and a number of 40 bits.
    pub(super) row: Apart<AtomicU64>,
    /// When half-open began: its generation, and milliseconds in 40 bits.
    pub(super) probing_since: AtomicU64,
    /// How often it opened in a row. Written by who won a move, after it: under a race a wait may be that of the
    /// attempt before.
    pub(super) attempts: AtomicU32,
    /// The last word of half-open, once it was decided.
    pub(super) decided: AtomicU64,
    /// What was told in metrics only: a generation, and a bit for each cause.
    pub(super) told: AtomicU32,
    pub(super) rejected: Apart<AtomicU64>,
    pub(super) late: AtomicU64,
    pub(super) clock: C,
    /// What every instant is counted from, by that clock.
    base: u64,
}

/// The window.
#[allow(clippy::large_enum_variant)] // one in each circuit, which every call looks at: no box is nearer
pub(super) enum Outcomes {
    Count(Ring),
    Time(Buckets),
}

// === impl Core ===

impl<C: Clock> Core<C> {
    pub(super) fn new(settings: Settings, clock: C) -> Self {
        let outcomes = match settings.window {
            Window::Count(calls) => Outcomes::Count(Ring::new(calls)),
            Window::Time(span) => Outcomes::Time(Buckets::new(nanos(span))),
        };
        let in_flight = settings.slow.map(|slow| InFlight::new(nanos(slow.above)));
        let slow_above = settings.slow.map_or(u64::MAX, |slow| nanos(slow.above));
        let timed = in_flight.is_some() || settings.cancelled != Cancelled::Ignored;
        Self {
            // Closed, generation 0.
            control: Apart(AtomicU64::new(0)),
            outcomes,
            in_flight,
            timed,
            slow_above,
            settings,
            row: Apart(AtomicU64::new(0)),
            probing_since: AtomicU64::new(0),
            attempts: AtomicU32::new(0),
            decided: AtomicU64::new(0),
            told: AtomicU32::new(0),
            rejected: Apart(AtomicU64::new(0)),
            late: AtomicU64::new(0),
            base: clock.nanos(),
            clock,
        }
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word::from_bits(self.control.0.load(Ordering::Acquire))
    }

    /// Puts `next` in the place of `word`, if that is still there: whoever does is the only one.
    #[inline]
    pub(super) fn swap(&self, word: Word, next: Word) -> bool {
        let won = self
            .control
            .0
            .compare_exchange(
                word.bits(),
                next.bits(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok();
        // A circuit that opens shows what it opened by.
        let keeps = word.is_closed() && next.state() == CircuitState::Open;
        if won && word.generation() != next.generation() && !keeps {
            self.outcomes.begin(next.generation());
        }
        won
    }

    /// Now, in nanoseconds since it was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.clock.nanos().wrapping_sub(self.base)
    }

    /// Now, in milliseconds.
    #[inline]
    pub(super) fn now_millis(&self) -> u64 {
        self.now() / NANOS_OF_MILLI
    }

    /// Whether nothing in the window of a generation speaks against the dependency.
    pub(super) fn is_clean(&self, generation: u32, now: u64) -> bool {
        self.outcomes.tally(generation, now).is_clean() && self.failed_in_a_row(generation) == 0
    }

    pub(super) fn failed_in_a_row(&self, generation: u32) -> u64 {
        let row = self.row.0.load(Ordering::Acquire);
        if row >> ROW_BITS == u64::from(generation) {
            row & ROW
        } else {
            0
        }
    }
}

pub(super) const ROW_BITS: u32 = 40;
pub(super) const ROW: u64 = (1 << ROW_BITS) - 1;
pub(super) const NANOS_OF_MILLI: u64 = 1_000_000;

/// Whole nanoseconds, which wrap after 584 years.
#[inline]
pub(super) const fn nanos(span: Duration) -> u64 {
    span.as_nanos() as u64
}

// === impl Outcomes ===

impl Outcomes {
    /// Whether a success changes nothing.
    #[inline(always)]
    pub(super) fn is_steady(&self, generation: u32) -> bool {
        match self {
            Self::Count(ring) => ring.is_steady(generation),
            // Time changes it.
            Self::Time(_) => false,
        }
    }

    /// Adds an outcome. `now` is asked only where the window is one of time.
    #[inline(always)]
    pub(super) fn add(
        &self,
        generation: u32,
        mark: Mark,
        now: impl FnOnce() -> u64,
    ) -> Option<Tally> {
        match self {
            Self::Count(ring) => ring.add(generation, mark),
            Self::Time(buckets) => buckets.add(generation, now(), mark),
        }
    }

    fn begin(&self, generation: u32) {
        match self {
            Self::Count(ring) => ring.begin(generation),
            // Buckets begin by themselves.
            Self::Time(_) => {}
        }
    }

    pub(super) fn tally(&self, generation: u32, now: u64) -> Tally {
        match self {
            Self::Count(ring) => ring.tally(generation),
            Self::Time(buckets) => buckets.tally(generation, now),
        }
    }
}
