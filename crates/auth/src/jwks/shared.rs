//! What all handles of a key source, its refresh task and its fetches share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use portcullis_core::{Clock, InScope, Observer, RequestContext};
use portcullis_single_flight::{Role, SingleFlight, Ticket};
use tokio::sync::Notify;

use super::attempt;
use super::fetch::Fetcher;
use super::miss::{Decision, Moment, Question};
use super::state::State;
use super::store::Store;
use super::{FetchError, Freshness, JwksStatus, JwksTimes, KeySet, Missing, Wanted};

pub(super) type FetchTicket = Ticket<(), (), FetchError>;

pub(super) struct Shared<C> {
    pub(super) issuer: Box<str>,
    pub(super) set: ArcSwap<KeySet>,
    /// How many milliseconds the issuer's clock is ahead of ours, as measured last; zero if they agree.
    pub(super) issuer_ahead: AtomicI64,
    pub(super) clock: C,
    pub(super) times: JwksTimes,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) fetcher: Fetcher,
    pub(super) store: Option<Arc<Store>>,
    /// Scheduled fetches and those for unknown keys: never two at once.
    pub(super) flights: SingleFlight<(), (), FetchError>,
    /// Never held across an await or a call of user code.
    pub(super) state: Mutex<State>,
    /// Wakes the refresh task: the schedule changed, or the last handle is gone.
    pub(super) wake: Notify,
    pub(super) closed: AtomicBool,
    /// What the refresh task does, see [`task`](super::task).
    pub(super) task: AtomicU8,
}

/// What to do about a missing key.
pub(super) enum Advice {
    Answer(Missing),
    Wait(FetchTicket),
    /// There is something to wait for, and the caller did not want to.
    WouldWait,
}

/// Whether the caller is able to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    Some,
}

// === impl Shared ===

impl<C: Clock> Shared<C> {
    pub(super) fn moment(&self) -> Moment {
        Moment {
            at: self.clock.now(),
            wall: self.clock.wall(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole, so a poisoned lock only tells of a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for a missing key, or says what to wait for. `arrived` is filled in by the first call for a
    /// request.
    pub(super) fn advise(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        arrived: &mut Option<u64>,
        patience: Patience,
    ) -> Advice {
        let now = self.moment();
        let mut state = self.state();
        let question = Question {
            kid: wanted.kid,
            instead: wanted.instead.map(|instead| (wanted.algorithm, instead)),
            arrived: *arrived.get_or_insert(state.ledger.begun()),
            issued: wanted.issued_at.map(|at| at + wanted.leeway),
        };
        let decision = state.ledger.decide(now, question);
        // Under the lock, and after the decision: a fetch swaps its set in before it is evidence, so
        // a key that the evidence speaks of is seen here.
        if wanted.is_in(&self.set.load()) {
            return Advice::Answer(Missing::LookAgain);
        }
        let wait = match decision {
            Decision::Absent => return Advice::Answer(Missing::Absent),
            Decision::Fetch { .. } | Decision::Join if patience == Patience::None => {
                return Advice::WouldWait;
            }
            Decision::Fetch { charged } => match self.launch(&mut state, now, charged) {
                Ok(ticket) => return Advice::Wait(ticket),
                Err(_) => Duration::ZERO,
            },
            Decision::Join => match self.flights.join(&()) {
                Some(ticket) => return Advice::Wait(ticket),
                None => {
                    self.lose_flight(&mut state, now.at);
                    Duration::ZERO
                }
            },
            Decision::Unavailable(wait) => wait,
        };
        drop(state);
        Advice::Answer(Missing::outage(wait))
    }

    /// The answer for a caller who cannot wait any longer.
    pub(super) fn impatient(&self) -> Missing {
        let now = self.clock.now();
        let wait = self.state().ledger.wait(now);
        Missing::outage(wait)
    }

    /// Starts a fetch, detached from whoever asks for it.
    ///
    /// The lock is held meanwhile, so the fetch cannot end before its beginning is noted.
    pub(super) fn launch(
        self: &Arc<Self>,
        state: &mut State,
        now: Moment,
        charged: bool,
    ) -> Result<FetchTicket, FetchError> {
        let began = state.ledger.next(now);
        let shared = Arc::clone(self);
        // It is made for whoever needs it first, and its calls are part of that trace.
        let on_behalf_of = RequestContext::current();
        let work = move || InScope::new(attempt::run(shared, began), on_behalf_of);
        let ticket = self
            .flights
            .spawn_if_absent((), work)
            .map_err(|_| FetchError::NoRuntime)?;
        // A waiter here found a flight that has ended for the ledger and is about to land: nothing began.
        if ticket.role() == Role::Leader {
            state.ledger.begin(began, charged);
        }
        Ok(ticket)
    }

    /// Notes that the fetch in flight vanished with its runtime.
    pub(super) fn lose_flight(&self, state: &mut State, now: Instant) {
        state.ledger.lose(now);
        state.last_error = Some(FetchError::Aborted);
        self.wake.notify_one();
    }

    pub(super) fn status(&self) -> JwksStatus {
        let now = self.moment();
        let set = self.set.load_full();
        let state = self.state();
        let age = set.age(now.wall);
        let freshness = match age {
            _ if set.is_cold() => Freshness::Cold,
            _ if set.overdue(now.wall, self.times.hard).is_some() => Freshness::Expired,
            Some(age) if age >= state.soft_age => Freshness::Stale,
            _ => Freshness::Fresh,
        };
        JwksStatus {
            freshness,
            age,
            generation: set.generation(),
            keys: set.keys().len(),
            dropped: state.dropped,
            last_error: state.last_error,
            failures: state.delays.retries(),
            panics: state.panics,
            fetching: state.ledger.in_flight(now.at),
            next_attempt_in: state.ledger.until_next(now.at),
            store_error: state.store_error,
        }
    }

    /// Makes the age of the set the larger of what the two clocks say.
    ///
    /// The monotonic clock stands still while a machine sleeps, the wall clock can be set back.
    pub(super) fn reanchor(&self, state: &State, now: Moment) {
        let set = self.set.load();
        let Some(obtained) = set.obtained() else {
            return;
        };
        let by_monotonic = now.wall - state.age(now.at);
        // Within a second, the clocks agree.
        if by_monotonic + Duration::from_secs(1) < obtained {
            self.set
                .store(Arc::new(set.obtained_at(Some(by_monotonic))));
        }
    }

    pub(super) fn count_panic(&self) {
        let mut state = self.state();
        state.panics = state.panics.saturating_add(1);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
