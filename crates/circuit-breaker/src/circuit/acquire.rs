//! Who may call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{CircuitEventKind, CircuitState, Clock};

use super::cause::Cause;
use super::core::Core;
use super::permit::{Permit, Role};
use super::word::{Probes, Word};
use crate::sync::Ordering;

/// A call that was not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    name: Arc<str>,
    state: CircuitState,
    retry_after: Option<Duration>,
}

/// What became of one look at the word.
enum Look<C: Clock> {
    Admitted(Permit<C>),
    Refused(CircuitState, Option<Duration>),
    /// The word is another one now.
    Again,
}

/// Asks to call; tells who watches if it is refused.
#[inline]
pub(super) fn acquire<C: Clock>(core: &Arc<Core<C>>) -> Result<Permit<C>, Rejected> {
    let word = core.word();
    if word.is_closed()
        && let Some(permit) = admit(core, word)
    {
        return Ok(permit);
    }
    settle(core).map_err(|(state, retry_after)| refuse(core, state, retry_after))
}

/// Refuses a call that was not to be made a moment ago. If the circuit moved since, that is for the next call.
pub(super) fn reject<C: Clock>(core: &Arc<Core<C>>) -> Rejected {
    let (state, retry_after) = match core.word().state() {
        CircuitState::ForcedOpen => (CircuitState::ForcedOpen, None),
        state @ (CircuitState::Open | CircuitState::HalfOpen) => (state, core.stays_so()),
        _ => (CircuitState::Open, Some(Duration::ZERO)),
    };
    refuse(core, state, retry_after)
}

fn refuse<C: Clock>(
    core: &Core<C>,
    state: CircuitState,
    retry_after: Option<Duration>,
) -> Rejected {
    core.rejected.0.fetch_add(1, Ordering::Relaxed);
    core.report(CircuitEventKind::Rejected { state });
    Rejected {
        name: Arc::clone(&core.settings.name),
        state,
        retry_after,
    }
}

/// Asks to call; nobody is told of a refusal.
pub(super) fn acquire_quietly<C: Clock>(core: &Arc<Core<C>>) -> Option<Permit<C>> {
    settle(core).ok()
}

/// Looks until the word stands still long enough.
fn settle<C: Clock>(core: &Arc<Core<C>>) -> Result<Permit<C>, (CircuitState, Option<Duration>)> {
    loop {
        match look(core, core.word()) {
            Look::Admitted(permit) => return Ok(permit),
            Look::Refused(state, retry_after) => return Err((state, retry_after)),
            Look::Again => {}
        }
    }
}

fn look<C: Clock>(core: &Arc<Core<C>>, word: Word) -> Look<C> {
    match word.state() {
        CircuitState::Closed | CircuitState::MetricsOnly => {
            admit(core, word).map_or(Look::Again, Look::Admitted)
        }
        CircuitState::Open => {
            let now = core.now_millis();
            match word.open_for(now) {
                Some(left) => {
                    Look::Refused(CircuitState::Open, Some(Duration::from_millis(left.max(1))))
                }
                None => first_probe(core, word, now),
            }
        }
        CircuitState::HalfOpen => next_probe(core, word),
        CircuitState::ForcedOpen => Look::Refused(CircuitState::ForcedOpen, None),
        // Disabled.
        _ => Look::Admitted(Permit::new(core, word.generation(), Role::Free, None)),
    }
}

/// A call in a state where calls pass and are counted. None if the calls that hang just opened the circuit.
#[inline]
fn admit<C: Clock>(core: &Arc<Core<C>>, word: Word) -> Option<Permit<C>> {
    let generation = word.generation();
    if !core.timed {
        return Some(Permit::new(core, generation, Role::Call, None));
    }
    let now = core.now();
    if let Some(calls) = &core.in_flight {
        let overdue = calls.look(generation, now);
        if overdue > 0 && core.opened_by_hanging(word, overdue, now) {
            return None;
        }
        calls.enter(generation, now);
    }
    Some(Permit::new(core, generation, Role::Call, Some(now)))
}

/// The time of an open circuit is over: who finds that is the first probe.
#[cold]
fn first_probe<C: Clock>(core: &Arc<Core<C>>, word: Word, now_millis: u64) -> Look<C> {
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
    Look::Admitted(probe(core, next))
}

fn next_probe<C: Clock>(core: &Arc<Core<C>>, word: Word) -> Look<C> {
    let left = core.probing_left(word.generation());
    if left.is_zero() {
        core.end_probing(word);
        return Look::Again;
    }
    let mut probes = word.probes();
    if probes.issued >= core.settings.probes {
        return Look::Refused(CircuitState::HalfOpen, Some(left));
    }
    probes.issued += 1;
    if core.swap(word, word.with_probes(probes)) {
        Look::Admitted(probe(core, word))
    } else {
        Look::Again
    }
}

fn probe<C: Clock>(core: &Arc<Core<C>>, word: Word) -> Permit<C> {
    let now = core.timed.then(|| core.now());
    Permit::new(core, word.generation(), Role::Probe, now)
}

impl<C: Clock> Core<C> {
    /// How long it is open, or its probes have, at most.
    fn stays_so(&self) -> Option<Duration> {
        let word = self.word();
        match word.state() {
            CircuitState::Open => {
                let left = word.open_for(self.now_millis()).unwrap_or_default();
                Some(Duration::from_millis(left.max(1)))
            }
            CircuitState::HalfOpen => Some(self.probing_left(word.generation())),
            _ => None,
        }
    }

    /// Whether a call would be let through.
    pub(super) fn admits(&self) -> bool {
        let word = self.word();
        match word.state() {
            CircuitState::Open => word.open_for(self.now_millis()).is_none(),
            CircuitState::HalfOpen => {
                word.probes().issued < self.settings.probes
                    || self.probing_left(word.generation()).is_zero()
            }
            CircuitState::ForcedOpen => false,
            _ => true,
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
        self.state
    }

    /// How long it stays so at most: the rest of the time that it is open for, or that its probes have. None where
    /// it was opened by hand.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the circuit {:?} is {}", self.name, self.state.as_str())?;
        match self.retry_after {
            Some(left) => write!(f, " for {} ms more", left.as_millis()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejected {}
