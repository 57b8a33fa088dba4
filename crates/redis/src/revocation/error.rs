//! What an error of the link means for the log.

use portcullis_revocation::LogError;
use portcullis_revocation::log::Refused;

use crate::link::{Cause, LinkError, ServerError};

/// What an error of the link means for the log. For want of replicas, see [`no_quorum`].
pub(super) fn log_error(error: LinkError) -> LogError {
    match error {
        LinkError::Down(Cause::Authentication(_)) => LogError::Refused(Refused::Authentication),
        LinkError::Down(Cause::Replica) => LogError::Refused(Refused::ReadOnly),
        LinkError::Down(Cause::Evicts(policy)) => evicts(&policy),
        LinkError::Down(cause) => LogError::Unavailable(cause.to_string().into()),
        LinkError::Silent | LinkError::Busy => LogError::Unavailable(error.to_string().into()),
        // It may be done, or be done later.
        LinkError::Timeout | LinkError::Lost => LogError::Timeout,
        LinkError::Nonsense => LogError::Malformed("answer"),
        LinkError::Refused(error) => refused(&error),
    }
}

pub(super) fn evicts(policy: &str) -> LogError {
    LogError::Refused(Refused::EvictionPolicy(policy.to_owned().into()))
}

/// Whether the server misses replicas.
pub(super) fn no_quorum(error: &LinkError) -> bool {
    matches!(error, LinkError::Refused(error) if error.code() == "NOREPLICAS")
}

fn refused(error: &ServerError) -> LogError {
    LogError::Refused(match error.code() {
        "READONLY" | "MASTERDOWN" => Refused::ReadOnly,
        "OOM" => Refused::OutOfMemory,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Refused::Authentication,
        "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" => {
            return LogError::Unavailable(error.to_string().into());
        }
        _ => Refused::Other(error.to_string().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_an_error_of_its_own() {
        let server = |code| LinkError::Refused(ServerError::new(code, "…"));
        for (error, label) in [
            (
                LinkError::Down(Cause::Authentication("NOAUTH")),
                "authentication",
            ),
            (LinkError::Down(Cause::Replica), "read_only"),
            (
                LinkError::Down(Cause::Evicts("allkeys-lru".into())),
                "eviction_policy",
            ),
            (LinkError::Down(Cause::ConnectionRefused), "unavailable"),
            (LinkError::Silent, "unavailable"),
            (LinkError::Busy, "unavailable"),
            (LinkError::Timeout, "timeout"),
            (LinkError::Lost, "timeout"),
            (LinkError::Nonsense, "malformed"),
            (server("READONLY"), "read_only"),
            (server("OOM"), "out_of_memory"),
            (server("NOPERM"), "authentication"),
            (server("LOADING"), "unavailable"),
            (server("ERR"), "refused"),
        ] {
            assert_eq!(log_error(error.clone()).label(), label, "{error:?}");
        }
        assert!(no_quorum(&server("NOREPLICAS")) && !no_quorum(&server("OOM")));
    }
}
