//! Where a request is counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use portcullis_core::{Refusal, RequestContext};

use super::Metrics;
use super::route::{MethodClass, RouteCounts, UpstreamFault};

/// What counts the requests of one listener, with the routes of one configuration.
pub(crate) struct Tally {
    metrics: Arc<Metrics>,
    routes: HashMap<Arc<str>, Arc<RouteCounts>>,
    /// For routes beyond those that are told apart.
    others: Option<Arc<RouteCounts>>,
    /// For requests that no route took.
    none: Arc<RouteCounts>,
}

/// What counts at the end of one route.
#[derive(Clone)]
pub(crate) struct RouteTally {
    metrics: Arc<Metrics>,
    counts: Arc<RouteCounts>,
}

/// One request, which is counted when this is dropped: as answered if it was, else as given up.
pub(crate) struct Counting {
    tally: Arc<Tally>,
    context: RequestContext,
    method: MethodClass,
    status: Option<StatusCode>,
}

// === impl Tally ===

impl Tally {
    pub(super) fn new(
        metrics: Arc<Metrics>,
        routes: BTreeMap<Arc<str>, Arc<RouteCounts>>,
        others: Option<Arc<RouteCounts>>,
        none: Arc<RouteCounts>,
    ) -> Self {
        Self {
            metrics,
            routes: routes.into_iter().collect(),
            others,
            none,
        }
    }

    /// What counts at the end of a route.
    pub(crate) fn route(&self, pattern: &str) -> RouteTally {
        RouteTally {
            metrics: Arc::clone(&self.metrics),
            counts: Arc::clone(self.counts(Some(pattern))),
        }
    }

    /// Begins to count a request.
    pub(crate) fn begin(self: &Arc<Self>, context: &RequestContext, method: &Method) -> Counting {
        Counting {
            tally: Arc::clone(self),
            context: context.clone(),
            method: MethodClass::of(method),
            status: None,
        }
    }

    /// Counts a request that was refused before it came this far.
    pub(crate) fn refused(&self, method: &Method, refusal: &Refusal) {
        self.lost(refusal);
        let method = MethodClass::of(method);
        self.none
            .count(method, Some(refusal.status()), Duration::ZERO);
    }

    /// Counts a refusal in place of an answer, of a request that is counted already.
    pub(crate) fn lost(&self, refusal: &Refusal) {
        self.metrics.refused(refusal.reason());
    }

    fn counts(&self, route: Option<&str>) -> &Arc<RouteCounts> {
        let Some(route) = route else {
            return &self.none;
        };
        let known = self.routes.get(route).or(self.others.as_ref());
        known.unwrap_or(&self.none)
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

// === impl RouteTally ===

impl RouteTally {
    /// Counts a request that was answered in place of the upstream, which may be its fault.
    pub(crate) fn no_answer(&self, reason: &'static str, fault: Option<UpstreamFault>) {
        self.metrics.refused(reason);
        if let Some(fault) = fault {
            self.counts.fault(fault);
        }
    }
}

impl fmt::Debug for RouteTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTally").finish_non_exhaustive()
    }
}

// === impl Counting ===

impl Counting {
    /// Notes what was answered.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let route = self.context.route();
        if route.is_none()
            && self.status.is_some()
            && let Some(reason) = self.context.verdict()
        {
            // Nobody but the front refuses what has no route; the others count for themselves.
            self.tally.metrics.refused(reason);
        }
        let took = self.context.arrived().elapsed();
        self.tally
            .counts(route)
            .count(self.method, self.status, took);
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").finish_non_exhaustive()
    }
}
