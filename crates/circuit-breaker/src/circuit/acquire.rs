//! Who may call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{CircuitEventKind, CircuitState, Clock};

use super::cause::Cause;
use super::core::Core;
use super::handle::Handle;
use super::name::Name;
use super::permit::{Permit, Role};
use super::roster::Roster;
use super::word::{Probes, Word};
use crate::sync::Ordering;

/// A call that was not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    name: Name,
    /// Its state, and nothing else.
    word: Word,
    wait: Wait,
}

/// How many milliseconds a refusal lasts at most; [`Wait::UNKNOWN`] where nobody knows. A whole word, as whatever is
/// moved on the way of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait(u64);

/// What became of one look at the word.
enum Look<C: Clock> {
    Admitted(Permit<C>),
    Refused(CircuitState, Wait),
    /// The word is another one now.
    Again,
}

/// That a call is not to be made now, before there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotNow {
    word: Word,
    wait: Wait,
}

/// Asks to call; tells who watches if it is refused.
#[inline(always)]
pub(super) fn acquire<C: Clock>(handle: &Handle<C>) -> Result<Permit<C>, Rejected> {
    let word = handle.core().word();
    // Nearly always, and in the caller's code: there the permit is made where it will be.
    if word.is_closed()
        && let Some(permit) = admit(handle, word)
    {
        return Ok(permit);
    }
    acquire_slowly(handle)
}

#[inline(never)]
fn acquire_slowly<C: Clock>(handle: &Handle<C>) -> Result<Permit<C>, Rejected> {
    settle(handle).map_err(|(state, wait)| refuse(handle.core(), state, wait))
}

/// Refuses a call that was not to be made a moment ago. If the circuit moved since, that is for the next call.
pub(super) fn reject<C: Clock>(core: &Core<C>, not_now: NotNow) -> Rejected {
    let word = core.word();
    let (state, wait) = match word.state() {
        // It is as it was: one look at the clock is enough.
        state if word == not_now.word => (state, not_now.wait),
        CircuitState::ForcedOpen => (CircuitState::ForcedOpen, Wait::UNKNOWN),
        state @ (CircuitState::Open | CircuitState::HalfOpen) => (state, core.stays_so()),
        _ => (CircuitState::Open, Wait(0)),
    };
    refuse(core, state, wait)
}

fn refuse<C: Clock>(core: &Core<C>, state: CircuitState, wait: Wait) -> Rejected {
    core.rejected.0.fetch_add(1, Ordering::Relaxed);
    core.report(CircuitEventKind::Rejected { state });
    Rejected {
        name: core.settings.name.clone(),
        word: Word::new(state, 0, 0),
        wait,
    }
}

/// Asks to call; nobody is told of a refusal.
pub(super) fn acquire_quietly<C: Clock>(handle: &Handle<C>) -> Option<Permit<C>> {
    settle(handle).ok()
}

/// Looks until the word stands still long enough.
fn settle<C: Clock>(handle: &Handle<C>) -> Result<Permit<C>, (CircuitState, Wait)> {
    loop {
        match look(handle, handle.core().word()) {
            Look::Admitted(permit) => return Ok(permit),
            Look::Refused(state, wait) => return Err((state, wait)),
            Look::Again => {}
        }
    }
}

fn look<C: Clock>(handle: &Handle<C>, word: Word) -> Look<C> {
    let core = handle.core();
    match word.state() {
        CircuitState::Closed | CircuitState::MetricsOnly => {
            admit(handle, word).map_or(Look::Again, Look::Admitted)
        }
        CircuitState::Open => {
            let now = core.now_millis();
            match word.open_for(now) {
                Some(left) => Look::Refused(CircuitState::Open, Wait(left.max(1))),
                None => first_probe(handle, word, now),
            }
        }
        CircuitState::HalfOpen => next_probe(handle, word),
        CircuitState::ForcedOpen => Look::Refused(CircuitState::ForcedOpen, Wait::UNKNOWN),
        // Disabled.
        _ => Look::Admitted(Permit::new(
            handle.apart(),
            word.generation(),
            Role::Free,
            None,
        )),
    }
}

/// A call in a state where calls pass and are counted. None if the calls that hang just opened the circuit.
#[inline(always)]
fn admit<C: Clock>(handle: &Handle<C>, word: Word) -> Option<Permit<C>> {
    let generation = word.generation();
    match handle {
        Handle::Plain(page) => {
            let core = page.inner();
            let now = core.timed.then(|| core.now());
            Some(Permit::new(page, generation, Role::Call, now))
        }
        Handle::Counting(roster) => {
            let (now, page) = roster.enter(generation, || roster.inner().now());
            match page {
                Some(page) => Some(Permit::counted(page, generation, now)),
                None => first_of_span(handle, roster, word, now),
            }
        }
    }
}

