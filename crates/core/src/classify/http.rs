//! What the specifications say of an answer.

use ::http::{HeaderMap, StatusCode};

use super::{AtHead, ClassifyHttp, Outcome, delay, grpc};
use crate::Protocol;

/// What the specifications say of an answer: the outcomes that are taken by default.
///
/// What a caller controls does not count: a wrong request, a token that is not good, a quota of its own,
/// a deadline, a connection given up. Else one caller opens the circuit for all.
///
/// | HTTP status | outcome | why |
/// |---|---|---|
/// | 1xx, 3xx | success | an answer; after 101 it is no HTTP any more |
/// | 2xx | by the body: its end is a success, breaking off a failure | half an answer is none |
/// | 408, 499 | ignored | the caller was slow, or went away |
/// | 429 | ignored; [as the only client](Self::as_only_client) overload, with its `Retry-After` | a quota of the caller, or ours |
/// | every other 4xx | success | about the request |
/// | 501, 505, 506, 510 | success | about the request: its method, its version, what it negotiates, what it lacks |
/// | 503 with a `Retry-After` that can be read | overload, with it | it says so |
/// | 503 without | failure | |
/// | every other 5xx, so 500, 502, 504, 507, 508, 511, 520 to 527, 530 | failure | one that nobody knows is a 500 (RFC 9110 section 15) |
/// | 600 and above | failure | not a status, handled as 5xx (RFC 9110 section 15) |
///
/// `Retry-After` is a number of seconds or a date (RFC 9110 section 10.2.3), in the form that everybody must
/// write; a date in the past is no time at all, and nothing is longer than an hour.
///
/// gRPC, where the request says that it is gRPC or gRPC-Web:
///
/// | answer | outcome | why |
/// |---|---|---|
/// | a status other than 2xx | as HTTP | servers say 405 or 415 with code 13 to a caller who does not speak gRPC |
/// | `grpc-status` in the head | by the code | trailers-only |
/// | without it, and of another content type | ignored | the caller said gRPC, the dependency does not know it |
/// | without it | by the trailers | |
/// | trailers with `grpc-status` | by the code | |
/// | an end without it, gRPC | failure | UNKNOWN, as clients have it |
/// | an end without it, gRPC-Web | success | its trailers are in the body, where they are not read |
///
/// | code | outcome | why |
/// |---|---|---|
/// | 1, 4 | ignored | the caller gave up, or set the deadline; slowness is measured elsewhere |
/// | 2, 13, 14, 15 | failure | UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS; 14 with a pushback too |
/// | one that is no number | failure | UNKNOWN |
/// | 8 | ignored; [as the only client](Self::as_only_client) overload, with its `grpc-retry-pushback-ms` | RESOURCE_EXHAUSTED: a quota of the caller, or ours; a pushback that is negative or no number is none, and none is longer than an hour |
/// | every other | success | about the request, the codes that an application invents too |
///
/// # Limitations
/// A dependency that blames itself for what its callers do is believed: 500 or code 13 for a request that
/// it cannot read, 507 for the quota of one caller. Where that is so, put a [`ClassifyHttp`] of
/// your own in front.
///
/// A gRPC-Web answer that fails after its head is a success, unless its body breaks off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpOutcomes {
    only_client: bool,
}

// === impl HttpOutcomes ===

impl HttpOutcomes {
    /// For a dependency that has other clients too.
    #[must_use]
    pub const fn new() -> Self {
        Self { only_client: false }
    }

    /// We are the only client, so 429 and code 8 of gRPC are about us: overload.
    ///
    /// Only where no answer depends on who calls us: else one caller who spends a quota counts against all.
    #[must_use]
    pub const fn as_only_client(self) -> Self {
        Self { only_client: true }
    }

    fn status(self, status: StatusCode, headers: &HeaderMap) -> AtHead {
        AtHead::Settled(match status.as_u16() {
            200..=299 => return AtHead::Open,
            408 | 499 => Outcome::Ignore,
            429 if self.only_client => Outcome::Overload {
                retry_after: delay::retry_after(headers),
            },
            429 => Outcome::Ignore,
            503 => match delay::retry_after(headers) {
                None => Outcome::Failure,
                retry_after => Outcome::Overload { retry_after },
            },
            501 | 505 | 506 | 510 => Outcome::Success,
            500.. => Outcome::Failure,
            _ => Outcome::Success,
        })
    }
}

impl ClassifyHttp for HttpOutcomes {
    #[inline]
    fn head(&self, protocol: Protocol, status: StatusCode, headers: &HeaderMap) -> AtHead {
        if protocol.is_grpc() && status.is_success() {
            grpc::head(protocol, headers, self.only_client)
        } else {
            self.status(status, headers)
        }
    }

    #[inline]
    fn end(&self, protocol: Protocol, trailers: Option<&HeaderMap>) -> Outcome {
        if protocol.is_grpc() {
            grpc::end(protocol, trailers, self.only_client)
        } else {
            Outcome::Success
        }
    }
}
