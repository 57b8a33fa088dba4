//! One caller must not open the circuit for all.

use super::*;

#[test]
fn a_caller_that_says_grpc_to_a_dependency_of_http_does_not_count() {
    let answers = [
        HeaderMap::new(),
        headers([("content-type", "application/json")]),
        headers([("content-type", "text/html; charset=utf-8")]),
    ];
    for protocol in [Protocol::Grpc, Protocol::GrpcWeb, Protocol::GrpcWebText] {
        for answer in &answers {
            for status in 200..300 {
                assert_eq!(head(protocol, status, answer), IGNORED, "{status}");
            }
        }
    }
    // Nor one that says the other kind of gRPC.
    let web = headers([("content-type", GRPC_WEB)]);
    assert_eq!(head(Protocol::Grpc, 200, &web), IGNORED);
    let native = headers([("content-type", GRPC)]);
    assert_eq!(head(Protocol::GrpcWeb, 200, &native), IGNORED);
}

#[test]
fn no_answer_about_the_request_counts_against_the_dependency() {
    let counts = |at_head| !matches!(at_head, SUCCESS | IGNORED);
    let asked = headers([
        ("retry-after", "7"),
        ("content-type", GRPC),
        ("grpc-status", "14"),
    ]);
    for headers in [HeaderMap::new(), asked] {
        for protocol in [Protocol::Http, Protocol::Grpc, Protocol::GrpcWeb] {
            for status in 400..500 {
                assert!(!counts(head(protocol, status, &headers)), "{status}");
            }
        }
    }
    for code in ["1", "3", "4", "5", "6", "7", "9", "10", "11", "12", "16"] {
        let refused = headers([("grpc-status", code)]);
        assert!(!counts(head(Protocol::Grpc, 200, &refused)), "{code}");
    }
}

#[test]
fn our_own_refusals_are_read_as_we_mean_them() {
    use crate::{Refusal, RefusalKind};
    let refusal = |kind| {
        let refusal = Refusal::builder(kind, "test").build();
        refusal.retry_after(Duration::from_secs(2))
    };
    let of = |protocol, kind| {
        let response = refusal(kind).response::<()>(protocol);
        HttpOutcomes::new().head(protocol, response.status(), response.headers())
    };
    for (kind, http, grpc) in [
        (RefusalKind::Unauthenticated, SUCCESS, SUCCESS),
        (RefusalKind::Forbidden, SUCCESS, SUCCESS),
        (RefusalKind::TooManyRequests, IGNORED, IGNORED),
        (RefusalKind::Unavailable, overload(Some(2_000)), FAILURE),
        (RefusalKind::Internal, FAILURE, FAILURE),
    ] {
        assert_eq!(of(Protocol::Http, kind), http, "{kind:?}");
        assert_eq!(of(Protocol::Grpc, kind), grpc, "{kind:?}");
    }
}
