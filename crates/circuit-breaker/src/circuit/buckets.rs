//! The outcomes of the last so much time, counted in buckets, without a lock.

use crate::circuit::tally::{Mark, Tally};
use crate::sync::{Apart, AtomicU64, Ordering};

/// Sixteen buckets, each for a sixteenth of the window.
///
/// A count carries the epoch of its bucket and the generation it belongs to, in one word: to begin a bucket anew and to
/// count in it is the same compare-and-swap, so nothing is lost and nothing is left over. A bucket is in the window
/// from its beginning until sixteen buckets later: the window is never longer than was asked for, and at most a
/// sixteenth shorter.
///
/// A success looks at one bucket, and at the others only while something bad may be among them.
#[derive(Debug)]
pub(crate) struct Buckets {
    width: u64,
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

/// Fewer in a model, so that it is small.
pub(crate) const BUCKETS: usize = if cfg!(portcullis_loom) { 2 } else { 16 };

// A word: ten bits of the generation, twenty-four of the epoch, thirty of the count. A bucket that nobody touched for
// 2^24 epochs is taken for a new one if, by chance, its generation agrees as well.
const COUNT: u64 = (1 << 30) - 1;
const EPOCH_MASK: u64 = (1 << 24) - 1;

// === impl Buckets ===

impl Buckets {
    /// Buckets for a window of so many nanoseconds.
    pub(crate) fn new(window_nanos: u64) -> Self {
        Self {
            width: (window_nanos / BUCKETS as u64).max(1),
            bad: Apart(AtomicU64::new(u64::MAX)),
            buckets: std::array::from_fn(|_| Bucket {
                total: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                slow: AtomicU64::new(0),
            }),
        }
    }

    /// Adds an outcome of a generation; what the window holds with it. None if the window is past that time.
    #[inline]
    pub(crate) fn add(&self, generation: u32, now_nanos: u64, mark: Mark) -> Option<Tally> {
        let epoch = self.epoch(now_nanos);
        let bucket = self.bucket(epoch);
        let tag = tag(generation, epoch);
        let total = count(&bucket.total, tag)?;
        if mark.failed() {
            count(&bucket.failed, tag)?;
        }
        if mark.slow() {
            count(&bucket.slow, tag)?;
        }
        let bad = bad(generation, epoch);
        if mark != Mark::GOOD {
            self.bad.0.store(bad, Ordering::Release);
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

    fn sum(&self, generation: u32, epoch: u64) -> Tally {
        let mut tally = Tally::default();
        for bucket in &self.buckets {
            let word = bucket.total.load(Ordering::Acquire);
            let back = epoch.wrapping_sub(word >> 30) & EPOCH_MASK;
            let current = self::tag(generation, epoch.wrapping_sub(back));
            if back >= BUCKETS as u64 || word & !COUNT != current {
                continue;
            }
            let of = |counter: &AtomicU64| {
                let word = counter.load(Ordering::Acquire);
                if word & !COUNT == current {
                    word & COUNT
                } else {
                    0
                }
            };
            let total = word & COUNT;
            tally.total += total;
            tally.failed += of(&bucket.failed).min(total);
            tally.slow += of(&bucket.slow).min(total);
        }
        tally
    }

    /// Whether something bad of this generation may still be in the window.
    fn may_be_bad(&self, now: u64) -> bool {
        let last = self.bad.0.load(Ordering::Acquire);
        let back = now.wrapping_sub(last) & BAD_EPOCH;
        // Others may be an epoch ahead.
        last >> 40 == now >> 40 && (back <= BUCKETS as u64 || back > BAD_EPOCH / 2)
    }

    fn epoch(&self, now_nanos: u64) -> u64 {
        now_nanos / self.width
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is below the number of buckets"
    )]
    fn bucket(&self, epoch: u64) -> &Bucket {
        &self.buckets[(epoch % BUCKETS as u64) as usize]
    }
}

const BAD_EPOCH: u64 = (1 << 40) - 1;

const fn bad(generation: u32, epoch: u64) -> u64 {
    (generation as u64) << 40 | epoch & BAD_EPOCH
}

const fn tag(generation: u32, epoch: u64) -> u64 {
    (generation as u64 & 0x3ff) << 54 | (epoch & EPOCH_MASK) << 30
}

/// Counts one more; the count with it. None if the counter is of a later epoch.
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
        match counter.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some(next & COUNT),
            Err(now) => word = now,
        }
    }
}

/// Whether a word is of a later epoch, or of a later generation in the same epoch.
const fn is_later(word: u64, tag: u64) -> bool {
    let epochs = (word >> 30).wrapping_sub(tag >> 30) & EPOCH_MASK;
    if epochs != 0 {
        return epochs <= EPOCH_MASK / 2;
    }
    let generations = (word >> 54).wrapping_sub(tag >> 54) & 0x3ff;
    generations != 0 && generations <= 0x1ff
}
