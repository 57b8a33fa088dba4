//! Time, as a type parameter, so that tests own it.

use std::time::{Duration, Instant, SystemTime};

/// A source of monotonic and wall-clock time.
///
/// Monotonic time ([`now`](Clock::now)) measures waits, ages and freshness. Wall time
/// ([`wall`](Clock::wall)) is only for what another party wrote down as a date: `exp`, `nbf`, `iat`,
/// `Date`. Production code uses the zero-sized [`SystemClock`]; tests use `portcullis_testing::TestClock`.
///
/// A read costs about 23 ns, so a layer reads the clock once per request and hands the value on.
pub trait Clock: Clone + Send + Sync + 'static {
    /// The current monotonic instant.
    fn now(&self) -> Instant;

    /// The current wall-clock time.
    fn wall(&self) -> UnixTime;

    /// Monotonic time as a number of nanoseconds, counted from no moment in particular and modulo 2^64: the
    /// wrapping difference of two of them is a span. It says what [`now`](Clock::now) says, for who subtracts so
    /// often that the arithmetic of instants tells.
    #[inline]
    fn nanos(&self) -> u64 {
        nanos::of(self.now())
    }
}

/// The clock of the operating system.
///
/// On Linux wall time comes from the coarse clock: up to one tick (1 to 10 ms) old, at a quarter of the
/// price. The dates that it is compared with are whole seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[cfg(target_os = "linux")]
    #[inline]
    fn nanos(&self) -> u64 {
        use rustix::time::{ClockId, clock_gettime};
        // What an `Instant` is made of.
        let time = clock_gettime(ClockId::Monotonic);
        (time.tv_sec as u64)
            .wrapping_mul(1_000_000_000)
            .wrapping_add(time.tv_nsec as u64)
    }

    #[cfg(target_os = "linux")]
    #[inline]
    fn wall(&self) -> UnixTime {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::RealtimeCoarse);
        match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
            (Ok(seconds), Ok(nanos)) => UnixTime(Duration::new(seconds, nanos)),
            _ => UnixTime::EPOCH,
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[inline]
    fn wall(&self) -> UnixTime {
        SystemTime::now().into()
    }
}

/// The clock of the operating system at a quarter of the price, for ages that may be taken for a little too
/// long but never for too short.
///
/// On Linux monotonic time comes from the coarse clock: never behind [`SystemClock`], and up to two ticks
/// (of 1 to 10 ms) ahead of it. It does not count processor ticks. Wall time is that of [`SystemClock`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

impl Clock for CoarseClock {
    #[cfg(target_os = "linux")]
    #[inline]
    fn now(&self) -> Instant {
        coarse::now()
    }

    #[cfg(not(target_os = "linux"))]
    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn wall(&self) -> UnixTime {
        SystemClock.wall()
    }
}

mod nanos {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    /// What is zero.
    static ZERO: OnceLock<Instant> = OnceLock::new();

    pub(super) fn of(instant: Instant) -> u64 {
        let zero = *ZERO.get_or_init(Instant::now);
        let whole = |span: Duration| span.as_nanos() as u64;
        // A clock for tests may begin before somebody asks.
        match instant.checked_duration_since(zero) {
            Some(span) => whole(span),
            None => whole(zero.duration_since(instant)).wrapping_neg(),
        }
    }
}

#[cfg(target_os = "linux")]
mod coarse {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use rustix::time::{ClockId, clock_getres, clock_gettime};

    /// What is added to the coarse clock, as an instant: an `Instant` can be made from another only.
    static ZERO: OnceLock<(Instant, Duration)> = OnceLock::new();

    #[inline]
    pub(super) fn now() -> Instant {
        let (zero, since) = ZERO.get_or_init(zero);
        *zero + read().saturating_sub(*since)
    }

