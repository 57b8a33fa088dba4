//! How long to wait before trying again.

use std::time::Duration;

use fastrand::Rng;

use crate::{config_error::ConfigError, random::up_to};

/// A rule for the wait before each retry: a shape, a cap, and jitter.
///
/// Retries are numbered from 0: `delay(0)` is the wait after the first failure. Every number has an
/// answer; what would overflow is the cap.
///
/// Waits for `n` = 0, 1, 2, … with base 1 s and cap 60 s, before jitter:
///
/// | shape | wait | n = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 100 |
/// |---|---|---|---|---|---|---|---|---|---|
/// | [`none`](Backoff::none) | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
/// | [`fixed`](Backoff::fixed) | base | 1 s | 1 s | 1 s | 1 s | 1 s | 1 s | 1 s | 1 s |
/// | [`linear`](Backoff::linear) | base × (n + 1) | 1 s | 2 s | 3 s | 4 s | 5 s | 6 s | 7 s | 60 s |
/// | [`exponential`](Backoff::exponential) | base × 2ⁿ | 1 s | 2 s | 4 s | 8 s | 16 s | 32 s | 60 s | 60 s |
/// | … with factor 1.5 | base × 1.5ⁿ | 1 s | 1.5 s | 2.25 s | 3.375 s | 5.0625 s | 7.59375 s | 11.390625 s | 60 s |
///
/// What [`Jitter`] makes of a wait *w* (the result is never above *w*, so the cap holds with it):
///
/// | jitter | drawn from | mean | for |
/// |---|---|---|---|
/// | [`None`](Jitter::None) | *w* | *w* | tests, a single client |
/// | [`Full`](Jitter::Full) | 0 ..= *w* | *w* / 2 | many clients against one server: spreads best |
/// | [`Equal`](Jitter::Equal) | *w* / 2 ..= *w* | 3 *w* / 4 | reconnecting, where a wait near 0 would be a busy loop |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use portcullis_core::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60));
/// let waits: Vec<u64> = (0..8).map(|n| backoff.ceiling(n).as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
///
/// let mut waits = backoff.with_jitter(Jitter::Equal).delays();
/// for ceiling in [1, 2, 4] {
///     let wait = waits.next_delay();
///     assert!(wait >= Duration::from_secs(ceiling) / 2 && wait <= Duration::from_secs(ceiling));
/// }
/// waits.reset(); // it worked: the next failure starts over
/// assert!(waits.next_delay() <= Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    shape: Shape,
    cap: Duration,
    jitter: Jitter,
}

/// Chance in a wait, so that those who failed together do not come back together.
///
/// The table at [`Backoff`] compares them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Anything from nothing to the wait.
    #[default]
    Full,
    /// Half the wait, and anything up to the other half.
    Equal,
}

/// The waits of one sequence of attempts: a [`Backoff`], a source of chance, and how often it failed.
///
/// An endless iterator; the caller decides when to give up.
#[derive(Clone, Debug)]
pub struct Delays {
    backoff: Backoff,
    rng: Rng,
    retries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    None,
    Fixed(Duration),
    Linear(Duration),
    Exponential { base: Duration, factor: f64 },
}

// === impl Backoff ===

