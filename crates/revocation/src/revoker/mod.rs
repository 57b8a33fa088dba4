//! Revoking, and taking it back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Backoff, Jitter};
use tokio::time::{Instant, sleep, timeout};

use crate::log::{Append, Appended, Epoch, LogError};
use crate::revocation::{Core, Owner};
use crate::task::has_timers;

pub use self::error::RevokeError;
pub use self::order::Order;
pub use self::target::{Confirmation, Target};

mod error;
mod order;
mod target;

/// Revokes, and takes it back. Made by [`Revocation::revoker`](crate::Revocation::revoker).
///
/// What the log acknowledged is enforced here at once, and elsewhere within the bound that
/// [`Health`](crate::Health) states.
#[derive(Clone)]
pub struct Revoker {
    owner: Arc<Owner>,
    patience: Duration,
}

/// What the log acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// How many replicas have it.
    pub replicas: u32,
    /// How many must have it for a majority to have it.
    pub required: u32,
}

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_millis(500);
const PATIENCE_MAX: Duration = Duration::from_secs(3600);

// === impl Revoker ===

impl Revoker {
    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        let patience = Duration::from_secs(2);
        Self { owner, patience }
    }

    /// How long to try, over all attempts: 2 s unless told otherwise, and an hour at most.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Revokes one thing.
    ///
    /// # Errors
    /// See [`submit`](Self::submit).
    ///
    /// # Cancel safety
    /// See [`submit`](Self::submit).
    pub async fn revoke(&self, target: Target) -> Result<Ack, RevokeError> {
        self.submit(&Order::revoke([target])).await
    }

    /// Takes a revocation back.
    ///
    /// # Errors
    /// See [`submit`](Self::submit).
    ///
    /// # Cancel safety
    /// See [`submit`](Self::submit).
    pub async fn lift(&self, target: Target) -> Result<Ack, RevokeError> {
        self.submit(&Order::lift([target])).await
    }

    /// Submits an order: all of it or nothing.
    ///
    /// An attempt without an answer is repeated, as the same order, so that it takes effect once at most.
    ///
    /// # Errors
    /// [`RevokeError::Unknown`] if it may or may not have been done. Then submit the same order again.
    /// Any other error: nothing was done.
    ///
    /// # Cancel safety
    /// What was sent may be done although the future was dropped. Submit the same order again to be sure.
    pub async fn submit(&self, order: &Order) -> Result<Ack, RevokeError> {
        if order.targets().is_empty() {
            return Err(RevokeError::Nothing);
        }
        if order.targets().len() > Order::MOST {
            return Err(RevokeError::TooMuch);
        }
        if !has_timers() {
            return Err(RevokeError::NoRuntime);
        }
        let core = &self.owner.0;
        let done = self.attempts(core, order).await;
        let outcome = done.as_ref().map_or_else(RevokeError::label, |_| "ok");
        tracing::info!(
            target: "portcullis::revocation::audit",
            action = order.action(), kinds = %order.kinds(), count = order.targets().len(),
            reason = order.reason(), order = %order.op(), outcome
        );
        let appended = done?;
        core.follower
            .lock()
            .own(core.moment().at, &appended.records);
        Ok(Ack {
            replicas: appended.replicas,
            required: appended.required,
        })
    }

    /// Names an order by what caused it. On whatever node of the log the same cause is met again, within the time
    /// that the log remembers, it takes effect once.
    pub(crate) fn caused_by(&self, order: Order, issuer: &str, cause: &[u8; 32]) -> Order {
        order.caused_by(&self.owner.0.secrets, issuer, cause)
    }

    async fn attempts(&self, core: &Core, order: &Order) -> Result<Appended, RevokeError> {
        let end = Instant::now() + self.patience.min(PATIENCE_MAX);
        let mut delays =
            Backoff::exponential(Duration::from_millis(20), Duration::from_millis(200))
                .with_jitter(Jitter::Equal)
                .delays();
        let mut sent = false;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let attempt = core.log.append(self.append(core, order));
            let error = match timeout(left.min(ATTEMPT), attempt).await {
                Ok(Ok(appended)) => return Ok(appended),
                Ok(Err(error)) => error,
                Err(_) => LogError::Timeout,
            };
            sent |= error == LogError::Timeout;
            let delay = delays.next_delay();
            if !error.is_transient() || Instant::now() + delay >= end {
                // An earlier attempt may still be done, late.
                return Err(if sent {
                    RevokeError::Unknown(error)
                } else {
                    RevokeError::NotDone(error)
                });
            }
            sleep(delay).await;
        }
    }

    fn append(&self, core: &Core, order: &Order) -> Append {
        Append {
            op: order.op(),
            changes: order.edits(&core.secrets),
            fingerprints: core.secrets.fingerprints().collect(),
            floor: core.follower.lock().stamp(),
            epoch: Epoch::random(),
            horizon: core.horizon,
        }
    }
}

impl fmt::Debug for Revoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revoker").finish_non_exhaustive()
    }
}

// === impl Ack ===

impl Ack {
    /// Whether it outlives the loss of the primary: a majority has it.
    #[must_use]
    pub const fn is_durable(self) -> bool {
        self.replicas >= self.required
    }
}