/// A call that finds no page for the span that it begins in: nearly always, because it is the first.
#[cold]
fn first_of_span<C: Clock>(
    handle: &Handle<C>,
    roster: &Roster<Arc<Core<C>>>,
    word: Word,
    now: u64,
) -> Option<Permit<C>> {
    if handle.opens_by_hanging(word, now) {
        return None;
    }
    let generation = word.generation();
    if let Some(page) = roster.begin(generation, now) {
        return Some(Permit::counted(page, generation, now));
    }
    let core = roster.inner();
    if let Some(calls) = &core.in_flight {
        calls.enter(generation, now);
    }
    Some(Permit::new(
        roster.apart(),
        generation,
        Role::Call,
        Some(now),
    ))
}

/// Looks whether calls hang. Whether that has just opened the circuit.
pub(super) fn opens_by_hanging<C: Clock>(handle: &Handle<C>) -> bool {
    let core = handle.core();
    let word = core.word();
    core.in_flight.is_some() && word.is_closed() && handle.opens_by_hanging(word, core.now())
}

/// The time of an open circuit is over: who finds that is the first probe.
#[cold]
fn first_probe<C: Clock>(handle: &Handle<C>, word: Word, now_millis: u64) -> Look<C> {
    let core = handle.core();
    let probes = Probes {
        issued: 1,
        ..Probes::default()
    };
    let next = word.moved(CircuitState::HalfOpen, 0).with_probes(probes);
    if !core.swap(word, next) {
        return Look::Again;
    }
    core.begin_probing(next.generation(), now_millis);
    core.moved(word.state(), CircuitState::HalfOpen, Cause::WaitOver, None);
    Look::Admitted(probe(handle, next))
}

fn next_probe<C: Clock>(handle: &Handle<C>, word: Word) -> Look<C> {
    let core = handle.core();
    let left = core.probing_left(word.generation());
    if left.is_zero() {
        core.end_probing(word);
        return Look::Again;
    }
    let mut probes = word.probes();
    if probes.issued >= core.settings.probes {
        return Look::Refused(CircuitState::HalfOpen, Wait::of(left));
    }
    probes.issued += 1;
    if core.swap(word, word.with_probes(probes)) {
        Look::Admitted(probe(handle, word))
    } else {
        Look::Again
    }
}

fn probe<C: Clock>(handle: &Handle<C>, word: Word) -> Permit<C> {
    let core = handle.core();
    let now = core.timed.then(|| core.now());
    Permit::new(handle.apart(), word.generation(), Role::Probe, now)
}

impl<C: Clock> Core<C> {
    /// How long it is open, or its probes have, at most.
    fn stays_so(&self) -> Wait {
        let word = self.word();
        match word.state() {
            CircuitState::Open => {
                let left = word.open_for(self.now_millis()).unwrap_or_default();
                Wait(left.max(1))
            }
            CircuitState::HalfOpen => Wait::of(self.probing_left(word.generation())),
            _ => Wait::UNKNOWN,
        }
    }

    /// Whether a call would not be let through.
    #[inline]
    pub(super) fn refuses(&self) -> Option<NotNow> {
        let word = self.word();
        if word.is_closed() {
            return None;
        }
        let wait = self.refuses_for(word)?;
        Some(NotNow { word, wait })
    }

    #[inline(never)]
    fn refuses_for(&self, word: Word) -> Option<Wait> {
        match word.state() {
            CircuitState::Open => Some(Wait(word.open_for(self.now_millis())?.max(1))),
            CircuitState::HalfOpen => {
                if word.probes().issued < self.settings.probes {
                    return None;
                }
                let left = self.probing_left(word.generation());
                (!left.is_zero()).then(|| Wait::of(left))
            }
            CircuitState::ForcedOpen => Some(Wait::UNKNOWN),
            _ => None,
        }
    }
}

// === impl Rejected ===

impl Rejected {
    /// The name of the circuit.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its state: open, half-open or forced open.
    #[must_use]
    pub const fn state(&self) -> CircuitState {
        self.word.state()
    }

    /// How long it stays so at most: the rest of the time that it is open for, or that its probes have. None where
    /// it was opened by hand.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.wait.duration()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the circuit {:?} is {}",
            self.name,
            self.state().as_str()
        )?;
        match self.retry_after() {
            Some(left) => write!(f, " for {} ms more", left.as_millis()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejected {}

// === impl Wait ===

impl Wait {
    const UNKNOWN: Self = Self(u64::MAX);

    fn of(wait: Duration) -> Self {
        Self(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX - 1))
    }

    const fn duration(self) -> Option<Duration> {
        match self {
            Self::UNKNOWN => None,
            Self(millis) => Some(Duration::from_millis(millis)),
        }
    }
}
