//! The outcomes of the last so much time, counted in buckets, without a lock.

use crate::circuit::tally::{Mark, Tally};
use crate::circuit::word::{GENERATION_BITS, is_ahead, is_newer};
use crate::sync::{Apart, AtomicU64, Ordering};

/// Sixteen buckets, each for a sixteenth of the window.
///
/// A count carries the epoch of its bucket and the generation it belongs to, in one word: to begin a bucket anew and to
/// count in it is the same compare-and-swap, so nothing is lost and nothing is left over. A bucket is in the window
/// from its beginning until sixteen buckets later: the window is never longer than was asked for, and at most a
/// sixteenth shorter.
///
/// A success looks at one bucket, and at the others only while something bad may be among them. Whoever counts looks
/// after it, in an order that is the same for all: of those who count at once, the last to look sees all of it.
#[derive(Debug)]
pub(crate) struct Buckets {
    width: u64,
    /// The epoch that somebody was in last: nearly always that of now, and to see that is cheaper than to divide.
    last: AtomicU64,
    /// The last epoch in which something bad was counted, and of which generation.
    bad: Apart<AtomicU64>,
    buckets: [Bucket; BUCKETS],
}

#[derive(Debug)]
struct Bucket {
    total: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
}

/// What became of a success that was to be added at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtOnce {
    /// It was added, and nothing bad is in the window.
    Clean,
    /// It was added, and something bad may be in the window.
    MayBeBad,
    /// It was not added: [`Buckets::add`] does it.
    Not,
}

/// Loom takes such a load for one that never sees an old value, and would miss interleavings by that.
const LOOK: Ordering = if cfg!(portcullis_loom) {
    Ordering::Acquire
} else {
    Ordering::SeqCst
};

/// Fewer in a model, so that it is small.
pub(crate) const BUCKETS: usize = if cfg!(portcullis_loom) { 2 } else { 16 };

// A word: ten bits of the generation, twenty-eight of the epoch, twenty-six of the count. A bucket that nobody touched
// for 2^28 epochs is taken for a new one if, by chance, its generation agrees as well.
const COUNT_BITS: u32 = 26;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const EPOCH_BITS: u32 = 28;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;
const TAG_GENERATION_BITS: u32 = 64 - EPOCH_BITS - COUNT_BITS;

// === impl Buckets ===

impl Buckets {
    /// Buckets for a window of so many nanoseconds.
    pub(crate) fn new(window_nanos: u64) -> Self {
        Self {
            width: (window_nanos / BUCKETS as u64).max(1),
            last: AtomicU64::new(0),
            bad: Apart(AtomicU64::new(u64::MAX)),
            buckets: std::array::from_fn(|_| Bucket {
                total: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                slow: AtomicU64::new(0),
            }),
        }
    }

    /// Adds a success to the bucket that somebody was in last, if it is the one of now and has begun: nearly always, and as
    /// little as can be in the caller's code. Like [`add`](Self::add) it counts first and looks after it.
    #[inline(always)]
    pub(crate) fn add_at_once(&self, generation: u32, now_nanos: u64) -> AtOnce {
        let epoch = self.last.load(Ordering::Relaxed);
        let counter = &self.bucket(epoch).total;
        let word = counter.load(Ordering::Acquire);
        // Of this tag, and not full.
        let has_room = word.wrapping_sub(tag(generation, epoch)) < COUNT;
        if !has_room || !self.is_in(epoch, now_nanos) {
            return AtOnce::Not;
        }
        // Right by the word alone, whatever happened since it was read.
        match counter.compare_exchange(word, word + 1, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) if self.may_be_bad(bad(generation, epoch)) => AtOnce::MayBeBad,
            Ok(_) => AtOnce::Clean,
            Err(_) => AtOnce::Not,
        }
    }

    /// Adds an outcome of a generation; what the window holds with it. None if the window is past that time.
    #[inline(always)]
    pub(crate) fn add(&self, generation: u32, now_nanos: u64, mark: Mark) -> Option<Tally> {
        let epoch = self.epoch(now_nanos);
        let bucket = self.bucket(epoch);
        let tag = tag(generation, epoch);
        let total = count(&bucket.total, tag)?;
        // A bucket that is full is a sample that is large enough.
        if mark.failed() && total < COUNT {
            count(&bucket.failed, tag)?;
        }
        if mark.slow() && total < COUNT {
            count(&bucket.slow, tag)?;
        }
        let bad = bad(generation, epoch);
        if mark != Mark::GOOD {
            self.was_bad(bad);
        } else if !self.may_be_bad(bad) {
            return Some(Tally {
                total,
                failed: 0,
                slow: 0,
            });
        }
        Some(self.sum(generation, epoch))
    }

    /// What the window holds of a generation.
    pub(crate) fn tally(&self, generation: u32, now_nanos: u64) -> Tally {
        self.sum(generation, self.epoch(now_nanos))
    }

    #[inline(never)]
    fn sum(&self, generation: u32, epoch: u64) -> Tally {
        let mut tally = Tally::default();
        for bucket in &self.buckets {
            // Before the total: what fails meanwhile makes the share smaller than it is, never larger. Whoever counted
            // it looks again.
            let failed = bucket.failed.load(LOOK);
            let slow = bucket.slow.load(LOOK);
            let total = bucket.total.load(LOOK);
            let back = epoch.wrapping_sub(total >> COUNT_BITS) & EPOCH_MASK;
            let current = self::tag(generation, epoch.wrapping_sub(back));
            if back >= BUCKETS as u64 || total & !COUNT != current {
                continue;
            }
            let of = |word: u64| {
                if word & !COUNT == current {
                    word & COUNT
                } else {
                    0
                }
            };
            tally.total += of(total);
            tally.failed += of(failed);
            tally.slow += of(slow);
        }
        tally
    }

    /// Something bad was counted; the latest is remembered.
    #[inline(never)]
    fn was_bad(&self, bad: u64) {
        let mut last = self.bad.0.load(Ordering::Acquire);
        loop {
            let same = last >> 40 == bad >> 40;
            let is_later = if same {
                // At the beginning none was: that seems far ahead.
                is_ahead(last, bad, 40, BAD_EPOCH / 2)
            } else {
                let (one, other) = ((last >> 40) as u32, (bad >> 40) as u32);
                is_newer(one, other, GENERATION_BITS)
            };
            if last == bad || is_later {
                return;
            }
            match self
                .bad
                .0
                .compare_exchange_weak(last, bad, Ordering::SeqCst, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(now) => last = now,
            }
        }
    }

    /// Whether something bad of this generation may still be in the window.
    #[inline(always)]
    fn may_be_bad(&self, now: u64) -> bool {
        let last = self.bad.0.load(LOOK);
        let back = now.wrapping_sub(last) & BAD_EPOCH;
        // Others may be an epoch ahead.
        last >> 40 == now >> 40 && (back <= BUCKETS as u64 || back > BAD_EPOCH / 2)
    }

    #[inline(always)]
    fn epoch(&self, now_nanos: u64) -> u64 {
        let last = self.last.load(Ordering::Relaxed);
        if self.is_in(last, now_nanos) {
            return last;
        }
        let epoch = now_nanos / self.width;
        self.last.store(epoch, Ordering::Relaxed);
        epoch
    }

    #[inline(always)]
    const fn is_in(&self, epoch: u64, now_nanos: u64) -> bool {
        now_nanos.wrapping_sub(epoch.wrapping_mul(self.width)) < self.width
    }

    #[inline(always)]
    fn bucket(&self, epoch: u64) -> &Bucket {
        &self.buckets[(epoch % BUCKETS as u64) as usize]
    }
}