impl Backoff {
    /// No wait at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::shaped(Shape::None, Duration::ZERO, Jitter::None)
    }

    /// The same wait every time, without jitter.
    #[must_use]
    pub const fn fixed(delay: Duration) -> Self {
        Self::shaped(Shape::Fixed(delay), delay, Jitter::None)
    }

    /// Waits that grow by `base` each time up to `cap`, with full jitter.
    #[must_use]
    pub const fn linear(base: Duration, cap: Duration) -> Self {
        Self::shaped(Shape::Linear(base), cap, Jitter::Full)
    }

    /// Waits that double each time from `base` up to `cap`, with full jitter.
    #[must_use]
    pub const fn exponential(base: Duration, cap: Duration) -> Self {
        Self::shaped(Shape::Exponential { base, factor: 2.0 }, cap, Jitter::Full)
    }

    /// Waits that grow by another factor than two: of at least one, and finite.
    ///
    /// # Errors
    /// `factor` is below one or not finite.
    pub fn exponential_by(factor: f64, base: Duration, cap: Duration) -> Result<Self, ConfigError> {
        if factor.is_finite() && factor >= 1.0 {
            let shape = Shape::Exponential { base, factor };
            Ok(Self::shaped(shape, cap, Jitter::Full))
        } else {
            Err(ConfigError::new(
                "factor",
                format!("is {factor}"),
                "choose a number of at least 1",
            ))
        }
    }

    /// Replaces the jitter.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Replaces the cap.
    #[must_use]
    pub const fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// The longest wait before retry `n`: what jitter takes its share of.
    #[must_use]
    pub fn ceiling(&self, n: u32) -> Duration {
        let uncapped = match self.shape {
            Shape::None => Duration::ZERO,
            Shape::Fixed(delay) => delay,
            Shape::Linear(base) => base.saturating_mul(n.saturating_add(1)),
            Shape::Exponential { base, factor } => {
                let exponent = i32::try_from(n).unwrap_or(i32::MAX);
                // Infinite, and for a zero base not even a number, when the power overflows.
                let seconds = base.as_secs_f64() * factor.powi(exponent);
                Duration::try_from_secs_f64(seconds).unwrap_or(if base.is_zero() {
                    base
                } else {
                    Duration::MAX
                })
            }
        };
        uncapped.min(self.cap)
    }

    /// The wait before retry `n`, drawn with `rng`.
    #[must_use]
    pub fn delay(&self, n: u32, rng: &mut Rng) -> Duration {
        let ceiling = self.ceiling(n);
        match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => up_to(ceiling, rng),
            Jitter::Equal => ceiling - up_to(ceiling / 2, rng),
        }
    }

    /// A sequence of waits with chance from the process.
    #[must_use]
    pub fn delays(&self) -> Delays {
        self.delays_with(Rng::new())
    }

    /// A sequence of waits that is the same for the same `seed`.
    #[must_use]
    pub fn delays_seeded(&self, seed: u64) -> Delays {
        self.delays_with(Rng::with_seed(seed))
    }

    fn delays_with(&self, rng: Rng) -> Delays {
        Delays {
            backoff: *self,
            rng,
            retries: 0,
        }
    }

    const fn shaped(shape: Shape, cap: Duration, jitter: Jitter) -> Self {
        Self { shape, cap, jitter }
    }
}

// === impl Delays ===

