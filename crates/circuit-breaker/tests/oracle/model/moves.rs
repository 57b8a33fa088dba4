//! What moves the model: its limits, its probes, and hands.

use std::time::Duration;

use portcullis_circuit_breaker::Cause;
use portcullis_core::{CircuitEventKind, CircuitState};

use super::seen::sums;
use super::{Model, OpenedBy, Turn};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn is_reached(percent: u32, part: u64, whole: u64) -> bool {
    part > 0 && part * 100 >= whole * u64::from(percent)
}

/// Whole milliseconds; a part of one is over when it is.
fn millis_up(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap()
}

impl Model {
    // === limits ===

    pub(super) fn limit_reached(&self) -> Option<Cause> {
        let sums = self.in_window();
        if sums.calls >= self.minimum() {
            let failed = self.setup.failure_percent;
            if failed.is_some_and(|percent| is_reached(percent, sums.failed, sums.calls)) {
                return Some(Cause::FailureRate);
            }
            let slow = self.setup.slow;
            if slow.is_some_and(|(_, percent)| is_reached(percent, sums.slow, sums.calls)) {
                return Some(Cause::SlowRate);
            }
        }
        let most = self.setup.consecutive?;
        (self.row >= u64::from(most)).then_some(Cause::ConsecutiveFailures)
    }

    /// Once in each span, whoever asks to call looks for calls that hang.
    pub(super) fn look_for_hanging(&mut self) {
        let Some((_, percent)) = self.setup.slow else {
            return;
        };
        let span = self.span(self.now);
        if span <= self.looked {
            return;
        }
        self.looked = span;
        let (sums, overdue) = (self.in_window(), self.overdue());
        let (calls, slow) = (sums.calls + overdue, sums.slow + overdue);
        if overdue > 0 && calls >= self.minimum() && is_reached(percent, slow, calls) {
            self.trip(Cause::SlowInFlight, Duration::ZERO);
        }
    }

    pub(super) fn trip(&mut self, cause: Cause, at_least: Duration) {
        if self.state == CircuitState::MetricsOnly {
            if !self.would_have.contains(&cause) {
                self.would_have.push(cause);
                let cause = cause.as_str();
                self.told.push(CircuitEventKind::WouldOpen { cause });
            }
            return;
        }
        let open_for = self.wait(0).max(at_least);
        self.open(open_for, OpenedBy::Window, Some(cause));
        self.attempts = 1;
    }

    // === half-open ===

    pub(super) fn end_probing(&mut self) {
        let good = self
            .probes()
            .filter(|call| matches!(call.turn, Turn::Answered(_)));
        let returned = (self.returned.len() + good.count()) as u64;
        if returned > 0 {
            self.decide(returned, None);
        } else if self.probes().all(|call| call.turn == Turn::Caller) {
            self.begin(CircuitState::HalfOpen);
            self.probing_since = self.millis();
        } else {
            self.reopen(Cause::ProbesHung, None);
        }
    }

    pub(super) fn decide(&mut self, returned: u64, at_least: Option<Duration>) {
        let sums = sums(&self.returned);
        let failed = match self.setup.failure_percent {
            Some(percent) => is_reached(percent, sums.failed, returned),
            None => sums.failed > 0,
        };
        let slow = self.setup.slow;
        if failed {
            self.reopen(Cause::ProbesFailed, at_least);
        } else if slow.is_some_and(|(_, percent)| is_reached(percent, sums.slow, returned)) {
            self.reopen(Cause::ProbesSlow, at_least);
        } else {
            self.attempts = 0;
            self.go(CircuitState::Closed, Some(Cause::Recovered), None);
        }
    }

    pub(super) fn reopen(&mut self, cause: Cause, at_least: Option<Duration>) {
        let at_least = at_least.unwrap_or_default().min(Duration::from_secs(300));
        let open_for = self.wait(self.attempts).max(at_least);
        let probes = std::mem::take(&mut self.returned);
        self.open(open_for, OpenedBy::Probes(probes), Some(cause));
        self.attempts += 1;
    }

    // === by hand ===

    /// Whether that is legal.
    pub(crate) fn move_to(&mut self, to: CircuitState) -> bool {
        use CircuitState as S;
        let from = self.state;
        if from == to {
            return true;
        }
        if !is_legal(from, to) {
            return false;
        }
        match to {
            S::Open => {
                self.open(self.wait(0), by_hand(from), Some(Cause::ByHand));
                self.attempts = if from == S::HalfOpen {
                    self.attempts + 1
                } else {
                    1
                };
            }
            S::HalfOpen => self.become_half_open(Cause::ByHand),
            _ => self.go(to, Some(Cause::ByHand), None),
        }
        if to == S::Closed {
            self.attempts = 0;
        }
        true
    }

    pub(crate) fn open_for(&mut self, time: Duration) -> bool {
        let from = self.state;
        if !is_legal(from, CircuitState::Open) {
            return false;
        }
        let told = (from != CircuitState::Open).then_some(Cause::ByHand);
        self.open(time, by_hand(from), told);
        true
    }

    pub(crate) fn reset(&mut self) {
        let told = (self.state != CircuitState::Closed).then_some(Cause::ByHand);
        self.go(CircuitState::Closed, told, None);
        (self.attempts, self.rejected, self.late) = (0, 0, 0);
    }

    // === moves ===

    pub(super) fn become_half_open(&mut self, cause: Cause) {
        self.go(CircuitState::HalfOpen, Some(cause), None);
        self.probing_since = self.millis();
    }

    pub(super) fn open(&mut self, open_for: Duration, by: OpenedBy, told: Option<Cause>) {
        let window = std::mem::take(&mut self.window);
        self.open_until = self.millis() + millis_up(open_for.min(YEAR));
        self.go(CircuitState::Open, told, Some(open_for));
        self.opened_by = by;
        if matches!(self.opened_by, OpenedBy::Window) {
            self.window = window;
        }
    }

    /// Moves, and tells of it if there is a cause.
    pub(super) fn go(&mut self, to: CircuitState, told: Option<Cause>, open_for: Option<Duration>) {
        let from = self.state;
        self.begin(to);
        if let Some(cause) = told {
            let cause = cause.as_str();
            self.told.push(CircuitEventKind::Moved {
                from,
                to,
                cause,
                open_for,
            });
        }
    }

    /// Every move begins with nothing.
    pub(super) fn begin(&mut self, state: CircuitState) {
        self.state = state;
        self.generation += 1;
        self.window.clear();
        self.returned.clear();
        self.would_have.clear();
        self.row = 0;
        self.opened_by = OpenedBy::Nothing;
    }
}

fn by_hand(from: CircuitState) -> OpenedBy {
    match from {
        CircuitState::Closed => OpenedBy::Window,
        _ => OpenedBy::Nothing,
    }
}

fn is_legal(from: CircuitState, to: CircuitState) -> bool {
    use CircuitState as S;
    match from {
        S::Closed => to != S::HalfOpen,
        S::MetricsOnly => !matches!(to, S::Open | S::HalfOpen),
        _ => true,
    }
}