const BAD_EPOCH: u64 = (1 << 40) - 1;

#[inline(always)]
const fn bad(generation: u32, epoch: u64) -> u64 {
    (generation as u64) << 40 | epoch & BAD_EPOCH
}

#[inline(always)]
const fn tag(generation: u32, epoch: u64) -> u64 {
    (generation as u64) << (EPOCH_BITS + COUNT_BITS) | (epoch & EPOCH_MASK) << COUNT_BITS
}

/// Counts one more; the count with it. None if the counter is of a later epoch.
#[inline(always)]
fn count(counter: &AtomicU64, tag: u64) -> Option<u64> {
    let mut word = counter.load(Ordering::Acquire);
    loop {
        let next = if word & !COUNT == tag {
            // A count that is full stays full.
            word + u64::from(word & COUNT < COUNT)
        } else if word & COUNT != 0 && is_later(word, tag) {
            return None;
        } else {
            tag | 1
        };
        match counter.compare_exchange_weak(word, next, Ordering::SeqCst, Ordering::Acquire) {
            Ok(_) => return Some(next & COUNT),
            Err(now) => word = now,
        }
    }
}

/// Whether a word is of a later epoch, or of a later generation in the same epoch: by as much as a thread may be late.
const fn is_later(word: u64, tag: u64) -> bool {
    let (one, other) = (word >> COUNT_BITS, tag >> COUNT_BITS);
    if (one ^ other) & EPOCH_MASK != 0 {
        return is_ahead(one, other, EPOCH_BITS, 16 * BUCKETS as u64);
    }
    is_ahead(
        one >> EPOCH_BITS,
        other >> EPOCH_BITS,
        TAG_GENERATION_BITS,
        16,
    )
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    /// Sixteen buckets of a hundred nanoseconds.
    fn buckets() -> Buckets {
        Buckets::new(1600)
    }

    #[test]
    fn a_success_is_added_at_once_only_to_the_bucket_that_somebody_was_in_last() {
        let buckets = buckets();
        buckets.add(3, 250, Mark::GOOD);
        for (generation, now) in [(3, 199), (3, 300), (3, 1850), (2, 250), (4, 250)] {
            assert_eq!(buckets.add_at_once(generation, now), AtOnce::Not);
        }
        for now in [200, 299] {
            assert_eq!(buckets.add_at_once(3, now), AtOnce::Clean);
        }
        assert_eq!(buckets.tally(3, 250).total, 3);
    }

    #[test]
    fn a_success_that_is_added_at_once_sees_what_is_bad_for_as_long_as_the_others_do() {
        let buckets = buckets();
        buckets.add(0, 0, Mark::new(true, false));
        for epoch in 0..20 {
            let now = epoch * 100;
            let seen = buckets.add(0, now, Mark::GOOD).map(|tally| tally.failed);
            let at_once = buckets.add_at_once(0, now);
            // One epoch longer it only may be: others may be an epoch ahead.
            let may_be = if epoch <= BUCKETS as u64 {
                AtOnce::MayBeBad
            } else {
                AtOnce::Clean
            };
            let failed = u64::from(epoch < BUCKETS as u64);
            assert_eq!((seen, at_once), (Some(failed), may_be));
        }
    }

    #[test]
    fn a_bucket_that_is_full_takes_nothing_at_once() {
        let buckets = buckets();
        for (before, added) in [(COUNT - 1, AtOnce::Clean), (COUNT, AtOnce::Not)] {
            let word = tag(5, 0) | before;
            buckets.buckets[0].total.store(word, Ordering::Relaxed);
            assert_eq!(buckets.add_at_once(5, 0), added);
            assert_eq!(buckets.tally(5, 0).total, COUNT);
        }
    }
}
