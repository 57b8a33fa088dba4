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
        if now_nanos.wrapping_sub(last.wrapping_mul(self.width)) < self.width {
            return last;
        }
        let epoch = now_nanos / self.width;
        self.last.store(epoch, Ordering::Relaxed);
        epoch
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
