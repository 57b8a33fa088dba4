//! Lifetimes of what is cached, and when to renew it.

use std::time::Duration;

use fastrand::Rng;

use crate::random::{percent_of, up_to};

/// A lifetime from which chance may take a share away, never add to it.
///
/// Entries that were made together and live equally long also die together, and everybody fetches
/// at once. Jitter spreads that. It is *subtractive*: a cached verdict must not outlive the token
/// it is about, so the lifetime is a bound and jitter keeps below it.
///
/// | lifetime, jitter | what [`jittered`](Ttl::jittered) gives |
/// |---|---|
/// | 300 s, 0 % (the default) | 300 s |
/// | 300 s, 10 % | 270 s ..= 300 s |
/// | 300 s, 25 % | 225 s ..= 300 s |
/// | 300 s, 100 % or more | 0 s ..= 300 s |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use portcullis_core::Ttl;
///
/// let verdicts = Ttl::new(Duration::from_secs(300)).with_jitter(10);
/// let mut rng = fastrand::Rng::with_seed(1);
///
/// let ttl = verdicts.jittered(&mut rng);
/// assert!(ttl >= Duration::from_secs(270) && ttl <= Duration::from_secs(300));
///
/// // The token is good for 20 s more: so is the verdict, at most.
/// let left = Duration::from_secs(20);
/// assert!(verdicts.jittered_within(left, &mut rng) <= left);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    full: Duration,
    jitter_percent: u8,
}

/// When to renew something that expires: well before, and not at the same moment as everybody.
///
/// At 80 % of the lifetime ± 10 % unless changed: the *lead* before expiry is drawn from 10 % to
/// 30 % of the lifetime. Where that would be longer than [the longest lead](RefreshAhead::with_max_lead)
/// allows, the whole range shrinks to fit, so that long-lived things spread too.
///
/// | lifetime | longest lead | lead drawn from |
/// |---|---|---|
/// | 15 min | none | 90 s ..= 270 s |
/// | 15 min | 300 s | 90 s ..= 270 s |
/// | 1 h | none | 360 s ..= 1080 s |
/// | 1 h | 300 s | 100 s ..= 300 s |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use portcullis_core::RefreshAhead;
///
/// let tokens = RefreshAhead::new().with_max_lead(Duration::from_secs(300));
/// let wait = tokens.after(Duration::from_secs(3600), &mut fastrand::Rng::with_seed(1));
/// assert!(wait >= Duration::from_secs(3300) && wait <= Duration::from_secs(3500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshAhead {
    at_percent: u8,
    spread_percent: u8,
    max_lead: Duration,
}

// === impl Ttl ===

impl Ttl {
    /// A lifetime without jitter.
    #[must_use]
    pub const fn new(full: Duration) -> Self {
        Self {
            full,
            jitter_percent: 0,
        }
    }

    /// Lets chance take up to `percent` hundredths away; more than 100 counts as 100.
    #[must_use]
    pub const fn with_jitter(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent > 100 { 100 } else { percent };
        self
    }

    /// The lifetime before jitter.
    #[must_use]
    pub const fn full(&self) -> Duration {
        self.full
    }

    /// A lifetime drawn from the full one less its jitter, up to the full one.
    #[must_use]
    pub fn jittered(&self, rng: &mut Rng) -> Duration {
        let share = percent_of(self.full, self.jitter_percent);
        self.full - up_to(share, rng)
    }

    /// A lifetime as from [`jittered`](Ttl::jittered) that is at most `remaining`.
    #[must_use]
    pub fn jittered_within(&self, remaining: Duration, rng: &mut Rng) -> Duration {
        self.jittered(rng).min(remaining)
    }
}

// === impl RefreshAhead ===

impl RefreshAhead {
    /// At 80 % of the lifetime ± 10 %, with no longest lead.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            at_percent: 80,
            spread_percent: 10,
            max_lead: Duration::MAX,
        }
    }

    /// Aims at another share of the lifetime, `at` ± `spread` hundredths of it.
    ///
    /// What falls outside the lifetime counts as its beginning or its end.
    #[must_use]
    pub const fn with_percent(mut self, at: u8, spread: u8) -> Self {
        self.at_percent = at;
        self.spread_percent = spread;
        self
    }

    /// Renews at most this long before expiry, however long the lifetime.
    #[must_use]
    pub const fn with_max_lead(mut self, max_lead: Duration) -> Self {
        self.max_lead = max_lead;
        self
    }

    /// How long after the beginning of `lifetime` to renew; never beyond its end.
    #[must_use]
    pub fn after(&self, lifetime: Duration, rng: &mut Rng) -> Duration {
        let latest = self.at_percent.saturating_add(self.spread_percent);
        let earliest = self.at_percent.saturating_sub(self.spread_percent);
        let mut shortest = lifetime - percent_of(lifetime, latest);
        let mut longest = lifetime - percent_of(lifetime, earliest);
        if longest > self.max_lead {
            let shrink = self.max_lead.div_duration_f64(longest);
            // Only lifetimes near the longest duration there is can round out of range.
            shortest = Duration::try_from_secs_f64(shortest.as_secs_f64() * shrink)
                .map_or(self.max_lead, |lead| lead.min(self.max_lead));
            longest = self.max_lead;
        }
        let lead = shortest + up_to(longest - shortest, rng);
        lifetime - lead
    }
}

