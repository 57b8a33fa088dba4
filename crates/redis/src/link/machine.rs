//! When to connect, and whether a call may be tried. No I/O, no timers.

use std::time::{Duration, Instant};

use portcullis_core::{Backoff, Delays, Jitter};

use super::error::{Cause, LinkError};
use super::health::LinkHealth;

/// When to connect, and whether a call may be tried.
///
/// | connection | calls | a new one is made | ends when |
/// |---|---|---|---|
/// | none | fail at once | at once, then with growing waits | it has shaken hands |
/// | good | are tried | no | three calls in a row time out; it is lost; the server turns out to be a replica |
/// | silent | fail at once, while one probe is under way | beside it, as above | the probe is answered, or the new one has shaken hands |
/// | too old | are tried | beside it, as above | the new one has shaken hands |
#[derive(Debug)]
pub(crate) struct Machine {
    rules: Rules,
    current: Option<Current>,
    connecting: bool,
    /// Not before then.
    next: Instant,
    last_attempt: Option<Instant>,
    waits: Delays,
    /// Since when it is as it is.
    since: Instant,
    cause: Cause,
    last_error: Option<Box<str>>,
    connections: u64,
}

/// What a machine goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) reconnect_cap: Duration,
    pub(crate) max_age: Duration,
}

/// The connection that calls are tried on.
#[derive(Debug)]
struct Current {
    number: u64,
    since: Instant,
    /// When another is to take its place.
    replace: Instant,
    /// How many calls in a row timed out.
    timeouts: u32,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Connect, and tell how it went.
    Connect,
    /// Nothing before then, unless something happens.
    Until(Option<Instant>),
}

/// So many timeouts in a row make a connection a silent one.
pub(crate) const SILENT_AFTER: u32 = 3;
/// The wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// A connection that ended sooner counts as a failure.
const STABLE: Duration = Duration::from_secs(1);
/// Whoever asks for an attempt gets one this often.
const WAKE_GAP: Duration = Duration::from_millis(250);

// === impl Machine ===

impl Machine {
    pub(crate) fn new(rules: Rules, now: Instant) -> Self {
        let backoff = Backoff::exponential(FIRST_WAIT, rules.reconnect_cap);
        Self {
            rules,
            current: None,
            connecting: false,
            next: now,
            last_attempt: None,
            waits: backoff.with_jitter(Jitter::Equal).delays(),
            since: now,
            cause: Cause::Starting,
            last_error: None,
            connections: 0,
        }
    }

    /// Whether a call may be tried on the current connection.
    pub(crate) fn admit(&self) -> Result<(), LinkError> {
        match &self.current {
            Some(current) if current.is_silent() => Err(LinkError::Silent),
            Some(_) => Ok(()),
            None => Err(LinkError::Down(self.cause.clone())),
        }
    }

    /// The connection that does not answer, if it does not: it is to be probed.
    pub(crate) fn silent(&self) -> Option<u64> {
        let silent = self.current.as_ref().filter(|current| current.is_silent());
        silent.map(|current| current.number)
    }

    pub(crate) fn step(&mut self, now: Instant) -> Step {
        if self.connecting {
            return Step::Until(None);
        }
        let from = match &self.current {
            Some(current) if !current.is_silent() => self.next.max(current.replace),
            _ => self.next,
        };
        if now < from {
            return Step::Until(Some(from));
        }
        self.connecting = true;
        self.last_attempt = Some(now);
        Step::Connect
    }

    /// Asks for an attempt, if one is due and the last was not just now. Tells whether there will be one.
    pub(crate) fn wake(&mut self, now: Instant) -> bool {
        let needed = self.current.as_ref().is_none_or(Current::is_silent);
        let rested = self.last_attempt.is_none_or(|last| now >= last + WAKE_GAP);
        let wakes = needed && rested && !self.connecting && self.next > now;
        if wakes {
            self.next = now;
        }
        wakes
    }

    /// A connection has shaken hands, and takes the place of the last. Gives its number.
    pub(crate) fn connected(&mut self, now: Instant) -> u64 {
        self.connecting = false;
        self.connections += 1;
        // Nodes that connected together do not come back together.
        let age = self.rules.max_age.mul_f64(0.75 + 0.25 * fastrand::f64());
        if self.current.as_ref().is_none_or(Current::is_silent) {
            self.since = now;
        } else {
            self.waits.reset();
        }
        self.next = now;
        self.current = Some(Current {
            number: self.connections,
            since: now,
            replace: now + age,
            timeouts: 0,
        });
        self.connections
    }

    /// An attempt to connect failed. Tells whether for another cause than the last.
    pub(crate) fn failed(&mut self, now: Instant, cause: Cause) -> bool {
        self.connecting = false;
        self.next = now + self.waits.next_delay();
        self.last_error = Some(cause.to_string().into());
        std::mem::replace(&mut self.cause, cause.clone()) != cause
    }

    /// Something was answered, be it an error. Tells whether the connection was silent before.
    pub(crate) fn answered(&mut self, number: u64, now: Instant) -> bool {
        let Some(current) = self.of(number) else {
            return false;
        };
        let was_silent = current.is_silent();
        current.timeouts = 0;
        if was_silent {
            self.since = now;
        }
        was_silent
    }

    /// A call was not answered in time. Tells whether the connection is silent since then.
    pub(crate) fn timed_out(&mut self, number: u64, now: Instant) -> bool {
        let Some(current) = self.of(number) else {
            return false;
        };
        current.timeouts = current.timeouts.saturating_add(1);
        let just_now = current.timeouts == SILENT_AFTER;
        if just_now {
            if current.is_stable(now) {
                self.waits.reset();
            }
            self.since = now;
            self.last_error = Some(LinkError::Silent.to_string().into());
        }
        just_now
    }

    /// The connection is of no more use. Tells whether it was the current one.
    pub(crate) fn lost(&mut self, number: u64, now: Instant, cause: Cause) -> bool {
        let Some(current) = self.of(number) else {
            return false;
        };
        let (stable, silent) = (current.is_stable(now), current.is_silent());
        self.current = None;
        if !silent {
            self.since = now;
            if stable {
                self.waits.reset();
                self.next = now;
            } else {
                self.next = now + self.waits.next_delay();
            }
        }
        self.last_error = Some(cause.to_string().into());
        self.cause = cause;
        true
    }

    /// Whoever was to carry out the steps failed: begins anew.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.connecting = false;
        self.next = now + self.waits.next_delay();
    }

    pub(crate) fn health(&self, now: Instant) -> LinkHealth {
        LinkHealth {
            connected: self.admit().is_ok(),
            since: now.saturating_duration_since(self.since),
            last_error: self.last_error.clone(),
            reconnects: self.connections.saturating_sub(1),
        }
    }

    fn of(&mut self, number: u64) -> Option<&mut Current> {
        self.current
            .as_mut()
            .filter(|current| current.number == number)
    }
}

// === impl Current ===

impl Current {
    const fn is_silent(&self) -> bool {
        self.timeouts >= SILENT_AFTER
    }

    fn is_stable(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= STABLE
    }
}

#[cfg(test)]
mod tests;
