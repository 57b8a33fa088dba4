//! The last so many outcomes, counted exactly, without a lock.

use crate::circuit::tally::{Mark, Tally};
use crate::circuit::word::{GENERATION_BITS, is_newer};
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

    /// Whether it is full of nothing but successes of a generation.
    #[inline(always)]
    pub(crate) fn is_steady(&self, generation: u32) -> bool {
        let full = EMPTY + ((self.slots.len() as u64) << 32);
        self.sums.0.load(Ordering::Acquire) == with_generation(full, generation)
    }

    /// Adds an outcome of a generation; what the ring holds with it. None if a newer generation has begun.
    #[inline]
    pub(crate) fn add(&self, generation: u32, mark: Mark) -> Option<Tally> {
        if mark == Mark::GOOD && self.is_steady(generation) {
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
                newer if is_newer(newer, generation, SUM_GENERATION_BITS) => return None,
                _older => with_generation(EMPTY, generation),
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

    /// Begins a generation, unless it has begun or is over. Every generation is to be begun: the sums have sixteen
    /// bits of it, and cannot be left behind further.
    pub(crate) fn begin(&self, generation: u32) {
        let mut sums = self.sums.0.load(Ordering::Acquire);
        loop {
            let held = generation_of(sums);
            if held == generation & 0xffff || is_newer(held, generation, SUM_GENERATION_BITS) {
                return;
            }
            match self.sums.0.compare_exchange_weak(
                sums,
                with_generation(EMPTY, generation),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
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
        if !is_empty && is_newer(held, generation, GENERATION_BITS) {
            return None;
        }
        match slot.compare_exchange_weak(now, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let same = !is_empty && held == generation;
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

const fn generation_of(sums: u64) -> u32 {
    (sums >> 48) as u32
}

const fn with_generation(sums: u64, generation: u32) -> u64 {
    sums & (u64::MAX >> 16) | (generation as u64 & 0xffff) << 48
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    const FAILED: Mark = Mark::new(true, false);

    fn tally(total: u64, failed: u64) -> Tally {
        Tally {
            total,
            failed,
            slow: 0,
        }
    }

    #[test]
    fn a_sum_that_is_below_zero_for_a_moment_is_read_as_none() {
        let ring = Ring::new(2);
        // Both claim the same slot, and the second pays first.
        let first = claim(&ring.slots[0], 0, FAILED).unwrap();
        let second = claim(&ring.slots[0], 0, Mark::GOOD).unwrap();
        assert_eq!(ring.settle(0, second, Mark::GOOD), Some(tally(0, 0)));
        assert_eq!(ring.tally(0), tally(0, 0));
        assert_eq!(ring.settle(0, first, FAILED), Some(tally(1, 0)));
    }

    #[test]
    fn a_late_result_changes_nothing_in_a_window_that_began_anew() {
        let ring = Ring::new(2);
        ring.add(1, FAILED);
        // It claims its slot, and there is a move before it pays.
        let late = claim(&ring.slots[1], 1, FAILED).unwrap();
        ring.begin(2);
        assert_eq!(ring.settle(1, late, FAILED), None);
        assert_eq!(ring.tally(2), tally(0, 0));
        assert_eq!(ring.add(2, Mark::GOOD), Some(tally(1, 0)));
        // Its slot is empty for all that.
        assert_eq!(ring.add(2, Mark::GOOD), Some(tally(2, 0)));
    }

    #[test]
    fn a_slot_of_a_newer_generation_is_not_taken_by_a_late_result() {
        let ring = Ring::new(1);
        ring.add(2, FAILED);
        assert_eq!(ring.add(1, Mark::GOOD), None);
        assert_eq!(ring.tally(2), tally(1, 1));
        assert_eq!(ring.add(2, Mark::GOOD), Some(tally(1, 0)));
    }

    #[test]
    fn a_slot_that_was_left_behind_half_a_circle_ago_is_empty() {
        for left in [1 << 23, (1 << 23) + 1, (1 << 24) - 1000] {
            let ring = Ring::new(1);
            ring.add(0, FAILED);
            (0..left).step_by(1 << 14).for_each(|on| ring.begin(on));
            assert_eq!(ring.add(left, Mark::GOOD), Some(tally(1, 0)), "{left}");
        }
    }
}
