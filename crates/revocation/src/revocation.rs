//! The view, the log, and the task between them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::follower::Follower;
use crate::log::RevocationLog;
use crate::time::Moment;
use crate::{Health, Horizon, RevocationBuilder, Revoker, Secrets, View};

/// Revocation on this node: a [`View`] that a task keeps in step with a log, and a [`Revoker`] that
/// writes into it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_core::Secret;
/// use portcullis_revocation::{MemoryLog, Revocation, Secrets, Target};
///
/// let secrets = Secrets::new(&Secret::from("32 random bytes, from a safe place"))?;
/// let revocation = Revocation::builder(secrets, MemoryLog::new()).start()?;
///
/// let revoker = revocation.revoker();
/// revoker.revoke(Target::session("https://idp.example.com", "s-4711")).await?;
/// # Ok(()) }
/// ```
///
/// # Clone
/// A clone is a handle to the same. The task ends with the last handle; views and revokers are handles too.
#[derive(Clone)]
pub struct Revocation {
    owner: Arc<Owner>,
}

/// What all handles have in common and the task has not.
pub(crate) struct Owner(pub(crate) Arc<Core>);

/// What the handles and the task share.
pub(crate) struct Core {
    pub(crate) log: Arc<dyn RevocationLog>,
    /// Never held across an await.
    pub(crate) follower: Mutex<Follower>,
    pub(crate) view: View,
    pub(crate) secrets: Secrets,
    pub(crate) horizon: Horizon,
    pub(crate) moment: Arc<dyn Fn() -> Moment + Send + Sync>,
    pub(crate) poll_every: Duration,
    pub(crate) poll_deadline: Duration,
    pub(crate) closed: AtomicBool,
    /// Wakes the task when the last handle is gone.
    pub(crate) wake: Notify,
}

// === impl Revocation ===

impl Revocation {
    /// Starts to configure revocation over a log.
    ///
    /// The secrets are the same on every node of the log.
    pub fn builder(secrets: Secrets, log: impl RevocationLog) -> RevocationBuilder {
        RevocationBuilder::new(secrets, Arc::new(log))
    }

    pub(crate) fn of(core: Arc<Core>) -> Self {
        let owner = Arc::new(Owner(core));
        Self { owner }
    }

    /// What is known here: for whoever checks tokens.
    #[must_use]
    pub fn view(&self) -> View {
        let owner: Arc<dyn Any + Send + Sync> = self.owner.clone();
        self.owner.0.view.kept_by(owner)
    }

    /// For whoever revokes.
    #[must_use]
    pub fn revoker(&self) -> Revoker {
        Revoker::new(Arc::clone(&self.owner))
    }

    /// How it is going.
    #[must_use]
    pub fn health(&self) -> Health {
        let core = &self.owner.0;
        let age = core.view.age(core.moment());
        core.follower.lock().health(age)
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation").finish_non_exhaustive()
    }
}

// === impl Owner ===

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }
}

// === impl Core ===

impl Core {
    pub(crate) fn moment(&self) -> Moment {
        (self.moment)()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
