//! A circuit as its documentation describes it: plain data, one thread, nothing clever.

mod moves;
mod seen;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use portcullis_circuit_breaker::{Cancelled, Cause, Window};
use portcullis_core::{CircuitEventKind, CircuitState, Outcome};

pub(crate) use self::seen::{Seen, Sums};
use crate::setup::Setup;

/// Who may not call: in which state, and for how long it stays so.
pub(crate) type Refusal = (CircuitState, Option<Duration>);

/// The number of a call, or of its upload.
pub(crate) type Id = usize;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    setup: Setup,
    now: Duration,
    state: CircuitState,
    /// How often it moved.
    generation: u64,
    window: VecDeque<Entry>,
    row: u64,
    /// How often it opened in a row.
    attempts: u32,
    /// Open: the last millisecond of it.
    open_until: u64,
    /// Open: what it opened by.
    opened_by: OpenedBy,
    /// Half-open: the probes that are back, and since when it is.
    returned: Vec<Mark>,
    probing_since: u64,
    /// The last span in which somebody looked for calls that hang.
    looked: u64,
    would_have: Vec<Cause>,
    calls: BTreeMap<Id, Call>,
    rejected: u64,
    late: u64,
    pub(crate) told: Vec<CircuitEventKind>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    failed: bool,
    slow: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Which sixteenth of a window it came in.
    epoch: u128,
    mark: Mark,
}

