//! What the front refuses, and how it says so.

use std::sync::LazyLock;

use axum::body::Body;
use http::header::ALLOW;
use http::{HeaderValue, Response};
use portcullis_core::{Protocol, Refusal, RefusalKind};

/// A request that no route takes, with the reason.
///
/// | reason | HTTP | of what |
/// |---|---|---|
/// | `bad_host` | 400 | not one `Host` of host and port, or not the one of the target |
/// | `bad_target` | 400 | not a path: `*`, an authority, `CONNECT`, a scheme beside http and https |
/// | `ambiguous_path` | 400 | a path that a service could read as another one |
/// | `bad_connection` | 400 | `Connection` names a field that is not for one hop |
/// | `bad_framing` | 400 | `Transfer-Encoding` says anything but `chunked`, or `Content-Length` is not written as numbers are |
/// | `no_route` | 404 | a path that no route has |
/// | `method_not_allowed` | 405 | a method that no route of this path has; `Allow` says which have |
/// | `bad_expectation` | 417 | `Expect` says anything but `100-continue` |
/// | `unknown_host` | 421 | a host that is not served here |
/// | `forwarding_loop` | 508 | what this gateway itself forwarded, see [`via`](crate::via) |
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    BadHost,
    BadTarget,
    AmbiguousPath,
    BadConnection,
    BadFraming,
    NoRoute,
    /// With the value of `Allow`.
    Method(HeaderValue),
    Expectation,
    UnknownHost,
    Loop,
}

/// Every refusal of the front, prepared.
struct Prepared {
    bad_host: Refusal,
    bad_target: Refusal,
    ambiguous_path: Refusal,
    bad_connection: Refusal,
    bad_framing: Refusal,
    no_route: Refusal,
    method: Refusal,
    expectation: Refusal,
    unknown_host: Refusal,
    forwarding_loop: Refusal,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    use RefusalKind::{
        BadRequest, ExpectationFailed, LoopDetected, MethodNotAllowed, Misdirected, NotFound,
    };
    let of = |kind, reason, detail| Refusal::builder(kind, reason).detail(detail).build();
    Prepared {
        bad_host: of(
            BadRequest,
            "bad_host",
            "Name one host, and nothing else, in Host.",
        ),
        bad_target: of(
            BadRequest,
            "bad_target",
            "Ask for a path, or an http URL with the host of Host.",
        ),
        ambiguous_path: of(
            BadRequest,
            "ambiguous_path",
            "The path can be read in more than one way.",
        ),
        bad_connection: of(
            BadRequest,
            "bad_connection",
            "Connection names a field that is not for one hop.",
        ),
        bad_framing: of(
            BadRequest,
            "bad_framing",
            "Say chunked, or a plain Content-Length.",
        ),
        no_route: of(NotFound, "no_route", "Nothing is served under this path."),
        method: of(
            MethodNotAllowed,
            "method_not_allowed",
            "This path is not served with this method.",
        ),
        expectation: of(
            ExpectationFailed,
            "bad_expectation",
            "Expect 100-continue, or nothing.",
        ),
        unknown_host: of(Misdirected, "unknown_host", "This host is not served here."),
        forwarding_loop: of(
            LoopDetected,
            "forwarding_loop",
            "The request came back to the gateway that forwarded it.",
        ),
    }
});

// === impl Refused ===

impl Refused {
    /// The refusal as data.
    pub(crate) fn refusal(&self) -> &'static Refusal {
        match self {
            Self::BadHost => &PREPARED.bad_host,
            Self::BadTarget => &PREPARED.bad_target,
            Self::AmbiguousPath => &PREPARED.ambiguous_path,
            Self::BadConnection => &PREPARED.bad_connection,
            Self::BadFraming => &PREPARED.bad_framing,
            Self::NoRoute => &PREPARED.no_route,
            Self::Method(_) => &PREPARED.method,
            Self::Expectation => &PREPARED.expectation,
            Self::UnknownHost => &PREPARED.unknown_host,
            Self::Loop => &PREPARED.forwarding_loop,
        }
    }

    /// The answer, in the protocol that the request speaks.
    pub(crate) fn response(&self, protocol: Protocol) -> Response<Body> {
        let mut response = self.refusal().response::<Body>(protocol).map(Body::new);
        if let Self::Method(allow) = self {
            response.headers_mut().insert(ALLOW, allow.clone());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_method_names_those_that_are_allowed() {
        let refused = Refused::Method(HeaderValue::from_static("GET, HEAD"));
        let response = refused.response(Protocol::Http);
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
        assert_eq!(refused.refusal().reason(), "method_not_allowed");
        let grpc = refused.response(Protocol::Grpc);
        assert_eq!(
            (grpc.status().as_u16(), &grpc.headers()["grpc-status"]),
            (200, &HeaderValue::from_static("12"))
        );
    }

    #[test]
    fn every_reason_has_the_status_of_the_table() {
        for (refused, status) in [
            (Refused::BadHost, 400),
            (Refused::BadTarget, 400),
            (Refused::AmbiguousPath, 400),
            (Refused::BadConnection, 400),
            (Refused::BadFraming, 400),
            (Refused::NoRoute, 404),
            (Refused::Expectation, 417),
            (Refused::UnknownHost, 421),
            (Refused::Loop, 508),
        ] {
            let response = refused.response(Protocol::Http);
            assert_eq!(response.status().as_u16(), status, "{refused:?}");
            assert!(!response.headers().contains_key(ALLOW));
        }
    }
}
