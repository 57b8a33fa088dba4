//! What a circuit was built with.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Backoff, Observer};

use super::name::Name;

/// What a window spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last so many calls: 1 to 16 383.
    Count(u32),
    /// The calls of the last so much time: 10 ms to a day. At most a sixteenth of it is cut off.
    Time(Duration),
}

/// What counts when a call is given up before its outcome is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancelled {
    /// Nothing: callers give up for reasons of their own. If slow calls are counted and it was under way for longer
    /// than their threshold, it was a slow one.
    #[default]
    Ignored,
    /// A failure, if it was under way for longer than this: for a circuit inside a deadline that drops the call.
    FailedAfter(Duration),
}

/// A share in millionths, above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(u32);

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) window: Window,
    /// Never more than a count window holds.
    pub(crate) minimum_calls: u64,
    pub(crate) failure_rate: Option<Rate>,
    pub(crate) slow: Option<Slow>,
    pub(crate) consecutive: Option<u64>,
    pub(crate) cancelled: Cancelled,
    pub(crate) open: Backoff,
    pub(crate) probes: u8,
    pub(crate) probe_wait_millis: u64,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    pub(crate) above: Duration,
    pub(crate) rate: Rate,
}

// === impl Rate ===

impl Rate {
    /// A share above zero and at most one.
    pub(crate) fn new(share: f64) -> Option<Self> {
        // NaN is in no range.
        let fits = share > 0.0 && share <= 1.0;
        let millionths = (share * 1e6).round() as u32;
        fits.then_some(Self(millionths.max(1)))
    }

    /// Whether `part` of `whole` is at least this share.
    #[inline]
    pub(crate) const fn is_reached(self, part: u64, whole: u64) -> bool {
        part.saturating_mul(1_000_000) >= whole.saturating_mul(self.0 as u64) && part > 0
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_exactly_at_its_limit() {
        for (share, part, whole, reached) in [
            (0.5, 1, 2, true),
            (0.5, 49, 100, false),
            (0.5, 50, 100, true),
            (1.0, 99, 100, false),
            (1.0, 100, 100, true),
            (1.0 / 3.0, 1, 3, true),
            (2.0 / 3.0, 2, 3, false), // rounded up: 0.666667 of three is more than two
            (1e-9, 0, 100, false),
            (1e-9, 1, 100, true),
            (1e-9, 1, 10_000_000, false),
            (0.5, 0, 0, false),
        ] {
            let rate = Rate::new(share).unwrap();
            assert_eq!(
                rate.is_reached(part, whole),
                reached,
                "{part}/{whole} of {share}"
            );
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for share in [
            0.0,
            -0.1,
            1.000_001,
            50.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(Rate::new(share), None, "{share}");
        }
    }
}
