//! Time that only the test moves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_core::{Clock, UnixTime};

/// A clock that stands still until the test moves it.
///
/// It starts at [`TestClock::START`], a date far enough from today that a test which mixes it with the
/// clock of the operating system fails at once. Clones share the time.
///
/// | call | monotonic time | wall time | tokio's clock |
/// |---|---|---|---|
/// | [`advance(d).await`](Self::advance) | + d | + d | + d, timers fire |
/// | [`advance_sync(d)`](Self::advance_sync) | + d | + d | – |
/// | [`advance_wall_only(d)`](Self::advance_wall_only) | – | + d | – |
/// | [`jump_wall(t)`](Self::jump_wall) | – | = t, back or forth | – |
///
/// A paused tokio runtime moves its clock by itself when every task waits. A clock of
/// [`following_tokio`](Self::following_tokio) goes along with that.
///
/// ```
/// use portcullis_core::Clock;
/// use portcullis_testing::TestClock;
/// use std::time::Duration;
///
/// let clock = TestClock::new();
/// let same = clock.clone();
/// let before = clock.now();
/// same.advance_sync(Duration::from_secs(90));
/// assert_eq!(clock.now() - before, Duration::from_secs(90));
/// assert_eq!(clock.wall(), TestClock::START + Duration::from_secs(90));
/// ```
#[derive(Clone, Debug)]
pub struct TestClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    base: Instant,
    follows_tokio: bool,
    hands: Mutex<Hands>,
}

/// How far the test moved the clock, beside what tokio's clock did.
#[derive(Clone, Copy, Debug)]
struct Hands {
    elapsed: Duration,
    /// What wall time was last set to, and when: (wall time, elapsed time).
    wall_set: (UnixTime, Duration),
}

// === impl TestClock ===

impl TestClock {
    /// Where every clock starts: 2030-01-01T00:00:00Z.
    pub const START: UnixTime = UnixTime::from_secs(1_893_456_000);

    /// A clock at [`START`](Self::START) that stands still.
    #[must_use]
    pub fn new() -> Self {
        Self::build(false)
    }

    /// A clock at [`START`](Self::START) that goes along with tokio's clock, however that moves.
    ///
    /// For a paused runtime: there a task that sleeps moves the time by itself. In a runtime that is
    /// not paused this clock runs as the operating system's does.
    #[must_use]
    pub fn following_tokio() -> Self {
        Self::build(true)
    }

    fn build(follows_tokio: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                // Tokio's instant where a runtime is paused, so that both can be compared.
                base: tokio::time::Instant::now().into_std(),
                follows_tokio,
                hands: Mutex::new(Hands {
                    elapsed: Duration::ZERO,
                    wall_set: (Self::START, Duration::ZERO),
                }),
            }),
        }
    }

    /// Moves this clock and tokio's paused clock by `span`, then lets tasks whose timers fired run.
    ///
    /// Timers within `span` fire together, at its end. Steps in between are further calls.
    ///
    /// # Panics
    /// If the runtime is not paused; [`advance_sync`](Self::advance_sync) needs none.
    pub async fn advance(&self, span: Duration) {
        if !self.shared.follows_tokio {
            self.hands().elapsed += span;
        }
        tokio::time::advance(span).await;
    }

    /// Moves this clock by `span`, monotonic and wall time, and nothing else.
    pub fn advance_sync(&self, span: Duration) {
        self.hands().elapsed += span;
    }

    /// Moves wall time by `span`, as the correction of a slow clock does.
    pub fn advance_wall_only(&self, span: Duration) {
        self.jump_wall(self.wall() + span);
    }

    /// Sets wall time to `time`, earlier or later. Monotonic time does not notice.
    pub fn jump_wall(&self, time: UnixTime) {
        let elapsed = self.elapsed();
        self.hands().wall_set = (time, elapsed);
    }

    /// How far monotonic time is from the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now() - self.shared.base
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.shared
            .hands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        let shared = &self.shared;
        let base = if shared.follows_tokio {
            tokio::time::Instant::now().into_std()
        } else {
            shared.base
        };
        base + self.hands().elapsed
    }

    fn wall(&self) -> UnixTime {
        let elapsed = self.elapsed();
        let (wall, at) = self.hands().wall_set;
        wall + elapsed.saturating_sub(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn it_stands_still_and_clones_share_it() {
        let clock = TestClock::new();
        let before = (clock.now(), clock.wall());
        std::thread::yield_now();
        assert_eq!((clock.now(), clock.wall()), before);
        clock.clone().advance_sync(MINUTE);
        assert_eq!(clock.now() - before.0, MINUTE);
        assert_eq!(clock.wall(), TestClock::START + MINUTE);
    }

    #[test]
    fn wall_time_jumps_back_and_forth_while_monotonic_time_stands() {
        let clock = TestClock::new();
        clock.advance_sync(MINUTE);
        let before = clock.now();
        clock.jump_wall(UnixTime::from_secs(10));
        assert_eq!(clock.wall(), UnixTime::from_secs(10));
        clock.advance_wall_only(MINUTE);
        assert_eq!(clock.wall(), UnixTime::from_secs(70));
        clock.jump_wall(TestClock::START);
        assert_eq!(clock.wall(), TestClock::START);
        assert_eq!(clock.now(), before);
        clock.advance_sync(MINUTE);
        assert_eq!(clock.wall(), TestClock::START + MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn advance_moves_tokio_as_far_and_fires_its_timers() {
        let clock = TestClock::new();
        let tokio_before = tokio::time::Instant::now();
        let seen_by_task = tokio::spawn({
            let clock = clock.clone();
            async move {
                tokio::time::sleep(MINUTE).await;
                clock.elapsed()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(MINUTE + Duration::from_millis(1)).await;
        assert_eq!(
            seen_by_task.await.unwrap(),
            MINUTE + Duration::from_millis(1)
        );
        assert_eq!(tokio_before.elapsed(), clock.elapsed());
        assert_eq!(clock.now(), tokio::time::Instant::now().into_std());
    }

    #[tokio::test(start_paused = true)]
    async fn a_following_clock_goes_along_when_tokio_skips_a_sleep() {
        let following = TestClock::following_tokio();
        let still = TestClock::new();
        tokio::time::sleep(MINUTE).await;
        assert!(following.elapsed() >= MINUTE);
        assert!(following.wall() >= TestClock::START + MINUTE);
        assert_eq!(still.elapsed(), Duration::ZERO);
        following.advance(MINUTE).await;
        assert!(following.elapsed() >= 2 * MINUTE);
        assert!(following.elapsed() < 3 * MINUTE);
    }

    #[tokio::test]
    async fn advance_sync_needs_no_paused_runtime() {
        let clock = TestClock::new();
        clock.advance_sync(MINUTE);
        assert_eq!(clock.elapsed(), MINUTE);
    }
}
