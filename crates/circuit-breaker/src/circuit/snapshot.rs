//! What can be seen of a circuit from outside.

use std::time::Duration;

use portcullis_core::{CircuitState, Clock};

use super::handle::Handle;
use super::tally::Tally;
use super::word::Word;
use crate::sync::Ordering;

/// What a circuit holds. Each number is right by itself; while calls go on, two may be of different moments.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state.
    pub state: CircuitState,
    /// Calls in the window: of half-open its probes that are back, of open what it opened by (in a window of time as
    /// long as that is in it).
    pub calls: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Of these, how many were slow.
    pub slow: u64,
    /// The share that failed; none below the minimum of calls.
    pub failure_rate: Option<f64>,
    /// The share that was slow; none below the minimum of calls.
    pub slow_rate: Option<f64>,
    /// Calls under way for longer than a slow one takes.
    pub overdue: u64,
    /// Failures in a row.
    pub failed_in_a_row: u64,
    /// Calls that were refused since it was made or reset.
    pub rejected: u64,
    /// Calls that came back after a move, and counted for nothing.
    pub late: u64,
    /// How long it stays open.
    pub open_for: Option<Duration>,
}

impl<C: Clock> Handle<C> {
    pub(super) fn snapshot(&self) -> Snapshot {
        let core = self.core();
        let word = core.word();
        let (state, generation) = (word.state(), word.generation());
        let now = core.now();
        let before = generation.wrapping_sub(1) & 0x00ff_ffff;
        let mut minimum = core.settings.minimum_calls;
        let tally = match state {
            CircuitState::HalfOpen => {
                minimum = u64::from(core.settings.probes);
                of_probes(word)
            }
            CircuitState::Open => {
                let decided = Word::from_bits(core.decided.load(Ordering::Acquire));
                if decided.state() == CircuitState::HalfOpen && decided.generation() == before {
                    minimum = 1;
                    of_probes(decided)
                } else {
                    core.outcomes.tally(before, now)
                }
            }
            _ => core.outcomes.tally(generation, now),
        };
        let rate = |part: u64| {
            let share = part as f64 / tally.total as f64;
            (tally.total > 0 && tally.total >= minimum).then_some(share)
        };
        let left = (state == CircuitState::Open).then(|| word.open_for(core.now_millis()));
        Snapshot {
            state,
            calls: tally.total,
            failed: tally.failed,
            slow: tally.slow,
            failure_rate: rate(tally.failed),
            slow_rate: rate(tally.slow),
            overdue: self.overdue(generation, now),
            failed_in_a_row: core.failed_in_a_row(generation),
            rejected: core.rejected.0.load(Ordering::Relaxed),
            late: core.late.load(Ordering::Relaxed),
            open_for: left.flatten().map(Duration::from_millis),
        }
    }
}

fn of_probes(word: Word) -> Tally {
    let probes = word.probes();
    Tally {
        total: u64::from(probes.done),
        failed: u64::from(probes.failed),
        slow: u64::from(probes.slow),
    }
}
