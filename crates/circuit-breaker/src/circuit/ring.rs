//! The last so many outcomes, counted exactly, without a lock.

use crate::circuit::tally::{Mark, Tally};
use crate::circuit::word::is_before;
use crate::sync::{Apart, AtomicU32, AtomicU64, Ordering};

/// A ring of the last `N` outcomes of a generation, and the sums over it.
///
/// A slot holds a generation and an outcome, and is claimed by a compare-and-swap; who claims it owes the sums the
/// difference between what it held and what it holds. The sums carry their generation too and are changed only while
/// it is the writer's: a result that comes late, from before a move, ends at the first of the two that is newer. To
/// begin a generation is one compare-and-swap of the sums: slots of older ones count as empty.
///
/// Two writers may pay what they owe in another order than they claimed in, so a sum can be below zero or above `N`
/// for a moment. Each field is biased by 2^14 against that, and readers clamp.
///
/// A window that is full of nothing but successes is the same whatever success is added: then nothing is written.
#[derive(Debug)]
pub(crate) struct Ring {
    sums: Apart<AtomicU64>,
    cursor: Apart<AtomicU64>,
    slots: Box<[AtomicU32]>,
}

/// The longest ring: a field with its bias has sixteen bits.
pub(crate) const RING_MAX: u32 = 16_383;
const BIAS: u64 = 1 << 14;
const FIELD: u64 = 0xffff;
/// Sums of nothing.
const EMPTY: u64 = BIAS << 32 | BIAS << 16 | BIAS;
const SUM_GENERATION_BITS: u32 = 16;

// === impl Ring ===

impl Ring {
    /// A ring of `length` outcomes, 1 to [`RING_MAX`].
    pub(crate) fn new(length: u32) -> Self {
        Self {
            sums: Apart(AtomicU64::new(EMPTY)),
            cursor: Apart(AtomicU64::new(0)),
            slots: (0..length).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Adds an outcome of a generation; what the ring holds with it. None if a newer generation has begun.
    #[inline]
    pub(crate) fn add(&self, generation: u32, mark: Mark) -> Option<Tally> {
        let sums = self.sums.0.load(Ordering::Acquire);
        let full = EMPTY + ((self.slots.len() as u64) << 32);
        if mark == Mark::GOOD && sums == with_generation(full, generation) {
            let total = self.slots.len() as u64;
            return Some(Tally {
                total,
                failed: 0,
                slow: 0,
            });
        }
        self.write(generation, mark)
    }

    fn write(&self, generation: u32, mark: Mark) -> Option<Tally> {
        let next = self.cursor.0.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "it is below the length")]
        let slot = &self.slots[(next % self.slots.len() as u64) as usize];
        let before = claim(slot, generation, mark)?;
        self.settle(generation, before, mark)
    }

    /// Pays the sums what the slot owes them.
    fn settle(&self, generation: u32, before: Option<Mark>, mark: Mark) -> Option<Tally> {
        let mut sums = self.sums.0.load(Ordering::Acquire);
        loop {
            let base = match generation_of(sums) {
                same if same == generation & 0xffff => sums,
                older if is_before(older, generation & 0xffff, SUM_GENERATION_BITS) => {
                    with_generation(EMPTY, generation)
                }
                _newer => return None,
            };
            let next = change(base, before, mark);
            match self
                .sums
                .0
                .compare_exchange_weak(sums, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(self.read(next)),
                Err(now) => sums = now,
            }
        }
    }

    /// What the ring holds of a generation.
    pub(crate) fn tally(&self, generation: u32) -> Tally {
        let sums = self.sums.0.load(Ordering::Acquire);
        if generation_of(sums) == generation & 0xffff {
            self.read(sums)
        } else {
            Tally::default()
        }
    }

    fn read(&self, sums: u64) -> Tally {
        let most = self.slots.len() as u64;
        let field = |place: u32| ((sums >> place) & FIELD).saturating_sub(BIAS).min(most);
        let total = field(32);
        Tally {
            total,
            failed: field(16).min(total),
            slow: field(0).min(total),
        }
    }
}

/// Puts an outcome into a slot. What it held of the same generation: none if nothing, and nothing at all if the slot
/// is of a newer one.
fn claim(slot: &AtomicU32, generation: u32, mark: Mark) -> Option<Option<Mark>> {
    let new = generation << 8 | u32::from(mark.bits());
    let mut now = slot.load(Ordering::Acquire);
    loop {
        let held = now >> 8;
        let is_empty = now & 0xff == 0;
        if !is_empty && is_before(generation, held, super::word::GENERATION_BITS) {
            return None;
        }
        match slot.compare_exchange_weak(now, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let same = !is_empty && held == generation;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "it is masked to eight bits"
                )]
                let before = same.then(|| Mark::from_bits((now & 0xff) as u8));
                return Some(before);
            }
            Err(other) => now = other,
        }
    }
}

fn change(sums: u64, before: Option<Mark>, mark: Mark) -> u64 {
    // Whole fields are added and subtracted: the bias keeps them from borrowing.
    let added = sums + weight(mark);
    match before {
        Some(before) => added - weight(before),
        None => added,
    }
}

const fn weight(mark: Mark) -> u64 {
    1 << 32 | (mark.failed() as u64) << 16 | mark.slow() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "sixteen bits are left")]
const fn generation_of(sums: u64) -> u32 {
    (sums >> 48) as u32
}

const fn with_generation(sums: u64, generation: u32) -> u64 {
    sums & (u64::MAX >> 16) | (generation as u64 & 0xffff) << 48
}
