//! One fetch from beginning to end, and what comes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use portcullis_core::{Clock, KeysEvent, KeysOutcome, RefreshAhead};

use crate::key::DroppedKey;

use super::fetch::{Fetched, Memory};
use super::miss::{Began, Proof};
use super::shared::Shared;
use super::state::{Anchor, Unsaved};
use super::{FetchError, KeySet, offset};

/// A fetch whose end is not noted yet. Dropped, it counts as failed: no flight is in the air for ever.
struct Attempt<C: Clock> {
    shared: Arc<Shared<C>>,
    began: Began,
    ended: bool,
}

/// A good end.
struct Good {
    set: KeySet,
    outcome: KeysOutcome,
    dropped: Option<Vec<DroppedKey>>,
    soft_age: Duration,
    /// How old the answer was when it came.
    age: Duration,
    document: Option<bytes::Bytes>,
}

/// Fetches, swaps the set, notes the end, reports: in this order.
///
/// The clocks were read before, so the set is never taken for younger than it is.
pub(super) async fn run<C: Clock>(shared: Arc<Shared<C>>, began: Began) -> Result<(), FetchError> {
    let mut attempt = Attempt {
        shared,
        began,
        ended: false,
    };
    let shared = &attempt.shared;
    let mut memory = shared.state().memory.clone();
    let fetcher = &shared.fetcher;
    let fetch = tokio::time::timeout(fetcher.attempt, fetcher.fetch(&mut memory, began.moment.at));
    // A client that panics is a client that failed.
    let fetched = match AssertUnwindSafe(fetch).catch_unwind().await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(_elapsed)) => Err(FetchError::Timeout),
        Err(_panic) => Err(FetchError::Panicked),
    };
    attempt.end(fetched, Some(memory))
}

// === impl Attempt ===

impl<C: Clock> Attempt<C> {
    fn end(
        &mut self,
        fetched: Result<Fetched, FetchError>,
        memory: Option<Memory>,
    ) -> Result<(), FetchError> {
        self.ended = true;
        let shared = &self.shared;
        let before = shared.set.load_full();
        let now = shared.moment();
        let age = before.age(now.wall);
        if let Ok(Fetched {
            date: Some(date), ..
        }) = &fetched
        {
            let ahead = offset::ahead_millis(*date, self.began.moment.wall, now.wall);
            shared.issuer_ahead.store(ahead, Ordering::Relaxed);
        }
        let result = fetched.and_then(|fetched| self.judge(fetched, &before));
        let next = self.note(now.at, &result, memory);
        // Outside the lock: observers are somebody else's code.
        let outcome = match &result {
            Ok(good) => good.outcome,
            Err(error) => KeysOutcome::Failed {
                error: error.as_str(),
            },
        };
        let took = now.at.saturating_duration_since(self.began.moment.at);
        self.log(&result, took, next);
        let event = KeysEvent::new(&shared.issuer, outcome, took, age);
        if catch_unwind(AssertUnwindSafe(|| shared.observer.keys(&event))).is_err() {
            shared.count_panic();
        }
        result.map(|_| ())
    }

    /// What a fetch that ended well makes of the set in use.
    fn judge(&self, fetched: Fetched, before: &KeySet) -> Result<Good, FetchError> {
        let soft_age = self.shared.times.clamp_soft(fetched.lifetime);
        let obtained = self.began.moment.wall;
        let Some(new) = fetched.new else {
            return Ok(Good {
                set: before.obtained_at(Some(obtained)),
                outcome: KeysOutcome::Refreshed {
                    keys: before.keys().len(),
                    dropped: self.shared.state().dropped,
                    changed: false,
                },
                dropped: None,
                soft_age,
                age: fetched.age,
                document: None,
            });
        };
        let set = KeySet::fetched(new.keys, obtained)
            .map_err(|_| FetchError::DuplicateKid)?
            .keeping_generation_of(before);
        Ok(Good {
            outcome: KeysOutcome::Refreshed {
                keys: set.keys().len(),
                dropped: new.dropped.len(),
                changed: set.generation() != before.generation(),
            },
            set,
            dropped: Some(new.dropped),
            soft_age,
            age: fetched.age,
            document: Some(new.document),
        })
    }