    /// An instant a tick ahead of the coarse clock, which is a tick behind at most.
    #[cold]
    fn zero() -> (Instant, Duration) {
        // In this order: so the instant is not before the reading.
        let since = read();
        let tick = span(clock_getres(ClockId::MonotonicCoarse));
        (Instant::now() + tick, since)
    }

    #[inline]
    fn read() -> Duration {
        span(clock_gettime(ClockId::MonotonicCoarse))
    }

    #[inline]
    fn span(time: rustix::time::Timespec) -> Duration {
        match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
            (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
            _ => Duration::ZERO,
        }
    }
}

/// A wall-clock time as the span since 1970-01-01T00:00:00Z.
///
/// All arithmetic saturates, so a hostile date can never wrap or panic. Times before 1970 are 1970.
///
/// ```
/// use portcullis_core::UnixTime;
/// use std::time::Duration;
///
/// let noon = UnixTime::from_secs(43_200);
/// assert_eq!(noon + Duration::from_secs(60), UnixTime::from_secs(43_260));
/// assert_eq!(UnixTime::from_secs(1) - Duration::from_secs(2), UnixTime::EPOCH);
/// assert_eq!(UnixTime::MAX + Duration::from_secs(1), UnixTime::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Duration);

// === impl UnixTime ===

impl UnixTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(Duration::ZERO);
    /// The latest time that can be expressed.
    pub const MAX: Self = Self(Duration::MAX);

    /// The time `seconds` after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The time `span` after the epoch.
    #[must_use]
    pub const fn from_duration(span: Duration) -> Self {
        Self(span)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// The span since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The span from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl std::ops::Sub<Duration> for UnixTime {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        Self(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_the_epoch_is_the_epoch() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(UnixTime::from(before), UnixTime::EPOCH);
    }

    #[test]
    fn the_system_clock_is_no_more_than_a_tick_behind() {
        let before = UnixTime::from(SystemTime::now());
        let wall = SystemClock.wall();
        let after = UnixTime::from(SystemTime::now());
        // One tick of the slowest kernel is 10 ms; ten of them for a machine that is busy.
        assert!(
            before.since(wall) < Duration::from_millis(100),
            "{before:?} {wall:?}"
        );
        assert!(wall <= after);
    }

    #[test]
    fn the_coarse_clock_is_never_behind_and_little_ahead() {
        for _ in 0..10_000 {
            let before = SystemClock.now();
            let coarse = CoarseClock.now();
            let after = SystemClock.now();
            assert!(coarse >= before, "{:?} behind", before - coarse);
            let ahead = coarse.saturating_duration_since(after);
            assert!(ahead < Duration::from_millis(50), "{ahead:?} ahead");
        }
    }

    #[test]
    fn nanoseconds_are_those_of_the_instants() {
        // The first is of before anybody asked for nanoseconds, and before what is zero.
        #[derive(Clone)]
        struct At(Instant);
        impl Clock for At {
            fn now(&self) -> Instant {
                self.0
            }
            fn wall(&self) -> UnixTime {
                UnixTime::EPOCH
            }
        }
        let now = Instant::now();
        let at = |nanos| At(now + Duration::from_nanos(nanos)).nanos();
        for nanos in [0, 1, 999_999_999, 1_000_000_000, 86_400_000_000_001] {
            assert_eq!(at(nanos).wrapping_sub(at(0)), nanos);
        }
        let before = SystemClock.now();
        let first = SystemClock.nanos();
        std::hint::black_box((0..1000).sum::<u64>());
        let span = Duration::from_nanos(SystemClock.nanos().wrapping_sub(first));
        assert!(span <= SystemClock.now() - before, "{span:?}");
    }

    #[test]
    fn since_is_zero_for_a_later_time() {
        assert_eq!(
            UnixTime::from_secs(1).since(UnixTime::from_secs(2)),
            Duration::ZERO
        );
        assert_eq!(
            UnixTime::from_secs(5).since(UnixTime::from_secs(2)),
            Duration::from_secs(3)
        );
    }
}
