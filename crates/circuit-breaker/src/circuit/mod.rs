//! The circuit: state, window and limits behind one handle.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_core::{CircuitState, Clock, SystemClock};

use self::core::Core;
use self::handle::Handle;
use self::settings::Settings;

mod acquire;
pub(crate) mod buckets;
mod builder;
mod cause;
mod core;
mod handle;
pub(crate) mod in_flight;
mod moves;
mod name;
mod permit;
mod record;
pub(crate) mod ring;
pub(crate) mod roster;
mod settings;
mod snapshot;
pub(crate) mod tally;
mod upload;
mod word;

pub(crate) use self::acquire::NotNow;
pub use self::acquire::Rejected;
pub use self::builder::CircuitBuilder;
pub use self::cause::Cause;
pub use self::moves::IllegalMove;
pub use self::permit::Permit;
pub use self::settings::{Cancelled, Window};
pub use self::snapshot::Snapshot;
pub use self::upload::Upload;

/// One dependency, and whether it is worth asking: a state machine that needs neither tower nor a runtime.
///
/// | state | calls | ends |
/// |---|---|---|
/// | closed | pass and are counted | when a limit is reached: open |
/// | open | are refused | when its time is over, at the next call: half-open |
/// | half-open | so many pass as probes, the others are refused | when the probes decide: closed or open |
/// | forced open | are refused | by hand |
/// | disabled | pass and are not counted | by hand |
/// | metrics only | pass and are counted; where it would have opened it says so | by hand |
///
/// Every move begins a new generation, and every [`Permit`] has the one that it was given in: what comes back late,
/// from before a move, counts for nothing. Nothing here waits, locks or allocates on the way of a call.
///
/// ```
/// use portcullis_circuit_breaker::{Circuit, Window};
/// use portcullis_core::{CircuitState, ConfigError};
///
/// # fn main() -> Result<(), ConfigError> {
/// let circuit = Circuit::builder("orders").window(Window::Count(10)).minimum_calls(4).build()?;
/// for _ in 0..4 {
///     match circuit.try_acquire() {
///         Ok(permit) => permit.failure(), // asked, and it failed
///         Err(rejected) => panic!("{rejected}"),
///     }
/// }
/// assert_eq!(circuit.state(), CircuitState::Open);
/// let rejected = circuit.try_acquire().unwrap_err();
/// assert!(rejected.retry_after().is_some_and(|wait| wait.as_secs() <= 5));
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// A clone is a handle to the same circuit.
pub struct Circuit<C: Clock = SystemClock> {
    handle: Handle<C>,
}

// === impl Circuit ===

impl Circuit {
    /// Starts to configure a circuit. The name is for logs and metrics: take it from the configuration, never from a
    /// caller. Names are kept for as long as the process runs, a thousand of them at most.
    pub fn builder(name: impl Into<Arc<str>>) -> CircuitBuilder {
        CircuitBuilder::new(name.into())
    }
}

impl<C: Clock> Circuit<C> {
    fn new(settings: Settings, clock: C) -> Self {
        Self {
            handle: Handle::new(Core::new(settings, clock)),
        }
    }

    #[inline(always)]
    fn core(&self) -> &Core<C> {
        self.handle.core()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core().settings.name
    }

    /// The state. An open circuit whose time is over is open until somebody calls.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.core().word().state()
    }

    /// Whether a call might be let through now: for whoever has several dependencies to choose from. It changes
    /// nothing, so the call itself may still find that probes, or calls, have hung for too long.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.core().refuses().is_none()
    }

    /// Whether a call would not be let through now.
    #[inline(always)]
    pub(crate) fn refuses(&self) -> Option<NotNow> {
        self.core().refuses()
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// [`Rejected`] if the dependency is not to be asked now.
    #[inline(always)]
    pub fn try_acquire(&self) -> Result<Permit<C>, Rejected> {
        acquire::acquire(&self.handle)
    }

    /// Looks whether calls hang, where no call is admitted that would. Whether that has just opened it.
    pub(crate) fn opens_by_hanging(&self) -> bool {
        acquire::opens_by_hanging(&self.handle)
    }

    /// Whether somebody else has a handle or a permit.
    pub(crate) fn is_shared(&self) -> bool {
        self.handle.is_shared()
    }

    /// Refuses a call that was not to be made, whatever has changed since.
    pub(crate) fn reject(&self, not_now: NotNow) -> Rejected {
        acquire::reject(self.core(), not_now)
    }

    /// Counts a failure of the dependency that no call was made for: it could not even be made ready.
    pub fn fail(&self) {
        if let Some(permit) = acquire::acquire_quietly(&self.handle) {
            permit.failure();
        }
    }

    /// What the window holds, and how often it refused: read without a lock.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.handle.snapshot()
    }

    /// Whether it is closed and nothing speaks against the dependency: nothing is lost if the circuit is forgotten.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let (core, word) = (self.core(), self.core().word());
        let (generation, now) = (word.generation(), core.now());
        word.is_closed()
            && self.handle.overdue(generation, now) == 0
            && core.is_clean(generation, now)
    }

    // === by hand ===

    /// Moves it by hand. Moving to the state that it is in changes nothing, and is no error.
    ///
    /// | from | to |
    /// |---|---|
    /// | closed | open, forced open, disabled, metrics only |
    /// | metrics only | closed, forced open, disabled |
    /// | any other | any |
    ///
    /// # Errors
    /// [`IllegalMove`] for what the table has not; the state stays.
    pub fn move_to(&self, state: CircuitState) -> Result<(), IllegalMove> {
        self.core().move_to(state)
    }

    /// Opens it for so long, whatever the limits say, and does not count that as an attempt: the next time it opens
    /// by itself it stays open as long as if this had not been. At most a year.
    ///
    /// # Errors
    /// [`IllegalMove`] from metrics only.
    pub fn open_for(&self, time: Duration) -> Result<(), IllegalMove> {
        self.core().open_for(time)
    }

    /// Opens it until that instant.
    ///
    /// # Errors
    /// [`IllegalMove`] from metrics only.
    pub fn open_until(&self, instant: Instant) -> Result<(), IllegalMove> {
        let now = self.core().clock.now();
        self.open_for(instant.saturating_duration_since(now))
    }

    /// Begins anew: closed, with an empty window.
    pub fn reset(&self) {
        self.core().reset();
    }
}

impl<C: Clock> Clone for Circuit<C> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
        }
    }
}

impl<C: Clock> fmt::Debug for Circuit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit")
            .field("name", &self.name())
            .field("state", &self.state().as_str())
            .finish_non_exhaustive()
    }
}
