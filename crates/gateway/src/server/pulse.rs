//! What a connection is doing, and since when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What a connection is doing, and since when: what its task needs to know to end it in time.
///
/// Noted by whatever touches the connection, without a lock; no timer is moved for it.
///
/// | state | since | ends after |
/// |---|---|---|
/// | the first request, or one whose first byte came, is being read | that byte | `header_timeout` |
/// | nothing is asked | the last byte of the last answer | `idle_timeout` |
/// | requests are open | | never by itself: what is open has bounds of its own |
///
/// Bytes say something over HTTP/1 only. HTTP/2 has frames that ask for nothing: there, requests count.
#[derive(Debug)]
pub(super) struct Pulse {
    born: Instant,
    by_bytes: bool,
    open: AtomicUsize,
    reading: AtomicBool,
    since_ms: AtomicU64,
    left: AtomicUsize,
    abandoned: AtomicBool,
}

/// What ends a connection that goes on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Requests are open.
    No,
    /// The head of a request, or the first sign of life, is waited for since then.
    Head(Instant),
    /// Nothing is asked since then.
    Idle(Instant),
}

/// A request that is open: until its answer is sent and its body is read, or neither will be.
#[derive(Debug)]
pub(super) struct Open {
    pulse: Arc<Pulse>,
}

/// A request without an answer yet. Dropped, it was given up by the client.
#[derive(Debug)]
pub(super) struct Unanswered {
    pulse: Option<Arc<Pulse>>,
    since: Instant,
}

/// How many requests of a connection may be given up [at once](AT_ONCE) beyond those that were answered.
///
/// Opening and resetting streams costs a client two frames, and the gateway a request to the upstream
/// (CVE-2023-44487). Nobody else gives up so many for so few.
const MOST_LEFT: usize = 100;

/// A request that was given up later took its place among those that may be open at a time.
const AT_ONCE: Duration = Duration::from_secs(1);

// === impl Pulse ===

impl Pulse {
    /// A connection that begins now.
    pub(super) fn new(http2: bool) -> Self {
        Self {
            born: Instant::now(),
            by_bytes: !http2,
            open: AtomicUsize::new(0),
            reading: AtomicBool::new(true),
            since_ms: AtomicU64::new(0),
            left: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Notes a request.
    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open {
            pulse: Arc::clone(self),
        }
    }

    /// Notes a request that waits for its answer.
    pub(super) fn unanswered(self: &Arc<Self>) -> Unanswered {
        Unanswered {
            pulse: Some(Arc::clone(self)),
            since: Instant::now(),
        }
    }

    /// Notes that bytes came.
    pub(super) fn read(&self) {
        if self.by_bytes && self.is_quiet() && !self.reading.load(Ordering::Relaxed) {
            self.now();
            self.reading.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that bytes went.
    pub(super) fn wrote(&self) {
        if self.by_bytes && self.is_quiet() && !self.reading.load(Ordering::Relaxed) {
            self.now();
        }
    }

    pub(super) fn quiet(&self) -> Quiet {
        if !self.is_quiet() {
            return Quiet::No;
        }
        let since = self.born + Duration::from_millis(self.since_ms.load(Ordering::Relaxed));
        if self.reading.load(Ordering::Relaxed) {
            Quiet::Head(since)
        } else {
            Quiet::Idle(since)
        }
    }

    /// Whether the client gave up more requests than anybody needs to.
    pub(super) fn is_flooded(&self) -> bool {
        self.left.load(Ordering::Relaxed) > MOST_LEFT
    }

    /// Whether the client may be sending what nobody reads.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn is_quiet(&self) -> bool {
        // What was noted before the last request ended is seen.
        self.open.load(Ordering::Acquire) == 0
    }

    fn now(&self) {
        let since = self.born.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.since_ms.store(since, Ordering::Relaxed);
    }
}

// === impl Open ===

impl Open {
    /// Notes that the client gave up a request that it made at `since`, before it was complete.
    pub(super) fn gave_up(&self, since: Instant) {
        if since.elapsed() < AT_ONCE {
            // Whoever waited for the rest answers now, which makes up for one.
            self.pulse.left.fetch_add(2, Ordering::Relaxed);
        }
    }

    /// Notes that nobody will read what is left of the request.
    pub(super) fn abandon(&self) {
        self.pulse.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Clone for Open {
    fn clone(&self) -> Self {
        self.pulse.open()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Before the request is gone: a connection is never seen idle since the request before.
        self.pulse.reading.store(false, Ordering::Relaxed);
        self.pulse.now();
        self.pulse.open.fetch_sub(1, Ordering::Release);
    }
}

// === impl Unanswered ===

impl Unanswered {
    /// The answer is there.
    pub(super) fn answered(mut self) {
        let pulse = self.pulse.take();
        let Some(pulse) = pulse else { return };
        // An answer makes up for one that was given up.
        let less = |left: usize| left.checked_sub(1);
        let _ = pulse
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(pulse) = &self.pulse
            && self.since.elapsed() < AT_ONCE
        {
            pulse.left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_to_say_something() {
        let pulse = Pulse::new(false);
        let born = Instant::now();
        advance(SECOND).await;
        pulse.read();
        assert_eq!(pulse.quiet(), Quiet::Head(born), "a byte is not a head");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answered_connection_is_idle_since_the_last_byte() {
        let pulse = Arc::new(Pulse::new(false));
        let open = pulse.open();
        let body = open.clone();
        drop(open);
        assert_eq!(pulse.quiet(), Quiet::No, "its body is still being sent");
        advance(SECOND).await;
        drop(body);
        assert_eq!(pulse.quiet(), Quiet::Idle(Instant::now()));
        advance(SECOND).await;
        pulse.wrote();
        assert_eq!(pulse.quiet(), Quiet::Idle(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_of_the_next_request_begins_its_head() {
        let pulse = Arc::new(Pulse::new(false));
        drop(pulse.open());
        advance(SECOND).await;
        pulse.read();
        let begun = Instant::now();
        advance(SECOND).await;
        pulse.read();
        pulse.wrote();
        assert_eq!(pulse.quiet(), Quiet::Head(begun), "later bytes win no time");
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http2_are_no_requests() {
        let pulse = Arc::new(Pulse::new(true));
        drop(pulse.open());
        let idle = Instant::now();
        advance(SECOND).await;
        pulse.read();
        pulse.wrote();
        assert_eq!(pulse.quiet(), Quiet::Idle(idle));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_are_given_up_are_weighed_against_those_that_are_not() {
        let pulse = Arc::new(Pulse::new(true));
        for _ in 0..=MOST_LEFT {
            let patient = pulse.unanswered();
            advance(AT_ONCE).await;
            drop(patient);
        }
        assert!(!pulse.is_flooded(), "nobody hurried");
        for _ in 0..10_000 {
            drop(pulse.unanswered());
            pulse.unanswered().answered();
        }
        assert!(!pulse.is_flooded(), "every other one");
        for _ in 0..=MOST_LEFT {
            assert!(!pulse.is_flooded());
            drop(pulse.unanswered());
        }
        assert!(pulse.is_flooded());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_half_way_is_no_better_for_its_answer() {
        let pulse = Arc::new(Pulse::new(true));
        for _ in 0..=MOST_LEFT {
            assert!(!pulse.is_flooded());
            let (open, unanswered) = (pulse.open(), pulse.unanswered());
            open.gave_up(Instant::now());
            unanswered.answered();
        }
        assert!(pulse.is_flooded());
    }
}
