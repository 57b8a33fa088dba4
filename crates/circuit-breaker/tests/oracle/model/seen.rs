//! What can be seen of the model, and what it reckons with.

use std::time::Duration;

use portcullis_circuit_breaker::{Cancelled, Window};
use portcullis_core::CircuitState;

use super::{Call, Kind, Mark, Model, OpenedBy, Turn};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) slow: u64,
}

/// What can be seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) state: CircuitState,
    pub(crate) sums: Sums,
    pub(crate) overdue: u64,
    pub(crate) failed_in_a_row: u64,
    pub(crate) rejected: u64,
    pub(crate) late: u64,
    pub(crate) open_for: Option<Duration>,
    pub(crate) healthy: bool,
}

const BUCKETS: u128 = 16;
const MILLI: Duration = Duration::from_millis(1);

pub(super) fn sums<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Sums {
    marks.into_iter().fold(Sums::default(), |sums, mark| Sums {
        calls: sums.calls + 1,
        failed: sums.failed + u64::from(mark.failed),
        slow: sums.slow + u64::from(mark.slow),
    })
}

impl Model {
    // === what there is ===

    pub(crate) fn seen(&self) -> Seen {
        let in_window = self.in_window();
        let sums = match (self.state, &self.opened_by) {
            (CircuitState::HalfOpen, _) => sums(&self.returned),
            (CircuitState::Open, OpenedBy::Probes(probes)) => sums(probes),
            _ => in_window,
        };
        let open_for = (self.state == CircuitState::Open).then(|| {
            let left = self.open_until.checked_sub(self.millis());
            left.map(Duration::from_millis)
        });
        let overdue = self.overdue();
        // Nobody counts failures in a row where no limit asks for them.
        let failed_in_a_row = self.setup.consecutive.map_or(0, |_| self.row);
        let against = in_window.failed + in_window.slow + overdue + failed_in_a_row;
        Seen {
            state: self.state,
            sums,
            overdue,
            failed_in_a_row,
            rejected: self.rejected,
            late: self.late,
            open_for: open_for.flatten(),
            healthy: self.state == CircuitState::Closed && against == 0,
        }
    }

    pub(super) fn in_window(&self) -> Sums {
        let now = self.epoch();
        let time = matches!(self.setup.window, Window::Time(_));
        let current = self
            .window
            .iter()
            .filter(|entry| !time || now - entry.epoch < BUCKETS);
        sums(current.map(|entry| &entry.mark))
    }

    /// Calls of now that the dependency has had for so many spans that they are over the threshold for certain.
    pub(super) fn overdue(&self) -> u64 {
        let Some((above, _)) = self.setup.slow else {
            return 0;
        };
        let spans = u64::try_from(above.as_nanos().div_ceil(self.span_nanos())).unwrap() + 1;
        let now = self.span(self.now);
        let hanging = self.calls.values().filter(|call| {
            let Turn::Dependency(since) = call.turn else {
                return false;
            };
            call.kind == Kind::Counted
                && call.generation == self.generation
                && now - self.span(since) >= spans
        });
        hanging.count() as u64
    }

    pub(super) fn probes(&self) -> impl Iterator<Item = &Call> {
        let now = self.generation;
        let all = self.calls.values();
        all.filter(move |call| call.kind == Kind::Probe && call.generation == now)
    }

    /// Probes that are at work or back.
    pub(super) fn issued(&self) -> u64 {
        (self.probes().count() + self.returned.len()) as u64
    }

    pub(super) fn open_left(&self) -> Option<Duration> {
        let left = self.open_until.checked_sub(self.millis());
        // In the very last millisecond there is one left.
        let left = left.map(|left| Duration::from_millis(left).max(MILLI));
        left.filter(|_| self.state == CircuitState::Open)
    }

    /// At the very end of its time it is still half-open.
    pub(super) fn probing_left(&self) -> Duration {
        let wait = u64::try_from(self.setup.probe_wait.as_millis()).unwrap();
        let passed = self.millis() - self.probing_since;
        Duration::from_millis((wait + 1).saturating_sub(passed))
    }

    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
        match self.setup.longest_wait {
            None => self.setup.wait,
            Some(longest) => self.setup.wait.saturating_mul(doubled).min(longest),
        }
    }

    pub(super) fn minimum(&self) -> u64 {
        match self.setup.window {
            Window::Count(calls) => u64::from(self.setup.minimum.min(calls)),
            Window::Time(_) => u64::from(self.setup.minimum),
        }
    }

    pub(super) fn timed(&self) -> bool {
        self.setup.slow.is_some() || self.setup.cancelled != Cancelled::Ignored
    }

    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.now.as_millis()).unwrap()
    }

    pub(super) fn epoch(&self) -> u128 {
        match self.setup.window {
            Window::Count(_) => 0,
            Window::Time(window) => self.now.as_nanos() / (window.as_nanos() / BUCKETS),
        }
    }

    /// Spans are the power of two of nanoseconds that an eighth of the threshold holds.
    pub(super) fn span_nanos(&self) -> u128 {
        let above = self.setup.slow.map_or(8, |slow| slow.0.as_nanos());
        1 << (above / 8).ilog2()
    }

    pub(super) fn span(&self, at: Duration) -> u64 {
        u64::try_from(at.as_nanos() / self.span_nanos()).unwrap()
    }
}
