//! How often an unknown key may cause a fetch.

use std::time::{Duration, Instant};

use portcullis_core::Problems;

use super::JwksTimes;

/// How many fetches unknown keys may cause, per issuer: one in each period, and a few at once after
/// a quiet time.
///
/// Whatever callers send, no more than `burst + t / period` fetches are caused in a time `t`.
/// Fetches by schedule, and retries after a failure, come on top: no caller can cause those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchBudget {
    period: Duration,
    burst: u32,
}

/// The state of a budget, by the generic cell rate algorithm: one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    budget: FetchBudget,
    paid: Paid,
}

/// When all that was spent will be paid for.
#[derive(Clone, Copy, Debug)]
enum Paid {
    At(Instant),
    Already,
    /// Beyond all time.
    Never,
}

// === impl FetchBudget ===

impl FetchBudget {
    /// One fetch in 30 s, two at once.
    pub const DEFAULT: Self = Self::new(Duration::from_secs(30), 2);

    /// One fetch in 5 min: what Microsoft asks of those who use Entra ID.
    pub const ENTRA: Self = Self::new(Duration::from_secs(300), 1);

    /// One fetch in each `period`, of 1 s to 366 days, and up to `burst` at once, at least 1, all of which
    /// [`JwksBuilder::build`](super::JwksBuilder::build) checks.
    #[must_use]
    pub const fn new(period: Duration, burst: u32) -> Self {
        Self { period, burst }
    }

    /// The time in which one fetch becomes possible again.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// How many fetches are possible at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }
}

impl FetchBudget {
    pub(super) fn check(&self, problems: &mut Problems) {
        if self.burst == 0 {
            problems.push("fetch_budget.burst", "is 0", "choose at least 1");
        }
        if self.period < Duration::from_secs(1) {
            problems.push("fetch_budget.period", "is below 1 s", "choose at least 1 s");
        }
        if self.period > JwksTimes::LONGEST {
            problems.push(
                "fetch_budget.period",
                "is above 366 days",
                "choose a shorter one",
            );
        }
    }
}

impl Default for FetchBudget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

// === impl Meter ===

impl Meter {
    pub(super) const fn new(budget: FetchBudget) -> Self {
        Self {
            budget,
            paid: Paid::Already,
        }
    }

    /// How long until a fetch is permitted; zero if it is now.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let Some(debt) = self.debt(now) else {
            return Duration::MAX;
        };
        let credit = self
            .budget
            .period
            .saturating_mul(self.budget.burst.saturating_sub(1));
        debt.saturating_sub(credit)
    }

    /// Spends one fetch.
    pub(super) fn spend(&mut self, now: Instant) {
        let paid = self
            .debt(now)
            .and_then(|debt| debt.checked_add(self.budget.period))
            .and_then(|debt| now.checked_add(debt));
        // What cannot be counted must not count as nothing.
        self.paid = paid.map_or(Paid::Never, Paid::At);
    }

    /// None if it will never be paid.
    fn debt(&self, now: Instant) -> Option<Duration> {
        match self.paid {
            Paid::At(paid) => Some(paid.saturating_duration_since(now)),
            Paid::Already => Some(Duration::ZERO),
            Paid::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn burst_then_one_in_each_period() {
        let start = Instant::now();
        let mut meter = Meter::new(FetchBudget::DEFAULT);
        for (at, wait) in [
            (0, 0),
            (0, 0),
            (0, 30),
            (10, 20),
            (29, 1),
            (30, 0),
            (30, 30),
            (91, 0),
        ] {
            let now = start + secs(at);
            assert_eq!(meter.wait(now), secs(wait), "at {at} s");
            if wait == 0 {
                meter.spend(now);
            }
        }
    }

    #[test]
    fn entra_has_no_burst() {
        let now = Instant::now();
        let mut meter = Meter::new(FetchBudget::ENTRA);
        meter.spend(now);
        assert_eq!(meter.wait(now), secs(300));
    }

    #[test]
    fn a_budget_beyond_all_time_is_spent_for_good() {
        for period in [Duration::MAX, Duration::MAX / 2, secs(u64::MAX / 4)] {
            for burst in [1, 3] {
                let now = Instant::now();
                let mut meter = Meter::new(FetchBudget::new(period, burst));
                for _ in 0..burst {
                    meter.spend(now);
                }
                assert!(!meter.wait(now).is_zero(), "{period:?} {burst}");
                assert!(!meter.wait(now + secs(1_000_000_000)).is_zero());
            }
        }
    }

    proptest! {
        // The oracle is the definition: count the grants in every window.
        #[test]
        fn no_window_has_more_than_burst_and_one_in_each_period(
            period in 1_u64..50, burst in 1_u32..5,
            steps in proptest::collection::vec(0_u64..30, 1..200),
        ) {
            let start = Instant::now();
            let mut meter = Meter::new(FetchBudget::new(secs(period), burst));
            let mut at = 0;
            let mut granted = Vec::new();
            for step in steps {
                at += step;
                let now = start + secs(at);
                let wait = meter.wait(now);
                if wait.is_zero() {
                    meter.spend(now);
                    granted.push(at);
                } else {
                    prop_assert!(meter.wait(now + wait).is_zero(), "the wait is enough");
                    prop_assert!(!meter.wait(now + wait - Duration::from_nanos(1)).is_zero());
                }
            }
            for (i, first) in granted.iter().enumerate() {
                for (j, last) in granted.iter().enumerate().skip(i) {
                    let most = u64::from(burst) + (last - first) / period;
                    prop_assert!((j - i + 1) as u64 <= most);
                }
            }
        }
    }
}
