//! Arbitrary bytes against the facts that must hold for every answer.

use ::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{AtHead, ClassifyHttp as _, HttpOutcomes, Outcome, delay};
use crate::Protocol;

const PROTOCOLS: [Protocol; 4] = [
    Protocol::Http,
    Protocol::Grpc,
    Protocol::GrpcWeb,
    Protocol::GrpcWebText,
];

/// What the lines of an input are read as, in order; further ones begin again.
const NAMES: [HeaderName; 5] = [
    RETRY_AFTER,
    DATE,
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-retry-pushback-ms"),
    CONTENT_TYPE,
];

/// Reads `input` as the headers of an answer, and as its trailers, and checks the outcomes.
///
/// # Panics
/// A delay is too long, an answer that is about the request counts, or HTTP listens to gRPC.
pub fn fuzz_classify(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.iter().cycle().zip(input.split(|&byte| byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), value);
        }
    }
    for outcomes in [HttpOutcomes::new(), HttpOutcomes::new().as_only_client()] {
        for protocol in PROTOCOLS {
            for status in [101, 200, 204, 304, 404, 429, 499, 500, 501, 503, 599, 999] {
                let Ok(status) = StatusCode::from_u16(status) else {
                    continue;
                };
                check_head(protocol, status, outcomes.head(protocol, status, &headers));
            }
            for trailers in [None, Some(&headers)] {
                check_end(protocol, trailers, outcomes.end(protocol, trailers));
            }
        }
    }
}

fn check_head(protocol: Protocol, status: StatusCode, at_head: AtHead) {
    let AtHead::Settled(outcome) = at_head else {
        assert!(status.is_success(), "{status} is left open");
        return;
    };
    check_delay(outcome);
    if status.is_success() {
        assert!(protocol.is_grpc(), "{status} is settled");
    } else if status.is_client_error() {
        assert_ne!(outcome, Outcome::Failure, "{status} is about the request");
    }
}

fn check_end(protocol: Protocol, trailers: Option<&HeaderMap>, outcome: Outcome) {
    check_delay(outcome);
    if protocol == Protocol::Http {
        assert_eq!(outcome, Outcome::Success);
    }
    if protocol == Protocol::Grpc && !trailers.is_some_and(|all| all.contains_key(&NAMES[2])) {
        assert_eq!(outcome, Outcome::Failure);
    }
}

fn check_delay(outcome: Outcome) {
    if let Outcome::Overload { retry_after } = outcome {
        assert!(retry_after.unwrap_or_default() <= delay::LONGEST);
    }
}
