//! What happened to the requests of one route.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};

use super::histogram::{Histogram, Snapshot};

/// A client may write anything as a method: beyond the usual ones they are one label.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];

/// The classes of answers, and what got none because the client gave up.
const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "given_up"];

const FAULTS: [UpstreamFault; 3] = [
    UpstreamFault::Connect,
    UpstreamFault::Failed,
    UpstreamFault::Timeout,
];

/// What happened to the requests of one route.
#[derive(Debug, Default)]
pub(super) struct RouteCounts {
    requests: [[AtomicU64; STATUSES.len()]; METHODS.len()],
    took: Histogram,
    faults: [AtomicU64; FAULTS.len()],
}

/// A method, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MethodClass(usize);

/// What was wrong with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamFault {
    /// No connection, in time or at all.
    Connect,
    /// It broke off, or made no sense.
    Failed,
    /// It was asked, and did not answer in time.
    Timeout,
}

// === impl RouteCounts ===

impl RouteCounts {
    /// Counts a request. Without a status the client gave up.
    pub(super) fn count(&self, method: MethodClass, status: Option<StatusCode>, took: Duration) {
        let class = match status.map(|status| status.as_u16() / 100) {
            None => STATUSES.len() - 1,
            Some(class @ 1..=4) => usize::from(class) - 1,
            // What is no class of HTTP is the fault of a server.
            Some(_) => 4,
        };
        self.requests[method.0][class].fetch_add(1, Ordering::Relaxed);
        self.took.observe(took);
    }

    pub(super) fn fault(&self, fault: UpstreamFault) {
        self.faults[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Method, class of the answer, and how many.
    pub(super) fn requests(&self) -> impl Iterator<Item = ([&'static str; 2], u64)> {
        let rows = METHODS.iter().zip(&self.requests);
        let cells = rows.flat_map(|(method, row)| {
            let cells = STATUSES.iter().zip(row);
            cells.map(|(status, count)| ([*method, *status], count.load(Ordering::Relaxed)))
        });
        cells.filter(|(_, count)| *count > 0)
    }

    /// How long they took, if there were any.
    pub(super) fn took(&self) -> Option<Snapshot> {
        Some(self.took.read()).filter(|took| took.count > 0)
    }

    /// What was wrong with upstreams, and how often.
    pub(super) fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self
            .faults
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let cells = FAULTS.iter().map(|fault| fault.as_str()).zip(counts);
        cells.filter(|(_, count)| *count > 0)
    }
}

// === impl MethodClass ===

impl MethodClass {
    pub(super) fn of(method: &Method) -> Self {
        let usual = METHODS.iter().position(|usual| *usual == method.as_str());
        Self(usual.unwrap_or(METHODS.len() - 1))
    }
}

// === impl UpstreamFault ===

impl UpstreamFault {
    /// The stable label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_nobody_knows_and_answers_that_are_none_have_their_labels() {
        let counts = RouteCounts::default();
        let asked = |method: &str, status: Option<u16>| {
            let method = MethodClass::of(&Method::from_bytes(method.as_bytes()).unwrap());
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            counts.count(method, status, Duration::from_millis(2));
        };
        asked("GET", Some(101));
        asked("GET", Some(200));
        asked("POST", Some(503));
        asked("POST", Some(999));
        asked("SECRET", Some(404));
        asked("get", None);
        assert_eq!(
            counts.requests().collect::<Vec<_>>(),
            [
                (["GET", "1xx"], 1),
                (["GET", "2xx"], 1),
                (["POST", "5xx"], 2),
                (["other", "4xx"], 1),
                (["other", "given_up"], 1),
            ]
        );
        assert_eq!(counts.took().unwrap().count, 6);
    }

    #[test]
    fn faults_are_told_apart() {
        let counts = RouteCounts::default();
        for fault in FAULTS {
            counts.fault(fault);
        }
        counts.fault(UpstreamFault::Timeout);
        assert_eq!(
            counts.faults().collect::<Vec<_>>(),
            [("connect", 1), ("failed", 1), ("timeout", 2)]
        );
        assert_eq!(counts.took(), None);
    }
}
