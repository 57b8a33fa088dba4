//! What a gRPC answer says about who gave it.

use ::http::{HeaderMap, HeaderName};

use super::{AtHead, Outcome, delay};
use crate::Protocol;

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What the head of a successful answer to a request of `protocol` says.
pub(super) fn head(protocol: Protocol, headers: &HeaderMap, only_client: bool) -> AtHead {
    // Trailers-only.
    if let Some(outcome) = status(headers, only_client) {
        return AtHead::Settled(outcome);
    }
    // A caller can name a protocol that the dependency does not speak: its answers would lack a status
    // each time.
    let answered = Protocol::of(headers);
    if answered.is_grpc() && is_web(answered) == is_web(protocol) {
        AtHead::Open
    } else {
        AtHead::Settled(Outcome::Ignore)
    }
}

/// What the end of the body says.
pub(super) fn end(protocol: Protocol, trailers: Option<&HeaderMap>, only_client: bool) -> Outcome {
    match trailers.and_then(|trailers| status(trailers, only_client)) {
        Some(outcome) => outcome,
        // The trailers are in the body, which nobody reads here.
        None if is_web(protocol) => Outcome::Success,
        // UNKNOWN: what a client makes of it too.
        None => Outcome::Failure,
    }
}

const fn is_web(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::GrpcWeb | Protocol::GrpcWebText)
}

/// What the status in `metadata` says, if there is one.
fn status(metadata: &HeaderMap, only_client: bool) -> Option<Outcome> {
    let value = metadata.get(GRPC_STATUS)?;
    Some(match delay::decimal(value) {
        // CANCELLED, DEADLINE_EXCEEDED: the caller gave up, or set the deadline. How slow the dependency
        // is, is measured elsewhere.
        Some(1 | 4) => Outcome::Ignore,
        // RESOURCE_EXHAUSTED: a quota of the caller as a rule, or a message of its own that is too large.
        Some(8) if !only_client => Outcome::Ignore,
        Some(8) => Outcome::Overload {
            retry_after: delay::pushback(metadata),
        },
        // UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS, and what cannot be read, which is UNKNOWN.
        Some(2 | 13 | 14 | 15) | None => Outcome::Failure,
        Some(_) => Outcome::Success,
    })
}
