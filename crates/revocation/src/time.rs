//! Clocks, kept apart by type: that of the log's server, and the two of this node.

use std::fmt;
use std::time::{Duration, Instant};

use portcullis_core::{Clock, UnixTime};

/// A time by the clock of the log's server, in milliseconds since 1970.
///
/// All arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTime(u64);

/// The order of changes in a log, across failovers and flushes: microseconds by the clock of the log's
/// server, and always more than any stamp before.
///
/// A log gives the stamp `max(now, last stamp + 1, floor + 1)`, where the floor is the highest stamp that
/// whoever asks has seen. So a server that took over with a clock behind goes on where the nodes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

/// An instant by both clocks of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The monotonic instant. Not by a clock that counts processor ticks: those of two cores may differ.
    pub at: Instant,
    /// The wall-clock time.
    pub wall: UnixTime,
}

// === impl ServerTime ===

impl ServerTime {
    /// The epoch.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// What a wall clock that agrees with the server shows.
    #[must_use]
    pub fn from_unix(time: UnixTime) -> Self {
        Self(millis(time.since_epoch()))
    }

    /// The span since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for ServerTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl std::ops::Sub<Duration> for ServerTime {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

// === impl Stamp ===

impl Stamp {
    /// The highest stamp that is believed: 2^53 - 1, the year 2255, the last whole number that every
    /// store and script can count to.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// So many microseconds since 1970, at most [`MAX`](Self::MAX).
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The stamp after this one, not before `now`.
    #[must_use]
    pub const fn next(self, now: Self) -> Self {
        if now.0 > self.0 {
            now
        } else {
            Self::from_micros(self.0.saturating_add(1))
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

// === impl Moment ===

impl Moment {
    /// This moment, by `clock`.
    pub fn of(clock: &impl Clock) -> Self {
        Self {
            at: clock.now(),
            wall: clock.wall(),
        }
    }
}

/// Whole milliseconds, as many as fit.
#[inline]
pub(crate) fn millis(span: Duration) -> u64 {
    let whole = span.as_secs().saturating_mul(1_000);
    whole.saturating_add(u64::from(span.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_always_grow_and_follow_the_clock_when_it_is_ahead() {
        let last = Stamp::from_micros(100);
        assert_eq!(last.next(Stamp::from_micros(500)), Stamp::from_micros(500));
        assert_eq!(last.next(Stamp::from_micros(100)), Stamp::from_micros(101));
        assert_eq!(last.next(Stamp::from_micros(1)), Stamp::from_micros(101));
        assert_eq!(Stamp::from_micros(u64::MAX), Stamp::MAX);
        assert_eq!(Stamp::MAX.next(Stamp::MAX), Stamp::MAX);
    }

    #[test]
    fn server_time_neither_wraps_nor_goes_below_zero() {
        let end = ServerTime::from_millis(u64::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(ServerTime::ZERO - Duration::MAX, ServerTime::ZERO);
        assert_eq!(ServerTime::from_unix(UnixTime::MAX), end);
        assert_eq!(ServerTime::ZERO.since(end), Duration::ZERO);
    }
}