#[derive(Clone, Debug)]
enum OpenedBy {
    Nothing,
    Window,
    Probes(Vec<Mark>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counted,
    Probe,
    Free,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The caller's: it is sending.
    Caller,
    /// The dependency's, since then.
    Dependency(Duration),
    /// The answer has begun, after so long; none if the request had not been sent.
    Answered(Option<Duration>),
}

#[derive(Clone, Copy, Debug)]
struct Call {
    kind: Kind,
    generation: u64,
    turn: Turn,
    uploads: bool,
}

impl Model {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            now: Duration::ZERO,
            state: CircuitState::Closed,
            generation: 0,
            window: VecDeque::new(),
            row: 0,
            attempts: 0,
            open_until: 0,
            opened_by: OpenedBy::Nothing,
            returned: Vec::new(),
            probing_since: 0,
            looked: 0,
            would_have: Vec::new(),
            calls: BTreeMap::new(),
            rejected: 0,
            late: 0,
            told: Vec::new(),
        }
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.now += span;
    }

    // === calls ===

    pub(crate) fn acquire(&mut self, id: Id) -> Result<(), Refusal> {
        let kind = self.admit();
        match kind {
            Ok(kind) => {
                let call = Call {
                    kind,
                    generation: self.generation,
                    turn: Turn::Dependency(self.now),
                    uploads: false,
                };
                self.calls.insert(id, call);
                Ok(())
            }
            Err(refusal) => {
                self.rejected += 1;
                let state = refusal.0;
                self.told.push(CircuitEventKind::Rejected { state });
                Err(refusal)
            }
        }
    }

    /// A failure without a call.
    pub(crate) fn fail(&mut self) {
        if let Ok(kind) = self.admit() {
            let failed = Mark {
                failed: true,
                slow: false,
            };
            self.count(kind, self.generation, Some(failed), None);
        }
    }

    fn admit(&mut self) -> Result<Kind, Refusal> {
        use CircuitState as S;
        match self.state {
            S::Disabled => Ok(Kind::Free),
            S::ForcedOpen => Err((S::ForcedOpen, None)),
            S::Closed | S::MetricsOnly => {
                self.look_for_hanging();
                match self.open_left() {
                    None => Ok(Kind::Counted),
                    left => Err((S::Open, left)),
                }
            }
            S::Open => match self.open_left() {
                None => {
                    self.become_half_open(Cause::WaitOver);
                    Ok(Kind::Probe)
                }
                left => Err((S::Open, left)),
            },
            _ => {
                let left = self.probing_left();
                if left.is_zero() {
                    self.end_probing();
                    return self.admit();
                }
                if self.issued() < u64::from(self.setup.probes) {
                    Ok(Kind::Probe)
                } else {
                    Err((S::HalfOpen, Some(left)))
                }
            }
        }
    }

    /// Whether a call would pass, or might: of calls that hang only who calls is told.
    pub(crate) fn admits(&self) -> bool {
        use CircuitState as S;
        match self.state {
            S::ForcedOpen => false,
            S::Open => self.open_left().is_none(),
            S::HalfOpen => {
                self.issued() < u64::from(self.setup.probes) || self.probing_left().is_zero()
            }
            _ => true,
        }
    }

    /// Whether it makes a difference that the caller has still to send.
    pub(crate) fn uploading(&mut self, id: Id) -> bool {
        let timed = self.timed();
        let call = self.calls.get_mut(&id).unwrap();
        let counts = match call.kind {
            Kind::Free => false,
            Kind::Counted => timed,
            Kind::Probe => true,
        };
        if !counts || call.uploads || matches!(call.turn, Turn::Answered(_)) {
            return false;
        }
        call.uploads = true;
        call.turn = Turn::Caller;
        true
    }

    pub(crate) fn sent(&mut self, id: Id) {
        let now = self.now;
        if let Some(call) = self.calls.get_mut(&id)
            && call.turn == Turn::Caller
        {
            call.turn = Turn::Dependency(now);
        }
    }

    pub(crate) fn answered(&mut self, id: Id) {
        let now = self.now;
        let call = self.calls.get_mut(&id).unwrap();
        call.turn = Turn::Answered(call.took(now));
    }

    /// It is over, or was given up.
    pub(crate) fn settle(&mut self, id: Id, outcome: Option<Outcome>) {
        let call = self.calls.remove(&id).unwrap();
        let took = call.took(self.now);
        let slow = self.setup.slow.is_some_and(|(above, _)| took > Some(above));
        let given_up_late = match self.setup.cancelled {
            Cancelled::FailedAfter(after) => outcome.is_none() && took > Some(after),
            _ => false,
        };
        let (failed, ignored, at_least) = match outcome {
            Some(Outcome::Success) => (false, false, None),
            Some(Outcome::Failure) => (true, false, None),
            Some(Outcome::Overload { retry_after }) => (true, false, retry_after),
            _ => (given_up_late, !given_up_late, None),
        };
        let mark = (!ignored || slow).then_some(Mark { failed, slow });
        self.count(call.kind, call.generation, mark, at_least);
    }

    /// What came of a call of some generation.
    fn count(
        &mut self,
        kind: Kind,
        generation: u64,
        mark: Option<Mark>,
        at_least: Option<Duration>,
    ) {
        // A place that is given back is free already: who is at work has one, and who is back with an outcome.
        let Some(mark) = mark else { return };
        if kind == Kind::Free {
            return;
        }
        if generation != self.generation {
            self.late += 1;
            return;
        }
        if kind == Kind::Probe {
            self.returned.push(mark);
            if self.returned.len() as u64 == u64::from(self.setup.probes) {
                self.decide(self.returned.len() as u64, at_least);
            }
            return;
        }
        self.row = if mark.failed { self.row + 1 } else { 0 };
        let epoch = self.epoch();
        self.window.push_back(Entry { epoch, mark });
        if let Window::Count(calls) = self.setup.window
            && self.window.len() > calls as usize
        {
            self.window.pop_front();
        }
        if let Some(cause) = self.limit_reached() {
            let wait = at_least.unwrap_or_default().min(Duration::from_secs(300));
            self.trip(cause, wait);
        }
    }
}

impl Call {
    /// How long the dependency took, if it had its turn.
    fn took(&self, now: Duration) -> Option<Duration> {
        match self.turn {
            Turn::Caller => None,
            Turn::Dependency(since) => Some(now - since),
            Turn::Answered(took) => took,
        }
    }
}