impl Delays {
    /// The wait after one more failure.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.backoff.delay(self.retries, &mut self.rng);
        self.retries = self.retries.saturating_add(1);
        delay
    }

    /// How many waits were given since the start or the last [`reset`](Delays::reset).
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.retries = 0;
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_delay())
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_secs(1);
    const CAP: Duration = Duration::from_secs(60);

    fn ceilings(backoff: Backoff) -> Vec<f64> {
        [0, 1, 2, 3, 4, 5, 6, 100]
            .map(|n| backoff.ceiling(n).as_secs_f64())
            .to_vec()
    }

    #[test]
    fn ceilings_are_those_of_the_documented_table() {
        let by = Backoff::exponential_by(1.5, BASE, CAP).unwrap();
        for (backoff, expected) in [
            (Backoff::none(), [0.0; 8]),
            (Backoff::fixed(BASE), [1.0; 8]),
            (
                Backoff::linear(BASE, CAP),
                [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 60.0],
            ),
            (
                Backoff::exponential(BASE, CAP),
                [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0],
            ),
            (
                by,
                [1.0, 1.5, 2.25, 3.375, 5.0625, 7.593_75, 11.390_625, 60.0],
            ),
        ] {
            assert_eq!(ceilings(backoff), expected, "{backoff:?}");
        }
    }

    #[test]
    fn the_largest_retry_number_and_durations_have_an_answer() {
        for base in [Duration::ZERO, BASE, Duration::MAX] {
            for backoff in [
                Backoff::linear(base, Duration::MAX),
                Backoff::exponential(base, Duration::MAX),
                Backoff::exponential_by(f64::MAX, base, Duration::MAX).unwrap(),
            ] {
                let last = backoff.ceiling(u32::MAX);
                if base.is_zero() {
                    assert_eq!(last, Duration::ZERO);
                } else {
                    assert!(last >= base, "{backoff:?}: {last:?}");
                }
                for jitter in [Jitter::Full, Jitter::Equal] {
                    let drawn = backoff
                        .with_jitter(jitter)
                        .delay(u32::MAX, &mut Rng::with_seed(1));
                    assert!(drawn <= last);
                }
            }
        }
    }

    #[test]
    fn factors_that_shrink_or_are_no_number_are_refused() {
        for factor in [0.999, 0.0, -2.0, f64::NAN, f64::INFINITY] {
            let error = Backoff::exponential_by(factor, BASE, CAP).unwrap_err();
            assert_eq!(error.problems().next().unwrap().path, "factor");
        }
    }

    #[test]
    fn factor_one_stays_at_the_base() {
        let backoff = Backoff::exponential_by(1.0, BASE, CAP).unwrap();
        assert_eq!(backoff.ceiling(u32::MAX), BASE);
    }

    #[test]
    fn same_seed_gives_the_same_waits() {
        let backoff = Backoff::exponential(BASE, CAP);
        let draw = |seed| -> Vec<_> { backoff.delays_seeded(seed).take(20).collect() };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn reset_starts_over() {
        let mut delays = Backoff::exponential(BASE, CAP)
            .with_jitter(Jitter::None)
            .delays();
        let first: Vec<_> = delays.by_ref().take(4).map(|d| d.as_secs()).collect();
        assert_eq!(first, [1, 2, 4, 8]);
        assert_eq!(delays.retries(), 4);
        delays.reset();
        assert_eq!(delays.next_delay(), BASE);
    }

    #[test]
    fn jitter_covers_its_whole_range() {
        for (jitter, low) in [(Jitter::Full, 0), (Jitter::Equal, 500)] {
            let mut rng = Rng::with_seed(42);
            let backoff = Backoff::fixed(BASE).with_jitter(jitter);
            let mut tenths = [0_u32; 10];
            for _ in 0..10_000 {
                let millis = backoff.delay(0, &mut rng).as_micros() as f64 / 1000.0;
                let share = (millis - f64::from(low)) / f64::from(1000 - low);
                assert!((0.0..=1.0).contains(&share));
                tenths[((share * 10.0) as usize).min(9)] += 1;
            }
            // 1000 each is the mean; 5 standard deviations are 150.
            assert!(tenths.iter().all(|n| n.abs_diff(1000) < 150), "{tenths:?}");
        }
    }

    /// The table's formula in whole nanoseconds, for factors that are whole numbers.
    fn oracle(base: u64, factor: u32, cap: u64, n: u32) -> u128 {
        let mut wait = u128::from(base);
        for _ in 0..n {
            wait = wait.saturating_mul(u128::from(factor)).min(u128::from(cap));
        }
        wait.min(u128::from(cap))
    }

    proptest! {
        #[test]
        fn exponential_agrees_with_whole_number_arithmetic(
            base in 0_u64..10_000_000_000, factor in 1_u32..10, cap in 0_u64..100_000_000_000,
            n in 0_u32..40,
        ) {
            let backoff = Backoff::exponential_by(
                f64::from(factor), Duration::from_nanos(base), Duration::from_nanos(cap),
            ).unwrap();
            let exact = oracle(base, factor, cap, n);
            // Floating point may be off in the last of its 53 bits.
            prop_assert!(backoff.ceiling(n).as_nanos().abs_diff(exact) <= 1 + (exact >> 50));
        }

        #[test]
        fn no_wait_exceeds_the_cap_or_leaves_its_jitter(
            base: Duration, cap: Duration, factor in 1.0..1e9_f64,
            n in prop_oneof![0..64_u32, any::<u32>()], seed: u64, shape in 0..4,
        ) {
            let backoff = match shape {
                0 => Backoff::fixed(base).with_cap(cap),
                1 => Backoff::linear(base, cap),
                2 => Backoff::exponential(base, cap),
                _ => Backoff::exponential_by(factor, base, cap).unwrap(),
            };
            let ceiling = backoff.ceiling(n);
            prop_assert!(ceiling <= cap);
            prop_assert!(ceiling <= backoff.ceiling(n.saturating_add(1)));
            let mut rng = Rng::with_seed(seed);
            prop_assert_eq!(backoff.with_jitter(Jitter::None).delay(n, &mut rng), ceiling);
            prop_assert!(backoff.with_jitter(Jitter::Full).delay(n, &mut rng) <= ceiling);
            let equal = backoff.with_jitter(Jitter::Equal).delay(n, &mut rng);
            prop_assert!(equal <= ceiling && equal >= ceiling / 2);
        }
    }
}
