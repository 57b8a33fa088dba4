//! What the auth layers report, as log lines. (Key sources log by themselves.)

use portcullis_core::{Observer, VerdictEvent};

/// Logs what was admitted during an outage, and at `debug` every refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogObserver;

impl Observer for LogObserver {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        if let Some(status) = event.refused {
            tracing::debug!(
                target: "portcullis::auth",
                outcome = event.outcome.as_str(),
                reason = event.reason,
                status = status.as_u16(),
                "refused"
            );
        } else if let Some(cause) = event.degraded() {
            tracing::warn!(
                target: "portcullis::auth",
                cause = cause.as_str(),
                issuer = event.issuer,
                "admitted during an outage"
            );
        }
    }
}
