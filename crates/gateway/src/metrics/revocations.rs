//! How those ended who asked for a revocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::Metrics;

const SOURCES: [RevocationSource; 3] = [
    RevocationSource::Control,
    RevocationSource::TokenRevocation,
    RevocationSource::BackchannelLogout,
];

const ACTIONS: [RevocationAction; 3] = [
    RevocationAction::Revoke,
    RevocationAction::Lift,
    RevocationAction::LookUp,
];

const OUTCOMES: [&str; 5] = [
    "done",
    "not_durable",
    "refused",
    "unavailable",
    // without an answer
    "given_up",
];

/// How often each was asked for, where, and how that ended.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    counts: [[[AtomicU64; OUTCOMES.len()]; ACTIONS.len()]; SOURCES.len()],
}

/// Where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationSource {
    /// The control listener.
    Control,
    /// The endpoint of RFC 7009.
    TokenRevocation,
    /// The endpoint for logouts at the identity provider.
    BackchannelLogout,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationAction {
    Revoke,
    Lift,
    /// Whether a session is revoked.
    LookUp,
}

/// A request for one of these, which is counted however it ends. Dropped before it was answered, nobody
/// waits for an answer any more.
#[derive(Debug)]
pub(crate) struct RevocationRequest {
    metrics: Arc<Metrics>,
    source: RevocationSource,
    action: RevocationAction,
    answered: bool,
}

// === impl Revocations ===

impl Revocations {
    fn count(
        &self,
        source: RevocationSource,
        action: RevocationAction,
        status: Option<StatusCode>,
    ) {
        let outcome = match status {
            Some(StatusCode::ACCEPTED) => 1,
            Some(status) if status.is_success() => 0,
            Some(status) if status.is_server_error() => 3,
            Some(_) => 2,
            None => 4,
        };
        self.counts[source as usize][action as usize][outcome].fetch_add(1, Ordering::Relaxed);
    }

    /// Source, action and outcome, and how often.
    pub(super) fn read(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        let rows = SOURCES.iter().zip(&self.counts).flat_map(|(source, rows)| {
            let rows = ACTIONS.iter().zip(rows);
            rows.map(move |(action, row)| (source.as_str(), action.as_str(), row))
        });
        let cells = rows.flat_map(|(source, action, row)| {
            let cells = OUTCOMES.iter().zip(row);
            cells.map(move |(outcome, count)| {
                ([source, action, *outcome], count.load(Ordering::Relaxed))
            })
        });
        cells.filter(|(_, count)| *count > 0)
    }
}

// === impl RevocationRequest ===

impl RevocationRequest {
    pub(super) fn new(
        metrics: Arc<Metrics>,
        source: RevocationSource,
        action: RevocationAction,
    ) -> Self {
        Self {
            metrics,
            source,
            action,
            answered: false,
        }
    }

    /// The answer is there.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.answered = true;
        self.count(Some(status));
    }

    fn count(&self, status: Option<StatusCode>) {
        let revocations = &self.metrics.revocations;
        revocations.count(self.source, self.action, status);
    }
}

impl Drop for RevocationRequest {
    fn drop(&mut self) {
        if !self.answered {
            self.count(None);
        }
    }
}

// === impl RevocationSource ===

impl RevocationSource {
    /// The stable label.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::TokenRevocation => "rfc7009",
            Self::BackchannelLogout => "backchannel",
        }
    }
}

// === impl RevocationAction ===

impl RevocationAction {
    /// The stable label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Lift => "lift",
            Self::LookUp => "look_up",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once_by_its_answer_or_as_given_up() {
        use RevocationAction::{Lift, LookUp, Revoke};
        use RevocationSource::{BackchannelLogout, Control, TokenRevocation};
        let metrics = Arc::<Metrics>::default();
        for (source, action, status) in [
            (Control, Revoke, Some(200)),
            (Control, Revoke, Some(202)),
            (Control, Lift, Some(401)),
            (Control, LookUp, None),
            (TokenRevocation, Revoke, Some(503)),
            (TokenRevocation, Revoke, Some(503)),
            (BackchannelLogout, Revoke, Some(400)),
        ] {
            let request = metrics.revocation(source, action);
            if let Some(status) = status {
                request.answered(StatusCode::from_u16(status).unwrap());
            }
        }
        assert_eq!(
            metrics.revocations.read().collect::<Vec<_>>(),
            [
                (["control", "revoke", "done"], 1),
                (["control", "revoke", "not_durable"], 1),
                (["control", "lift", "refused"], 1),
                (["control", "look_up", "given_up"], 1),
                (["rfc7009", "revoke", "unavailable"], 2),
                (["backchannel", "revoke", "refused"], 1),
            ]
        );
    }
}
