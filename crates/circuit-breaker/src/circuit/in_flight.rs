//! The calls that have been under way for too long, counted without a timer and without a list.

use crate::circuit::word::{GENERATION_BITS, is_ahead, is_newer};
use crate::sync::{Apart, AtomicU64, Ordering};

/// Calls under way by the time they began: a ring of counters, each for a span of at most an eighth of the threshold,
/// and one for what is older than the ring.
///
/// They are those that no page of the [`Roster`] counts: that of their span is held by what hangs, or they were taken out
/// while their caller was sending.
///
/// A counter that is needed for a new span hands what is left in it to the older ones: these calls have been under way
/// for more than twice the threshold then. Whoever leaves takes itself out of where it is.
///
/// [`Roster`]: crate::circuit::roster::Roster
#[derive(Debug)]
pub(crate) struct InFlight {
    grid: Grid,
    /// Generation, and a count biased by 2^38: who leaves may come before who hands over.
    older: Apart<AtomicU64>,
    /// The last span at whose beginning somebody looked.
    looked: AtomicU64,
    spans: [AtomicU64; SPANS],
}

/// Time in spans of at most an eighth of a threshold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// A span is a power of two of nanoseconds, so that no call divides.
    shift: u32,
    /// So many spans after its own, a call is over the threshold for certain.
    overdue_after: u64,
}

/// Where a call was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

/// Fewer in a model, so that it is small.
const SPANS: usize = if cfg!(portcullis_loom) { 2 } else { 32 };

// A word: ten bits of the generation, thirty-two of the span, twenty-two of the count.
const COUNT_BITS: u32 = 22;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const EPOCH_BITS: u32 = 32;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;
const TAG_GENERATION_BITS: u32 = 64 - EPOCH_BITS - COUNT_BITS;
/// So many spans, and no more, a thread may be late.
const LATE: u64 = 1024;
const OLDER_BIAS: u64 = 1 << 38;
const OLDER_COUNT: u64 = (1 << 40) - 1;

// === impl InFlight ===

impl InFlight {
    /// Calls are overdue after so many nanoseconds.
    pub(crate) fn new(threshold_nanos: u64) -> Self {
        Self {
            grid: Grid::new(threshold_nanos),
            older: Apart(AtomicU64::new(OLDER_BIAS)),
            looked: AtomicU64::new(0),
            spans: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Counts a call that begins now.
    #[inline]
    pub(crate) fn enter(&self, generation: u32, now_nanos: u64) -> Place {
        let epoch = self.grid.epoch(now_nanos);
        let tag = tag(generation, epoch);
        let span = self.span(epoch);
        let mut word = span.load(Ordering::Acquire);
        loop {
            let same = word & !COUNT == tag;
            let full = same && word & COUNT == COUNT;
            if full || (!same && word & COUNT != 0 && is_later(word, tag)) {
                // Others are far ahead: it is old already. Or of a generation that is over: then nobody asks.
                self.age(generation, 1);
                return Place(epoch);
            }
            let next = if same { word + 1 } else { tag | 1 };
            match span.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    let left = word & COUNT;
                    if !same && left != 0 && generation_of(word) == generation_of(tag) {
                        self.age(generation, left);
                    }
                    return Place(epoch);
                }
                Err(now) => word = now,
            }
        }
    }

    /// Takes a call out again.
    #[inline]
    pub(crate) fn leave(&self, generation: u32, place: Place) {
        let tag = tag(generation, place.0);
        let span = self.span(place.0);
        let mut word = span.load(Ordering::Acquire);
        while word & !COUNT == tag && word & COUNT != 0 {
            match span.compare_exchange_weak(word, word - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.age(generation, u64::MAX);
    }

    /// Whether it is this call that has to look how many are overdue: one in each span.
    pub(crate) fn looks(&self, now_nanos: u64) -> bool {
        let epoch = self.grid.epoch(now_nanos);
        let looked = self.looked.load(Ordering::Relaxed);
        if looked >= epoch {
            return false;
        }
        self.looked
            .compare_exchange(looked, epoch, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// How many calls are overdue.
    pub(crate) fn overdue(&self, generation: u32, now_nanos: u64) -> u64 {
        let epoch = self.grid.epoch(now_nanos);
        let older = self.older.0.load(Ordering::Acquire);
        let older = if older >> 40 == u64::from(generation) {
            (older & OLDER_COUNT).saturating_sub(OLDER_BIAS)
        } else {
            0
        };
        let in_ring: u64 = self
            .spans
            .iter()
            .map(|span| span.load(Ordering::Acquire))
            .filter(|word| {
                let back = epoch.wrapping_sub(word >> COUNT_BITS) & EPOCH_MASK;
                let current = tag(generation, epoch.wrapping_sub(back));
                word & !COUNT == current
                    && back >= self.grid.overdue_after
                    && back < EPOCH_MASK - LATE
            })
            .map(|word| word & COUNT)
            .sum();
        older + in_ring
    }

    /// Adds to the older ones of a generation; `u64::MAX` takes one away.
    #[cold]
    fn age(&self, generation: u32, more: u64) {
        let mut word = self.older.0.load(Ordering::Acquire);
        loop {
            let held = (word >> 40) as u32;
            let base = if held == generation {
                word
            } else if is_newer(held, generation, GENERATION_BITS) {
                return;
            } else {
                u64::from(generation) << 40 | OLDER_BIAS
            };
            let count = (base & OLDER_COUNT).wrapping_add(more) & OLDER_COUNT;
            let next = base & !OLDER_COUNT | count;
            match self.older.0.compare_exchange_weak(
                word,
                next,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    fn span(&self, epoch: u64) -> &AtomicU64 {
        &self.spans[(epoch % SPANS as u64) as usize]
    }
}

const fn tag(generation: u32, epoch: u64) -> u64 {
    (generation as u64) << (EPOCH_BITS + COUNT_BITS) | (epoch & EPOCH_MASK) << COUNT_BITS
}

const fn generation_of(word: u64) -> u64 {
    word >> (EPOCH_BITS + COUNT_BITS)
}

/// Whether a word is of a later generation, or of a later span of the same one: by as much as a thread may be late.
const fn is_later(word: u64, tag: u64) -> bool {
    let (one, other) = (generation_of(word), generation_of(tag));
    if one != other {
        return is_ahead(one, other, TAG_GENERATION_BITS, 16);
    }
    is_ahead(word >> COUNT_BITS, tag >> COUNT_BITS, EPOCH_BITS, LATE)
}

// === impl Grid ===

impl Grid {
    pub(crate) fn new(threshold_nanos: u64) -> Self {
        let shift = (threshold_nanos / 8).max(1).ilog2();
        Self {
            shift,
            // A call began within its span: at its end at the latest.
            overdue_after: threshold_nanos.div_ceil(1 << shift) + 1,
        }
    }

    /// The span of an instant.
    #[inline(always)]
    pub(crate) const fn epoch(self, nanos: u64) -> u64 {
        nanos >> self.shift
    }

    pub(crate) const fn overdue_after(self) -> u64 {
        self.overdue_after
    }
}

// === impl Place ===

impl Place {
    /// Where a call is counted that began at that instant.
    #[inline]
    pub(crate) const fn at(calls: &InFlight, since_nanos: u64) -> Self {
        Self(calls.grid.epoch(since_nanos))
    }
}
