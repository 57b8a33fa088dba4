//! What the gateway counts, for `/metrics`.
//!
//! Counting is a few relaxed additions: whatever has labels was found when the configuration was put
//! together, so that a request neither locks nor allocates for it. The numbers belong to the process and
//! not to a configuration, so they go on through reloads. What already is a number somewhere else (the age
//! of keys, say) is only read, when somebody asks.
//!
//! Every label is from a closed set or from the configuration: nothing that a client says becomes one.
//!
//! The text format and its escaping are `prometheus-client`'s. Its counters are not used: a histogram of
//! its own is locked for each observation, and so is a family for each look at one of its members.

mod connections;
mod exposition;
mod histogram;
mod plain;
mod reasons;
mod revocations;
mod route;
mod tally;
mod traces;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use portcullis_core::{Observer, RequestBegan, RequestEnded, StageEvent, TraceEvent, VerdictEvent};

pub(crate) use self::connections::Connections;
pub(crate) use self::exposition::{CONTENT_TYPE, Scrape};
pub(crate) use self::plain::{PLAIN, from_openmetrics, wants_openmetrics};
use self::reasons::Reasons;
use self::revocations::Revocations;
pub(crate) use self::revocations::{RevocationAction, RevocationRequest, RevocationSource};
use self::route::RouteCounts;
pub(crate) use self::route::UpstreamFault;
pub(crate) use self::tally::{RouteTally, Tally};
use self::traces::Traces;
use self::verdicts::Verdicts;

/// Everything that one gateway counts.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Locked when a configuration is put together, and when somebody asks.
    routes: Mutex<BTreeMap<Key, Arc<RouteCounts>>>,
    connections: Mutex<Vec<(Listener, Arc<Connections>)>>,
    reasons: Reasons,
    verdicts: Verdicts,
    revocations: Revocations,
    traces: Traces,
    config_failures: AtomicU64,
}

/// A listener, and the pattern of a route.
type Key = (Listener, Arc<str>);

/// A listener of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listener {
    Public,
    ForwardAuth,
    Admin,
    Control,
}

/// The route of requests that no route took.
const NO_ROUTE: &str = "-";

/// The routes beyond [`MOST_ROUTES`], as one. No pattern is written like this.
const OTHER_ROUTES: &str = "other";

/// The most routes of a configuration that are told apart.
const MOST_ROUTES: usize = 500;

// === impl Metrics ===

impl Metrics {
    /// What counts the requests of a listener with these routes.
    ///
    /// A route that was there before goes on with its numbers. One that is gone keeps them until the next
    /// configuration comes, so that its last requests are seen.
    pub(crate) fn tally<'a>(
        self: &Arc<Self>,
        listener: Listener,
        patterns: impl IntoIterator<Item = &'a Arc<str>>,
    ) -> Arc<Tally> {
        let mut known = self.routes.lock();
        // Whoever serves requests with a configuration holds what its routes count in.
        known.retain(|_, counts| Arc::strong_count(counts) > 1);
        let mut counts = |pattern: &Arc<str>| {
            let key = (listener, Arc::clone(pattern));
            Arc::clone(known.entry(key).or_default())
        };
        let mut routes = BTreeMap::new();
        let mut others = None;
        for pattern in patterns {
            if routes.len() < MOST_ROUTES {
                routes
                    .entry(Arc::clone(pattern))
                    .or_insert_with(|| counts(pattern));
            } else if !routes.contains_key(pattern) {
                others.get_or_insert_with(|| counts(&Arc::from(OTHER_ROUTES)));
            }
        }
        let none = counts(&Arc::from(NO_ROUTE));
        Arc::new(Tally::new(Arc::clone(self), routes, others, none))
    }

    /// Shows the connections of a listener too.
    pub(crate) fn show(&self, listener: Listener, connections: &Arc<Connections>) {
        let shown = (listener, Arc::clone(connections));
        self.connections.lock().push(shown);
    }

    /// Notes a refusal, by its stable reason.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.reasons.count(reason);
    }

    /// Counts a request that is about what is revoked.
    pub(crate) fn revocation(
        self: &Arc<Self>,
        source: RevocationSource,
        action: RevocationAction,
    ) -> RevocationRequest {
        RevocationRequest::new(Arc::clone(self), source, action)
    }

    /// Notes a configuration that was not taken.
    pub(crate) fn config_failed(&self) {
        self.config_failures.fetch_add(1, Ordering::Relaxed);
    }
}

impl Observer for Metrics {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        self.verdicts.count(event);
        if event.refused.is_some() {
            self.refused(event.reason);
        }
    }

    fn request_began(&self, _: &RequestBegan) {
        self.traces.began();
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        self.traces.ended(event);
    }

    fn trace(&self, event: &TraceEvent) {
        self.traces.context(event);
    }

    fn stage(&self, event: &StageEvent<'_>) {
        self.traces.stage(&event.stage);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

// === impl Listener ===

impl Listener {
    /// The stable label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::ForwardAuth => "forward_auth",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests;
