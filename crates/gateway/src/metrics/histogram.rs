//! How long things took.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds; there is one more without a bound.
const USUAL: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// The same for parts of a request.
pub(super) const FINE: [u64; 14] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000,
];

/// A second, in microseconds.
const SECOND: f64 = 1e6;

/// Durations, in buckets.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64; 14],
    buckets: [AtomicU64; USUAL.len() + 1],
    /// Microseconds.
    sum: AtomicU64,
}

/// A histogram at one time.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    /// Upper bounds in seconds, each with how many are in this bucket and in no lower one.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    /// Seconds.
    pub(super) sum: f64,
}

// === impl Histogram ===

impl Histogram {
    pub(super) fn with(bounds: &'static [u64; 14]) -> Self {
        Self {
            bounds,
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // There is one bucket more than bounds.
        let bucket = self.bounds.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// Reads it. The count is what the buckets say, so that the two agree whatever happens meanwhile.
    #[allow(
        clippy::cast_precision_loss,
        reason = "the sum of microseconds of 285 years is exact"
    )]
    pub(super) fn read(&self) -> Snapshot {
        let bounds = self.bounds.map(|bound| bound as f64 / SECOND);
        let bounds = bounds.into_iter().chain([f64::INFINITY]);
        let counts = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        Snapshot {
            count: buckets.iter().map(|(_, count)| count).sum(),
            sum: self.sum.load(Ordering::Relaxed) as f64 / SECOND,
            buckets,
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::with(&USUAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 30_000_000, 30_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        histogram.observe(Duration::from_secs(60));
        let read = histogram.read();
        let filled: Vec<_> = read
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(
            filled,
            [&(0.001, 2), &(0.0025, 1), &(30.0, 1), &(f64::INFINITY, 2)]
        );
        assert_eq!((read.count, read.sum), (6, 120.002_002));
    }
}
