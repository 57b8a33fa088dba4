//! At most so many in a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Lets at most so many through in any second of its own: what callers ask for that costs money.
#[derive(Debug)]
pub struct PerSecond {
    most: u32,
    base: Instant,
    /// The second, and how many passed in it.
    word: AtomicU64,
}

// === impl PerSecond ===

impl PerSecond {
    /// At most `most` in a second, counted from `base`.
    #[must_use]
    pub const fn new(most: u32, base: Instant) -> Self {
        Self {
            most,
            base,
            word: AtomicU64::new(0),
        }
    }

    /// Whether one more passes.
    pub fn take(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.base).as_secs() & u64::from(u32::MAX);
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let (held, count) = (word >> 32, word & u64::from(u32::MAX));
            // A thread that is late belongs to the second that the others are in.
            let (held, count) = if second > held {
                (second, 0)
            } else {
                (held, count)
            };
            if count >= u64::from(self.most) {
                return false;
            }
            let next = held << 32 | (count + 1);
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_than_stated_pass_in_a_second_and_the_next_second_has_its_own() {
        let base = Instant::now();
        let limit = PerSecond::new(3, base);
        let passed = |millis: u64| limit.take(base + Duration::from_millis(millis));
        assert_eq!([0, 400, 900, 999].map(passed), [true, true, true, false]);
        assert_eq!(
            [1000, 1001, 1900, 1999].map(passed),
            [true, true, true, false]
        );
        assert!(!passed(500), "a late thread has no second of its own");
        assert!(passed(2000));
    }

    #[test]
    fn none_pass_where_none_may() {
        let base = Instant::now();
        assert!(!PerSecond::new(0, base).take(base));
    }

    #[test]
    fn threads_together_get_no_more_than_one_alone() {
        let base = Instant::now();
        let limit = PerSecond::new(1000, base);
        let passed: usize = std::thread::scope(|threads| {
            let taking = || (0..1000).filter(|_| limit.take(base)).count();
            let all: Vec<_> = (0..4).map(|_| threads.spawn(taking)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
