//! The one hook that every layer reports to.

use std::sync::Arc;
use std::time::Duration;

use crate::{OutageCause, Provenance};

mod circuit;
mod request;

pub use circuit::{CircuitEvent, CircuitEventKind, CircuitState};
pub use request::{
    Ending, GrpcStatus, Phase, RequestBegan, RequestEnded, Side, StageEvent, TraceEvent,
    TraceOutcome,
};

/// A receiver of typed events.
///
/// Static dispatch, every method with an empty default: `()` compiles away. The calls are made
/// outside every lock, on the request path: they must not block. Metrics and audit are adapters of it.
///
/// Labels ([`reason`](VerdictEvent::reason), [`issuer`](VerdictEvent::issuer), …) come from closed
/// sets, never from a caller, so they are safe as metric labels.
pub trait Observer: Send + Sync + 'static {
    /// A request was judged by the auth layer.
    fn verdict(&self, event: &VerdictEvent<'_>) {
        let _ = event;
    }

    /// A set of keys was refreshed, or was not.
    fn keys(&self, event: &KeysEvent<'_>) {
        let _ = event;
    }

    /// A circuit moved, or refused a call.
    fn circuit(&self, event: &CircuitEvent<'_>) {
        let _ = event;
    }

    /// A request came in, or a call goes out.
    fn request_began(&self, event: &RequestBegan) {
        let _ = event;
    }

    /// A request, or a call, is over.
    fn request_ended(&self, event: &RequestEnded<'_>) {
        let _ = event;
    }

    /// A request came with a trace, or without.
    fn trace(&self, event: &TraceEvent) {
        let _ = event;
    }

    /// One stage of a request that is over, right before the request itself; where it was timed.
    fn stage(&self, event: &StageEvent<'_>) {
        let _ = event;
    }

    /// Whether it listens to [`request_began`](Self::request_began) and [`request_ended`](Self::request_ended): where
    /// nobody does, no clock is read for them.
    fn watches_requests(&self) -> bool {
        true
    }
}

/// One judged request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerdictEvent<'a> {
    /// What was found out.
    pub outcome: VerdictOutcome,
    /// The stable reason label of `docs/reasons.md`; `ok` where there is nothing to explain.
    pub reason: &'static str,
    /// What was answered: `None` if the request was passed on.
    pub refused: Option<http::StatusCode>,
    /// How the identity is known, where there is one.
    pub provenance: Option<Provenance>,
    /// The configured issuer, where there is an identity.
    pub issuer: Option<&'a str>,
}

/// What was found out about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerdictOutcome {
    /// The token is good.
    Valid,
    /// The token, or the way it was presented, was positively judged bad.
    Invalid,
    /// It could not be found out.
    Indeterminate,
    /// No token was presented.
    Absent,
    /// The token is good, but not for this route.
    Insufficient,
    /// An [`Admission`](crate::Admission) hook refused to let the check be made.
    NotAdmitted,
}

/// One attempt to refresh the keys of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysEvent<'a> {
    /// The configured issuer.
    pub issuer: &'a str,
    /// What came of it.
    pub outcome: KeysOutcome,
    /// How long the attempt took.
    pub took: Duration,
    /// The age of the keys in use before the attempt; `None` if there were none.
    pub age: Option<Duration>,
}

/// What came of an attempt to refresh keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysOutcome {
    /// A usable set arrived.
    Refreshed {
        /// Usable keys in it.
        keys: usize,
        /// Members that were left out, each for a reason of its own.
        dropped: usize,
        /// Whether the set differs from the one before.
        changed: bool,
    },
    /// No usable set arrived; the one in use stays.
    Failed {
        /// The stable label of the error.
        error: &'static str,
    },
}

// === impl Observer ===

impl Observer for () {
    fn watches_requests(&self) -> bool {
        false
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        (**self).verdict(event);
    }

    fn keys(&self, event: &KeysEvent<'_>) {
        (**self).keys(event);
    }

    fn circuit(&self, event: &CircuitEvent<'_>) {
        (**self).circuit(event);
    }

    fn request_began(&self, event: &RequestBegan) {
        (**self).request_began(event);
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        (**self).request_ended(event);
    }

    fn trace(&self, event: &TraceEvent) {
        (**self).trace(event);
    }

    fn stage(&self, event: &StageEvent<'_>) {
        (**self).stage(event);
    }

    fn watches_requests(&self) -> bool {
        (**self).watches_requests()
    }
}

/// Both, in order.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        self.0.verdict(event);
        self.1.verdict(event);
    }

    fn keys(&self, event: &KeysEvent<'_>) {
        self.0.keys(event);
        self.1.keys(event);
    }

    fn circuit(&self, event: &CircuitEvent<'_>) {
        self.0.circuit(event);
        self.1.circuit(event);
    }

    fn request_began(&self, event: &RequestBegan) {
        self.0.request_began(event);
        self.1.request_began(event);
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        self.0.request_ended(event);
        self.1.request_ended(event);
    }

    fn trace(&self, event: &TraceEvent) {
        self.0.trace(event);
        self.1.trace(event);
    }

    fn stage(&self, event: &StageEvent<'_>) {
        self.0.stage(event);
        self.1.stage(event);
    }

    fn watches_requests(&self) -> bool {
        self.0.watches_requests() || self.1.watches_requests()
    }
}

// === impl events ===

impl<'a> VerdictEvent<'a> {
    /// An event of a request that was passed on and had nothing to explain.
    #[must_use]
    pub const fn new(outcome: VerdictOutcome, reason: &'static str) -> Self {
        Self {
            outcome,
            reason,
            refused: None,
            provenance: None,
            issuer: None,
        }
    }

    /// The same event, answered with `status`.
    #[must_use]
    pub const fn refused(mut self, status: http::StatusCode) -> Self {
        self.refused = Some(status);
        self
    }

    /// The same event, about `identity`.
    #[inline]
    #[must_use]
    pub fn about(mut self, identity: &'a crate::Identity) -> Self {
        self.provenance = Some(identity.provenance());
        self.issuer = Some(identity.issuer());
        self
    }

    /// The cause, if the request was admitted by a degrade policy.
    #[must_use]
    pub fn degraded(&self) -> Option<OutageCause> {
        self.provenance.and_then(Provenance::degraded)
    }
}

impl<'a> KeysEvent<'a> {
    /// An event about the keys of `issuer`.
    #[must_use]
    pub const fn new(
        issuer: &'a str,
        outcome: KeysOutcome,
        took: Duration,
        age: Option<Duration>,
    ) -> Self {
        Self {
            issuer,
            outcome,
            took,
            age,
        }
    }
}

impl VerdictOutcome {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Indeterminate => "indeterminate",
            Self::Absent => "absent",
            Self::Insufficient => "insufficient",
            Self::NotAdmitted => "not_admitted",
        }
    }
}
