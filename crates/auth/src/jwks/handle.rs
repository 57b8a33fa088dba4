//! The handle to the keys of an issuer.

use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use portcullis_core::{Clock, SystemClock};
use portcullis_single_flight::FlightError;

use super::shared::{Advice, Patience, Shared};
use super::{JwksBuilder, JwksStatus, KeySet, Missing, Wanted, task};

/// The keys of one issuer. See the [module documentation](super).
///
/// # Clone
/// A clone is a handle to the same keys. The background task ends with the last handle; a fetch in
/// flight ends by itself, at the latest at its deadline.
pub struct Jwks<C: Clock = SystemClock> {
    shared: Arc<Shared<C>>,
    _owner: Arc<Owner<C>>,
}

/// A snapshot of the keys, borrowed. Keep it for one verification, not longer.
pub struct LoadedKeys(arc_swap::Guard<Arc<KeySet>>);

/// What all handles have in common and the task has not.
struct Owner<C: Clock>(Arc<Shared<C>>);

// === impl Jwks ===

impl Jwks {
    /// Starts to configure the keys of an issuer.
    ///
    /// `issuer` is the `iss` of its tokens, byte for byte, and what discovery starts from.
    pub fn builder(issuer: impl Into<String>) -> JwksBuilder {
        JwksBuilder::new(issuer.into())
    }
}

impl<C: Clock> Jwks<C> {
    pub(super) fn of(shared: Arc<Shared<C>>) -> Self {
        Self {
            _owner: Arc::new(Owner(Arc::clone(&shared))),
            shared,
        }
    }

    /// The keys as they are: no lock, no clock, no allocation.
    ///
    /// Take everything that one verification needs from one snapshot.
    #[inline]
    #[must_use]
    pub fn load(&self) -> LoadedKeys {
        self.keep_running();
        LoadedKeys(self.shared.set.load())
    }

    /// The issuer as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The age beyond which the keys are no longer good enough for a verdict.
    #[inline]
    #[must_use]
    pub fn hard_age(&self) -> Duration {
        self.shared.times.hard
    }

    /// How many milliseconds the issuer's clock is ahead of ours, by the `Date` of its last good answer. None
    /// where they agree, or nothing could be measured.
    #[must_use]
    pub fn issuer_ahead_millis(&self) -> Option<i64> {
        let ahead = self.shared.issuer_ahead.load(Ordering::Relaxed);
        (ahead != 0).then_some(ahead)
    }

    /// How the keys are doing, for a readiness endpoint and for metrics.
    #[must_use]
    pub fn status(&self) -> JwksStatus {
        self.keep_running();
        self.shared.status()
    }

    /// Answers for a missing key if that needs no waiting.
    ///
    /// None means that [`find_missing`](Self::find_missing) would wait for a fetch.
    #[must_use]
    pub fn miss_now(&self, wanted: &Wanted<'_>) -> Option<Missing> {
        self.keep_running();
        match self.shared.advise(wanted, &mut None, Patience::None) {
            Advice::Answer(missing) => Some(missing),
            Advice::Wait(_) | Advice::WouldWait => None,
        }
    }

    /// Finds a missing key, by a fetch if one is permitted, or finds out that there is none.
    ///
    /// It does not wait beyond `deadline`, an instant of the configured clock.
    ///
    /// # Cancel safety
    /// May be dropped at any time. A fetch goes on for the others.
    pub async fn find_missing(&self, wanted: &Wanted<'_>, deadline: Instant) -> Missing {
        task::ensure_here(&self.shared);
        let mut arrived = None;
        loop {
            let ticket = match self.shared.advise(wanted, &mut arrived, Patience::Some) {
                Advice::Answer(missing) => return missing,
                Advice::Wait(ticket) => ticket,
                Advice::WouldWait => return self.shared.impatient(),
            };
            let left = deadline.saturating_duration_since(self.shared.clock.now());
            let Some(timer) = task::timer(left) else {
                return self.shared.impatient();
            };
            match select(ticket, pin!(timer)).await {
                // Whatever came of it is in the ledger: decide again. A set that came need not have the key,
                // and a fetch that began before this request is no evidence.
                Either::Left((
                    Ok(())
                    | Err(FlightError::Failed(_) | FlightError::Panicked | FlightError::Deadline),
                    _,
                )) => {}
                // No place to wait, or no runtime to wait in; or it took too long.
                Either::Left((Err(_), _)) | Either::Right(_) => return self.shared.impatient(),
            }
        }
    }

    #[inline]
    fn keep_running(&self) {
        if self.shared.task.load(Ordering::Relaxed) == task::IDLE {
            task::ensure(&self.shared);
        }
    }
}

impl<C: Clock> Clone for Jwks<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            _owner: Arc::clone(&self._owner),
        }
    }
}

impl<C: Clock> fmt::Debug for Jwks<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("issuer", &self.issuer())
            .field("generation", &self.shared.set.load().generation())
            .finish_non_exhaustive()
    }
}

// === impl Owner ===

impl<C: Clock> Drop for Owner<C> {
    fn drop(&mut self) {
        self.0.close();
    }
}

// === impl LoadedKeys ===

impl Deref for LoadedKeys {
    type Target = KeySet;

    #[inline]
    fn deref(&self) -> &KeySet {
        &self.0
    }
}

impl fmt::Debug for LoadedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
