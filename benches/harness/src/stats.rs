//! The two figures that are trusted on a shared machine.

/// The least of `samples`: what the work costs when nobody disturbs it.
///
/// Infinity if there are none.
#[must_use]
pub fn minimum(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The middle of `samples`, or the mean of the two in the middle.
///
/// Not a number if there are none.
#[must_use]
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), 3.0);
    }

    #[test]
    fn minimum_is_the_least() {
        assert_eq!(minimum(&[3.0, 2.0, 7.0]), 2.0);
    }

    #[test]
    fn no_samples_have_no_figures() {
        assert!(median(&[]).is_nan() && minimum(&[]).is_infinite());
    }
}
