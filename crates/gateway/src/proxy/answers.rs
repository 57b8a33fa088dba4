//! What is said in place of the upstream.

use std::sync::LazyLock;
use std::time::Duration;

use portcullis_core::{Refusal, RefusalKind};

use super::exchange::Cause;
use crate::metrics::UpstreamFault;

/// Why there is no answer of the upstream.
///
/// | reason | HTTP | of what |
/// |---|---|---|
/// | `request_broken` | 400 | a body that the client broke off, or that makes no sense |
/// | `expired` | 401 | a token that expired while the request was being sent |
/// | `revoked` | 401 | a token that was revoked while the request was being sent |
/// | `request_timeout` | 408 | a client that sent nothing of its request for `idle_timeout` |
/// | `body_too_large` | 413 | a body larger than `max_body` |
/// | `upstream_unreachable` | 502 | no connection to the upstream |
/// | `upstream_failed` | 502 | an upstream that broke the connection off, or made no sense |
/// | `circuit_open` | 503 | upstreams that are left alone for a while, for they failed |
/// | `revocation_stale` | 503 | a token of which it is not known any more whether it was revoked |
/// | `upstream_timeout` | 504 | an upstream that did not answer within `timeout` |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    Unreachable,
    Failed,
    /// All upstreams are left alone, the first of them for so long.
    CircuitOpen(Duration),
    Over(Cause),
}

struct Prepared {
    broken: Refusal,
    expired: Refusal,
    revoked: Refusal,
    uncertain: Refusal,
    slow: Refusal,
    too_large: Refusal,
    unreachable: Refusal,
    failed: Refusal,
    late: Refusal,
    open: Refusal,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    use RefusalKind::{
        BadGateway, BadRequest, ContentTooLarge, GatewayTimeout, RequestTimeout, Unauthenticated,
        Unavailable,
    };
    let of = |kind, reason, detail| Refusal::builder(kind, reason).detail(detail).build();
    Prepared {
        broken: of(
            BadRequest,
            "request_broken",
            "The body of the request was broken off, or makes no sense.",
        ),
        // The challenge of RFC 6750 section 3.1.
        expired: Refusal::builder(Unauthenticated, "expired")
            .detail("The token expired while the request was being sent.")
            .challenge(http::HeaderValue::from_static(
                "Bearer error=\"invalid_token\", error_description=\"The token has expired\"",
            ))
            .build(),
        revoked: Refusal::builder(Unauthenticated, "revoked")
            .detail("The token was revoked while the request was being sent.")
            .challenge(http::HeaderValue::from_static(
                "Bearer error=\"invalid_token\", error_description=\"The token was revoked\"",
            ))
            .build(),
        uncertain: Refusal::builder(Unavailable, "revocation_stale")
            .detail("It is not known any more whether the token was revoked.")
            .build()
            .retry_after(Duration::from_secs(1)),
        slow: of(
            RequestTimeout,
            "request_timeout",
            "Nothing of the request came for too long.",
        ),
        too_large: of(
            ContentTooLarge,
            "body_too_large",
            "The body of the request is larger than what is taken here.",
        ),
        unreachable: of(
            BadGateway,
            "upstream_unreachable",
            "The service behind the gateway could not be reached.",
        ),
        failed: of(
            BadGateway,
            "upstream_failed",
            "The service behind the gateway gave no answer that makes sense.",
        ),
        open: of(
            Unavailable,
            "circuit_open",
            "The service behind the gateway is not well, and is left alone for a while.",
        ),
        late: of(
            GatewayTimeout,
            "upstream_timeout",
            "The service behind the gateway did not answer in time.",
        ),
    }
});

// === impl NoAnswer ===

impl NoAnswer {
    pub(super) fn refusal(self) -> Refusal {
        let prepared = match self {
            Self::CircuitOpen(wait) => return PREPARED.open.clone().retry_after(wait),
            Self::Unreachable => &PREPARED.unreachable,
            Self::Failed => &PREPARED.failed,
            Self::Over(Cause::UpstreamLate) => &PREPARED.late,
            Self::Over(Cause::Idle) => &PREPARED.slow,
            Self::Over(Cause::Expired) => &PREPARED.expired,
            Self::Over(Cause::Revoked) => &PREPARED.revoked,
            Self::Over(Cause::Uncertain) => &PREPARED.uncertain,
            Self::Over(Cause::TooLarge) => &PREPARED.too_large,
            Self::Over(Cause::Broken) => &PREPARED.broken,
        };
        prepared.clone()
    }

    /// What was wrong with the upstream, where it was the upstream.
    pub(super) fn fault(self) -> Option<UpstreamFault> {
        match self {
            Self::Unreachable => Some(UpstreamFault::Connect),
            Self::Failed => Some(UpstreamFault::Failed),
            Self::Over(Cause::UpstreamLate) => Some(UpstreamFault::Timeout),
            Self::Over(_) | Self::CircuitOpen(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_status_of_the_table() {
        for (no_answer, status, reason) in [
            (NoAnswer::Over(Cause::Broken), 400, "request_broken"),
            (NoAnswer::Over(Cause::Expired), 401, "expired"),
            (NoAnswer::Over(Cause::Revoked), 401, "revoked"),
            (NoAnswer::Over(Cause::Uncertain), 503, "revocation_stale"),
            (NoAnswer::Over(Cause::Idle), 408, "request_timeout"),
            (NoAnswer::CircuitOpen(Duration::ZERO), 503, "circuit_open"),
            (NoAnswer::Over(Cause::TooLarge), 413, "body_too_large"),
            (NoAnswer::Unreachable, 502, "upstream_unreachable"),
            (NoAnswer::Failed, 502, "upstream_failed"),
            (NoAnswer::Over(Cause::UpstreamLate), 504, "upstream_timeout"),
        ] {
            let refusal = no_answer.refusal();
            assert_eq!(
                (refusal.status().as_u16(), refusal.reason()),
                (status, reason)
            );
        }
    }
}
