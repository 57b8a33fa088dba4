//! Circuits.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics::{Counter, Gauge};
use portcullis_core::{CircuitEvent, CircuitEventKind, CircuitState};

use super::family::{
    CIRCUIT_MOVES, CIRCUIT_OVERFLOW, CIRCUIT_REJECTED, CIRCUIT_STATE, CIRCUIT_WOULD_OPEN,
};
use super::recording::Recording;
use super::table::{ByLabel, Table};

/// What is recorded of circuits.
pub(super) struct Circuits {
    recording: Arc<Recording>,
    named: ByLabel<Arc<Named>>,
}

/// All circuits of one name.
struct Named {
    recording: Arc<Recording>,
    name: String,
    /// How many are in which state, as far as moves tell. Of those that are closed it is not known how many there are.
    counts: Mutex<[i64; STATES.len()]>,
    states: [Gauge; STATES.len()],
    moves: Table<(CircuitState, CircuitState, &'static str), Counter>,
    rejected: Counter,
    would_open: Table<&'static str, Counter>,
    overflowed: OnceLock<Counter>,
}

/// The first is the one that circuits begin in.
const STATES: [CircuitState; 6] = [
    CircuitState::Closed,
    CircuitState::Open,
    CircuitState::HalfOpen,
    CircuitState::ForcedOpen,
    CircuitState::Disabled,
    CircuitState::MetricsOnly,
];

const MOST_NAMES: usize = 1_000;

// === impl Circuits ===

impl Circuits {
    pub(super) fn new(recording: &Arc<Recording>, names: &[String]) -> Self {
        let circuits = Self {
            recording: Arc::clone(recording),
            named: ByLabel::new(recording, "circuit", MOST_NAMES),
        };
        for name in names {
            circuits.with(name, |_| {});
        }
        circuits
    }

    pub(super) fn note(&self, event: &CircuitEvent<'_>) {
        self.with(event.name, |named| match event.kind {
            CircuitEventKind::Moved {
                from, to, cause, ..
            } => named.moved(from, to, cause),
            CircuitEventKind::Rejected { .. } => named.rejected.increment(1),
            CircuitEventKind::WouldOpen { cause } => named.would_open(cause),
            CircuitEventKind::Overflowed => named.overflowed(),
            _ => {}
        });
    }

    fn with(&self, name: &str, run: impl FnOnce(&Named)) {
        let make = |name: &str| Arc::new(Named::new(&self.recording, name));
        self.named.with(name, make, |named| run(named));
    }
}

// === impl Named ===

impl Named {
    fn new(recording: &Arc<Recording>, name: &str) -> Self {
        let state = |state: CircuitState| {
            let gauge = recording.gauge(&CIRCUIT_STATE, &[name, state.as_str()]);
            gauge.set(u8::from(state == STATES[0]));
            gauge
        };
        Self {
            recording: Arc::clone(recording),
            name: name.to_owned(),
            counts: Mutex::default(),
            states: STATES.map(state),
            moves: Table::default(),
            rejected: recording.counter(&CIRCUIT_REJECTED, &[name]),
            would_open: Table::default(),
            overflowed: OnceLock::new(),
        }
    }

    fn moved(&self, from: CircuitState, to: CircuitState, cause: &'static str) {
        self.state(from, to);
        let make = || {
            let labels = [&*self.name, from.as_str(), to.as_str(), cause];
            self.recording.counter(&CIRCUIT_MOVES, &labels)
        };
        let count = |counter: &Counter| counter.increment(1);
        self.moves.with(&(from, to, cause), make, count);
    }

    /// Counts rather than sets: moves may be told in another order than they happened in, and several circuits may have
    /// one name.
    fn state(&self, from: CircuitState, to: CircuitState) {
        let place = |state| STATES.iter().position(|known| *known == state);
        let (Some(from), Some(to)) = (place(from), place(to)) else {
            return;
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts[from] -= 1;
        counts[to] += 1;
        let elsewhere = counts[1..].iter().any(|count| *count > 0);
        self.states[0].set(u8::from(!elsewhere));
        for place in [from, to].into_iter().filter(|place| *place != 0) {
            #[allow(clippy::cast_precision_loss, reason = "there are not so many circuits")]
            self.states[place].set(counts[place].max(0) as f64);
        }
    }

    fn would_open(&self, cause: &'static str) {
        let labels = [&*self.name, cause];
        let make = || self.recording.counter(&CIRCUIT_WOULD_OPEN, &labels);
        let count = |counter: &Counter| counter.increment(1);
        self.would_open.with(&cause, make, count);
    }

    fn overflowed(&self) {
        let make = || self.recording.counter(&CIRCUIT_OVERFLOW, &[&*self.name]);
        self.overflowed.get_or_init(make).increment(1);
    }
}