    /// Swaps the set in, then notes the end: who sees the evidence sees the set. Gives the time until the
    /// next attempt.
    fn note(
        &self,
        now: Instant,
        result: &Result<Good, FetchError>,
        memory: Option<Memory>,
    ) -> Duration {
        let shared = &self.shared;
        let mut state = shared.state();
        let state = &mut *state;
        if state.ledger.is_outdated(self.began) {
            // Its runtime stood still for so long that another fetch was made meanwhile.
            return state.ledger.until_next(now);
        }
        if let Some(memory) = memory {
            state.memory = memory;
        }
        let next = match result {
            Ok(good) => {
                // Not the one read before: a later fetch may have ended meanwhile.
                let before = shared.set.swap(Arc::new(good.set.clone()));
                state.anchor = Anchor {
                    at: self.began.moment.at,
                    age: Duration::ZERO,
                };
                state.soft_age = good.soft_age;
                state.last_error = None;
                state.delays.reset();
                if let Some(dropped) = &good.dropped {
                    state.dropped = dropped.len();
                }
                if shared.store.is_some() {
                    if let Some(document) = &good.document {
                        state.document = document.clone();
                    }
                    state.unsaved = Some(Unsaved {
                        document: state.document.clone(),
                        obtained: self.began.moment.wall,
                        memory: state.memory.clone(),
                    });
                }
                let after = RefreshAhead::new().after(good.soft_age, &mut fastrand::Rng::new());
                // An attempt may outlast a short soft age; never fetch in a circle.
                let next = (self.began.moment.at + after).max(now + shared.times.retry_first);
                let changed = good.set.generation() != before.generation();
                let kids = good.set.keys().iter().filter_map(|key| key.kid());
                let proof = Proof::new(self.began, good.age);
                state.ledger.succeeded(proof, next, changed, kids);
                next
            }
            Err(error) => {
                if let Some(endpoint) = &mut state.memory.endpoint {
                    endpoint.suspect = true;
                }
                if *error == FetchError::Panicked {
                    state.panics = state.panics.saturating_add(1);
                }
                state.last_error = Some(*error);
                let next = now + state.delays.next_delay();
                state.ledger.failed(self.began, next);
                next
            }
        };
        shared.wake.notify_one();
        next.saturating_duration_since(now)
    }

    fn log(&self, result: &Result<Good, FetchError>, took: Duration, next: Duration) {
        let issuer: &str = &self.shared.issuer;
        match result {
            Ok(good) => {
                let KeysOutcome::Refreshed {
                    keys,
                    dropped,
                    changed,
                } = good.outcome
                else {
                    return;
                };
                let generation = good.set.generation();
                if changed {
                    tracing::info!(
                        target: "portcullis::jwks",
                        issuer, generation, keys, dropped, ?took, ?next, "keys changed"
                    );
                    for key in good.dropped.iter().flatten().take(8) {
                        // Its `Display` escapes the key id.
                        tracing::warn!(target: "portcullis::jwks", issuer, %key, "key left out");
                    }
                } else {
                    tracing::debug!(
                        target: "portcullis::jwks",
                        issuer, generation, keys, dropped, ?took, ?next, "keys confirmed"
                    );
                }
            }
            Err(error) => tracing::warn!(
                target: "portcullis::jwks",
                issuer, error = error.as_str(), detail = %error, ?took, ?next,
                "keys could not be fetched; those in use stay"
            ),
        }
    }
}

impl<C: Clock> Drop for Attempt<C> {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody is left to tell.
            let _ = self.end(Err(FetchError::Aborted), None);
        }
    }
}
