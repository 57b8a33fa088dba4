//! A circuit as its documentation describes it: plain data, one thread, nothing clever.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use portcullis_circuit_breaker::{Cancelled, Cause, Window};
use portcullis_core::{CircuitEventKind, CircuitState, Outcome};

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
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const MILLI: Duration = Duration::from_millis(1);

fn is_reached(percent: u32, part: u64, whole: u64) -> bool {
    part > 0 && part * 100 >= whole * u64::from(percent)
}

fn sums<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Sums {
    marks.into_iter().fold(Sums::default(), |sums, mark| Sums {
        calls: sums.calls + 1,
        failed: sums.failed + u64::from(mark.failed),
        slow: sums.slow + u64::from(mark.slow),
    })
}

/// Whole milliseconds; a part of one is over when it is.
fn millis_up(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap()
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

    /// The call whose place among those under way is this one.
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

    // === limits ===

    fn limit_reached(&self) -> Option<Cause> {
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
    fn look_for_hanging(&mut self) {
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

    fn trip(&mut self, cause: Cause, at_least: Duration) {
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

    fn end_probing(&mut self) {
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

    fn decide(&mut self, returned: u64, at_least: Option<Duration>) {
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

    fn reopen(&mut self, cause: Cause, at_least: Option<Duration>) {
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

    fn become_half_open(&mut self, cause: Cause) {
        self.go(CircuitState::HalfOpen, Some(cause), None);
        self.probing_since = self.millis();
    }

    fn open(&mut self, open_for: Duration, by: OpenedBy, told: Option<Cause>) {
        let window = std::mem::take(&mut self.window);
        self.open_until = self.millis() + millis_up(open_for.min(YEAR));
        self.go(CircuitState::Open, told, Some(open_for));
        self.opened_by = by;
        if matches!(self.opened_by, OpenedBy::Window) {
            self.window = window;
        }
    }

    /// Moves, and tells of it if there is a cause.
    fn go(&mut self, to: CircuitState, told: Option<Cause>, open_for: Option<Duration>) {
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
    fn begin(&mut self, state: CircuitState) {
        self.state = state;
        self.generation += 1;
        self.window.clear();
        self.returned.clear();
        self.would_have.clear();
        self.row = 0;
        self.opened_by = OpenedBy::Nothing;
    }

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
        let clean = in_window.failed == 0 && in_window.slow == 0 && self.row == 0 && overdue == 0;
        Seen {
            state: self.state,
            sums,
            overdue,
            failed_in_a_row: self.setup.consecutive.map_or(0, |_| self.row),
            rejected: self.rejected,
            late: self.late,
            open_for: open_for.flatten(),
            healthy: self.state == CircuitState::Closed
                && (clean
                    // Nobody counts what no limit asks for.
                    || (self.setup.consecutive.is_none()
                        && in_window.failed == 0
                        && in_window.slow == 0
                        && overdue == 0)),
        }
    }

    fn in_window(&self) -> Sums {
        let now = self.epoch();
        let time = matches!(self.setup.window, Window::Time(_));
        let current = self
            .window
            .iter()
            .filter(|entry| !time || now - entry.epoch < BUCKETS);
        sums(current.map(|entry| &entry.mark))
    }

    /// Calls of now that the dependency has had for so many spans that they are over the threshold for certain.
    fn overdue(&self) -> u64 {
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

    fn probes(&self) -> impl Iterator<Item = &Call> {
        let now = self.generation;
        let all = self.calls.values();
        all.filter(move |call| call.kind == Kind::Probe && call.generation == now)
    }

    /// Probes that are at work or back.
    fn issued(&self) -> u64 {
        (self.probes().count() + self.returned.len()) as u64
    }

    fn open_left(&self) -> Option<Duration> {
        let left = self.open_until.checked_sub(self.millis());
        // In the very last millisecond there is one left.
        let left = left.map(|left| Duration::from_millis(left).max(MILLI));
        left.filter(|_| self.state == CircuitState::Open)
    }

    /// At the very end of its time it is still half-open.
    fn probing_left(&self) -> Duration {
        let wait = u64::try_from(self.setup.probe_wait.as_millis()).unwrap();
        let passed = self.millis() - self.probing_since;
        Duration::from_millis((wait + 1).saturating_sub(passed))
    }

    fn wait(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
        match self.setup.longest_wait {
            None => self.setup.wait,
            Some(longest) => self.setup.wait.saturating_mul(doubled).min(longest),
        }
    }

    fn minimum(&self) -> u64 {
        match self.setup.window {
            Window::Count(calls) => u64::from(self.setup.minimum.min(calls)),
            Window::Time(_) => u64::from(self.setup.minimum),
        }
    }

    fn timed(&self) -> bool {
        self.setup.slow.is_some() || self.setup.cancelled != Cancelled::Ignored
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.now.as_millis()).unwrap()
    }

    fn epoch(&self) -> u128 {
        match self.setup.window {
            Window::Count(_) => 0,
            Window::Time(window) => self.now.as_nanos() / (window.as_nanos() / BUCKETS),
        }
    }

    /// Spans are the power of two of nanoseconds that an eighth of the threshold holds.
    fn span_nanos(&self) -> u128 {
        let above = self.setup.slow.map_or(8, |slow| slow.0.as_nanos());
        1 << (above / 8).ilog2()
    }

    fn span(&self, at: Duration) -> u64 {
        u64::try_from(at.as_nanos() / self.span_nanos()).unwrap()
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