impl Default for RefreshAhead {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// The least and the greatest of many draws.
    fn extremes(mut draw: impl FnMut(&mut Rng) -> Duration) -> (Duration, Duration) {
        let mut rng = Rng::with_seed(11);
        let mut seen = (Duration::MAX, Duration::ZERO);
        for _ in 0..5_000 {
            let drawn = draw(&mut rng);
            seen = (seen.0.min(drawn), seen.1.max(drawn));
        }
        seen
    }

    /// Asserts that the draws stay in the range and come within a hundredth of both its ends.
    fn assert_fills(seen: (Duration, Duration), low: Duration, high: Duration) {
        assert!(seen.0 >= low && seen.1 <= high, "{seen:?}");
        let near = (high - low) / 100;
        assert!(seen.0 <= low + near && seen.1 >= high - near, "{seen:?}");
    }

    #[test]
    fn jitter_takes_away_what_the_table_says() {
        for (percent, low) in [(0, 300), (10, 270), (25, 225), (100, 0), (255, 0)] {
            let ttl = Ttl::new(secs(300)).with_jitter(percent);
            assert_fills(extremes(|rng| ttl.jittered(rng)), secs(low), secs(300));
        }
    }

    #[test]
    fn remaining_time_bounds_the_lifetime() {
        let ttl = Ttl::new(secs(300)).with_jitter(10);
        let mut rng = Rng::with_seed(1);
        assert_eq!(ttl.jittered_within(secs(20), &mut rng), secs(20));
        assert_eq!(
            ttl.jittered_within(Duration::ZERO, &mut rng),
            Duration::ZERO
        );
        assert!(ttl.jittered_within(Duration::MAX, &mut rng) <= secs(300));
    }

    #[test]
    fn leads_are_those_of_the_table() {
        for (life, max_lead, shortest, longest) in [
            (900, None, 90, 270),
            (900, Some(300), 90, 270),
            (3600, None, 360, 1080),
            (3600, Some(300), 100, 300),
        ] {
            let mut ahead = RefreshAhead::new();
            if let Some(max_lead) = max_lead {
                ahead = ahead.with_max_lead(secs(max_lead));
            }
            assert_fills(
                extremes(|rng| ahead.after(secs(life), rng)),
                secs(life - longest),
                secs(life - shortest),
            );
        }
    }

    #[test]
    fn shares_outside_the_lifetime_are_its_ends() {
        let mut rng = Rng::with_seed(1);
        let late = RefreshAhead::new().with_percent(255, 0);
        assert_eq!(late.after(secs(100), &mut rng), secs(100));
        let early = RefreshAhead::new().with_percent(0, 0);
        assert_eq!(early.after(secs(100), &mut rng), Duration::ZERO);
        let no_lead = RefreshAhead::new().with_max_lead(Duration::ZERO);
        assert_eq!(no_lead.after(secs(100), &mut rng), secs(100));
    }

    proptest! {
        #[test]
        fn jittered_is_never_longer_nor_shorter_than_stated(
            full: Duration, percent: u8, remaining: Duration, seed: u64,
        ) {
            let ttl = Ttl::new(full).with_jitter(percent);
            let drawn = ttl.jittered(&mut Rng::with_seed(seed));
            prop_assert!(drawn <= full);
            let kept = u128::from(100 - percent.min(100));
            prop_assert!(drawn.as_nanos() >= full.as_nanos() * kept / 100);
            let within = ttl.jittered_within(remaining, &mut Rng::with_seed(seed));
            prop_assert_eq!(within, drawn.min(remaining));
        }

        #[test]
        fn refresh_is_within_the_lifetime_and_the_longest_lead(
            life: Duration, at: u8, spread: u8, max_lead: Duration, seed: u64,
        ) {
            let ahead = RefreshAhead::new().with_percent(at, spread).with_max_lead(max_lead);
            let after = ahead.after(life, &mut Rng::with_seed(seed));
            prop_assert!(after <= life);
            prop_assert!(life - after <= max_lead);
        }
    }
}
