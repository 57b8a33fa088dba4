//! Durations drawn by chance.

use std::time::Duration;

use fastrand::Rng;

const NANOS_PER_SEC: u128 = 1_000_000_000;

/// A duration in `0..=max`, every nanosecond equally likely.
pub(crate) fn up_to(max: Duration, rng: &mut Rng) -> Duration {
    let nanos = max.as_nanos();
    // 64 bits are 584 years; only what is longer pays for wide arithmetic.
    match u64::try_from(nanos) {
        Ok(nanos) => Duration::from_nanos(rng.u64(..=nanos)),
        Err(_) => from_nanos(rng.u128(..=nanos)),
    }
}

/// `percent` hundredths of `whole`, rounded down; more than a hundred counts as a hundred.
pub(crate) fn percent_of(whole: Duration, percent: u8) -> Duration {
    from_nanos(whole.as_nanos() * u128::from(percent.min(100)) / 100)
}

/// The duration of `nanos` nanoseconds, or the longest there is.
fn from_nanos(nanos: u128) -> Duration {
    let below_a_second = (nanos % NANOS_PER_SEC) as u32;
    u64::try_from(nanos / NANOS_PER_SEC)
        .map_or(Duration::MAX, |secs| Duration::new(secs, below_a_second))
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ends_are_drawn() {
        let mut rng = Rng::with_seed(3);
        let max = Duration::from_nanos(3);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[up_to(max, &mut rng).as_nanos() as usize] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!(up_to(Duration::ZERO, &mut rng), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_duration_survives_nanoseconds(d: Duration) {
            prop_assert_eq!(from_nanos(d.as_nanos()), d);
            prop_assert_eq!(percent_of(d, 100), d);
            prop_assert_eq!(percent_of(d, 255), d);
            prop_assert_eq!(percent_of(d, 0), Duration::ZERO);
        }

        #[test]
        fn a_draw_never_exceeds_its_maximum(max: Duration, seed: u64) {
            prop_assert!(up_to(max, &mut Rng::with_seed(seed)) <= max);
        }
    }
}
