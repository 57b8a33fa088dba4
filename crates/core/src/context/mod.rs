//! What one request shares between its layers.

mod attach;
mod scope;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use http::Extensions;

pub use attach::RequestExt;
pub(crate) use scope::{CurrentStage, enter_stage};
pub use scope::{Entered, InScope, Lent};

use crate::stage::{Now, Stages};
use crate::{ClientAddress, Identity, RequestTrace, TraceContext};

/// One object per request, shared by every layer that needs it.
///
/// The outermost layer that needs it inserts it ([`ensure`](RequestContext::ensure)); the others find
/// it. Its slots are bound late: an inner layer fills them, an outer one reads them when the answer
/// comes back, so the order of layers cannot lose the caller. Identity, route and client address are filled once.
#[derive(Clone)]
pub struct RequestContext(Arc<Slots>);

struct Slots {
    arrived: Instant,
    identity: OnceLock<Identity>,
    verdict: Mutex<Option<&'static str>>,
    refused: AtomicBool,
    route: OnceLock<Arc<str>>,
    client: OnceLock<ClientAddress>,
    /// As a rule whoever makes a context reads the trace.
    trace: Option<RequestTrace>,
    late_trace: OnceLock<Box<RequestTrace>>,
    stages: OnceLock<Box<Stages>>,
}

// === impl RequestContext ===

impl RequestContext {
    /// A context of a request that arrived at `arrived`.
    #[must_use]
    pub fn new(arrived: Instant) -> Self {
        Self::with(arrived, None)
    }

    /// A context of a request that arrived at `arrived` and is part of `trace`.
    #[inline]
    #[must_use]
    pub fn traced(arrived: Instant, trace: RequestTrace) -> Self {
        Self::with(arrived, Some(trace))
    }

    #[inline]
    fn with(arrived: Instant, trace: Option<RequestTrace>) -> Self {
        Self(Arc::new(Slots {
            arrived,
            identity: OnceLock::new(),
            verdict: Mutex::new(None),
            refused: AtomicBool::new(false),
            route: OnceLock::new(),
            client: OnceLock::new(),
            trace,
            late_trace: OnceLock::new(),
            stages: OnceLock::new(),
        }))
    }

    /// The context in `extensions`, if an outer layer put one there.
    #[inline]
    #[must_use]
    pub fn find(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The context in `extensions`, inserted if there is none.
    pub fn ensure(extensions: &mut Extensions, arrived: impl FnOnce() -> Instant) -> &mut Self {
        extensions.get_or_insert_with(|| Self::new(arrived()))
    }

    /// When the request arrived at the outermost layer.
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.0.arrived
    }

    /// The caller, once an inner layer has verified one.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.get()
    }

    /// The stable reason label of the verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<&'static str> {
        *self
            .0
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a layer further in answered by itself, so that the answer says nothing about what it
    /// protects: a circuit breaker does not count it.
    ///
    /// The mark stays: of several attempts of one request, one was refused.
    #[must_use]
    pub fn refused(&self) -> bool {
        // Whoever has the answer in hand comes after the one who made it: there is nothing to order.
        self.0.refused.load(Ordering::Relaxed)
    }

    /// The matched route pattern, once somebody has matched it.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.0.route.get().map(|route| &**route)
    }

    /// The address of the client behind trusted proxies, once an outer layer has resolved it.
    #[must_use]
    pub fn client(&self) -> Option<ClientAddress> {
        self.0.client.get().copied()
    }

    /// What the request knows of the trace that it is part of, once an outer layer has read it.
    #[inline]
    #[must_use]
    pub fn trace(&self) -> Option<&RequestTrace> {
        let late = || self.0.late_trace.get().map(|trace| &**trace);
        self.0.trace.as_ref().or_else(late)
    }

    /// The span of this request, for log lines and for calls on its behalf.
    ///
    /// Where a caller's wish to be sampled waits for the caller to be known, it is granted here, or not, as soon as
    /// there is an [`identity`](RequestContext::identity).
    #[inline]
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        let known = self.0.identity.get().is_some();
        self.trace().map(|trace| trace.now(known))
    }

    /// The times of its stages, if somebody wanted to have them.
    #[inline]
    #[must_use]
    pub fn stages(&self) -> Option<&Stages> {
        self.0.stages.get().map(|stages| &**stages)
    }

    /// Times the stages of the request from now on, by the clock `now`.
    pub fn time_stages(&self, now: Now) {
        self.0.stages.get_or_init(|| Box::new(Stages::new(now)));
    }

    /// Whether both are the context of one request.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Fills the caller; says whether the slot was free.
    pub fn set_identity(&self, identity: Identity) -> bool {
        self.0.identity.set(identity).is_ok()
    }

    /// Sets the reason label of the verdict. The last one stays: a layer further in may refuse what one
    /// further out let pass.
    pub fn set_verdict(&self, reason: &'static str) {
        *self
            .0
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Leaves the mark that a layer answers by itself.
    pub fn note_refusal(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
    }

    /// Fills the matched route pattern (`/users/{id}`, never a raw path); says whether the slot was free.
    pub fn set_route(&self, route: Arc<str>) -> bool {
        self.0.route.set(route).is_ok()
    }

    /// Fills the address of the client; says whether the slot was free.
    pub fn set_client(&self, client: ClientAddress) -> bool {
        self.0.client.set(client).is_ok()
    }

    /// Fills the trace; says whether the slot was free.
    pub fn set_trace(&self, trace: RequestTrace) -> bool {
        self.0.trace.is_none() && self.0.late_trace.set(Box::new(trace)).is_ok()
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("identity", &self.identity())
            .field("verdict", &self.verdict())
            .field("refused", &self.refused())
            .field("route", &self.route())
            .field("trace", &self.trace_context())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
