//! gRPC and gRPC-Web.

use super::*;

/// Each code up to 20, and what is none.
const BY_CODE: &[(&str, Outcome)] = &[
    ("0", Outcome::Success),  // OK
    ("1", Outcome::Ignore),   // CANCELLED
    ("2", Outcome::Failure),  // UNKNOWN
    ("3", Outcome::Success),  // INVALID_ARGUMENT
    ("4", Outcome::Ignore),   // DEADLINE_EXCEEDED
    ("5", Outcome::Success),  // NOT_FOUND
    ("6", Outcome::Success),  // ALREADY_EXISTS
    ("7", Outcome::Success),  // PERMISSION_DENIED
    ("8", Outcome::Ignore),   // RESOURCE_EXHAUSTED: a quota of the caller
    ("9", Outcome::Success),  // FAILED_PRECONDITION
    ("10", Outcome::Success), // ABORTED
    ("11", Outcome::Success), // OUT_OF_RANGE
    ("12", Outcome::Success), // UNIMPLEMENTED
    ("13", Outcome::Failure), // INTERNAL
    ("14", Outcome::Failure), // UNAVAILABLE
    ("15", Outcome::Failure), // DATA_LOSS
    ("16", Outcome::Success), // UNAUTHENTICATED
    ("17", Outcome::Success),
    ("18", Outcome::Success),
    ("19", Outcome::Success),
    ("20", Outcome::Success),
    ("99999999999999999999999", Outcome::Success),
    ("", Outcome::Failure),
    ("-1", Outcome::Failure),
    ("+0", Outcome::Failure),
    ("0x0", Outcome::Failure),
    (" 0", Outcome::Failure),
    ("0, 0", Outcome::Failure),
    ("OK", Outcome::Failure),
    ("\u{80}", Outcome::Failure),
];

#[test]
fn every_code_says_what_its_row_says_in_the_head_and_in_the_trailers() {
    for (code, expected) in BY_CODE {
        let metadata = headers([("grpc-status", code)]);
        for protocol in [Protocol::Grpc, Protocol::GrpcWeb, Protocol::GrpcWebText] {
            let at_head = head(protocol, 200, &metadata);
            assert_eq!(at_head, AtHead::Settled(*expected), "{code:?}");
            assert_eq!(end(protocol, Some(&metadata)), *expected, "{code:?}");
        }
    }
}

#[test]
fn pushback_is_a_number_of_milliseconds_of_an_hour_at_most() {
    for (value, expected) in [
        ("0", Some(0)),
        ("1500", Some(1_500)),
        ("3600001", Some(3_600_000)),
        ("99999999999999999999", Some(3_600_000)),
        ("-1", None),
        ("", None),
        ("1.5", None),
        ("soon", None),
    ] {
        let pushed = |code| headers([("grpc-status", code), ("grpc-retry-pushback-ms", value)]);
        // Only where it is about us.
        let only = HttpOutcomes::new().as_only_client();
        let exhausted = only.end(Protocol::Grpc, Some(&pushed("8")));
        assert_eq!(exhausted, overloaded(expected), "{value}");
        let at_head = only.head(Protocol::Grpc, StatusCode::OK, &pushed("8"));
        assert_eq!(at_head, overload(expected));
        assert_eq!(end(Protocol::Grpc, Some(&pushed("8"))), Outcome::Ignore);
        assert_eq!(end(Protocol::Grpc, Some(&pushed("14"))), Outcome::Failure);
        assert_eq!(end(Protocol::Grpc, Some(&pushed("0"))), Outcome::Success);
    }
}

#[test]
fn a_grpc_answer_is_open_until_its_trailers() {
    for (protocol, content_type) in [
        (Protocol::Grpc, GRPC),
        (Protocol::Grpc, "application/grpc+json"),
        (Protocol::GrpcWeb, GRPC_WEB),
        (Protocol::GrpcWeb, "application/grpc-web-text"),
        (Protocol::GrpcWebText, GRPC_WEB),
    ] {
        let answer = headers([("content-type", content_type)]);
        assert_eq!(head(protocol, 200, &answer), AtHead::Open, "{content_type}");
    }
}

#[test]
fn a_grpc_answer_that_ends_without_a_status_is_a_failure() {
    assert_eq!(end(Protocol::Grpc, None), Outcome::Failure);
    let others = headers([("grpc-message", "ok")]);
    assert_eq!(end(Protocol::Grpc, Some(&others)), Outcome::Failure);
}

#[test]
fn the_status_of_grpc_web_is_in_its_body_and_is_not_held_against_it() {
    let others = headers([("x-checksum", "1")]);
    for protocol in [Protocol::GrpcWeb, Protocol::GrpcWebText] {
        assert_eq!(end(protocol, None), Outcome::Success);
        assert_eq!(end(protocol, Some(&others)), Outcome::Success);
    }
}

#[test]
fn another_status_of_http_outranks_the_code() {
    for (range, plain, with_wait) in BY_STATUS {
        for status in range.clone().filter(|status| status / 100 != 2) {
            let refused = headers([("content-type", GRPC), ("grpc-status", "13")]);
            assert_eq!(head(Protocol::Grpc, status, &refused), *plain, "{status}");
            let asked = headers([("grpc-status", "13"), ("retry-after", "7")]);
            assert_eq!(head(Protocol::Grpc, status, &asked), *with_wait, "{status}");
        }
    }
}
