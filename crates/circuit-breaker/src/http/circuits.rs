//! Which circuit a request belongs to.

use std::fmt;
use std::hash::Hash;

use portcullis_core::{Clock, Head, SystemClock};

use crate::{Circuit, KeyedCircuits, Permit, Rejected};

/// Tells the circuit of a request. A [`Circuit`] is that of all requests.
pub trait Circuits: Send + Sync + 'static {
    /// The clock of the circuits.
    type Clock: Clock;

    /// Asks to make the call.
    ///
    /// # Errors
    /// [`Rejected`] if it is not to be made.
    fn try_acquire(&self, head: Head<'_>) -> Result<Permit<Self::Clock>, Rejected>;

    /// Whether every request would be refused now: then the service inside is not even asked whether it is ready.
    fn refuses_all(&self) -> bool {
        false
    }

    /// The service inside failed before there was a request.
    fn not_ready(&self) {}

    /// The service inside is not ready. Whether that is so because calls hang, for which a circuit has just opened.
    fn hangs(&self) -> bool {
        false
    }
}

/// A circuit for each key, and how to tell the key of a request.
///
/// Whether the service inside can get ready at all counts for nobody: before there is a request there is no key.
///
/// The key must not be the caller's to choose freely: at the bound of [`KeyedCircuits`] whoever is new shares a circuit.
pub struct ByKey<K, F, C: Clock = SystemClock> {
    circuits: KeyedCircuits<K, C>,
    key: F,
}

// === impl Circuits ===

impl<C: Clock> Circuits for Circuit<C> {
    type Clock = C;

    #[inline]
    fn try_acquire(&self, _: Head<'_>) -> Result<Permit<C>, Rejected> {
        Circuit::try_acquire(self)
    }

    fn refuses_all(&self) -> bool {
        self.refuses().is_some()
    }

    fn not_ready(&self) {
        self.fail();
    }

    fn hangs(&self) -> bool {
        self.opens_by_hanging()
    }
}

// === impl ByKey ===

impl<K, F, C: Clock> ByKey<K, F, C> {
    /// The circuit of the key that `key` tells.
    pub const fn new(circuits: KeyedCircuits<K, C>, key: F) -> Self {
        Self { circuits, key }
    }
}

impl<K, F, C> Circuits for ByKey<K, F, C>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    F: Fn(Head<'_>) -> K + Send + Sync + 'static,
    C: Clock,
{
    type Clock = C;

    fn try_acquire(&self, head: Head<'_>) -> Result<Permit<C>, Rejected> {
        self.circuits.get(&(self.key)(head)).try_acquire()
    }
}

impl<K, F, C: Clock> fmt::Debug for ByKey<K, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").finish_non_exhaustive()
    }
}
