//! Every row of the tables, written down once more.

use std::ops::RangeInclusive;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::*;

mod bytes;
mod callers;
mod grpc;
mod http;
mod services;

const HOUR: Duration = Duration::from_secs(3_600);
const GRPC: &str = "application/grpc";
const GRPC_WEB: &str = "application/grpc-web+proto";
const SUCCESS: AtHead = AtHead::Settled(Outcome::Success);
const FAILURE: AtHead = AtHead::Settled(Outcome::Failure);
const IGNORED: AtHead = AtHead::Settled(Outcome::Ignore);

/// Each status once: what it says, and what it says with `Retry-After: 7`.
const BY_STATUS: &[(RangeInclusive<u16>, AtHead, AtHead)] = &[
    (100..=199, SUCCESS, SUCCESS),
    (200..=299, AtHead::Open, AtHead::Open),
    (300..=399, SUCCESS, SUCCESS),
    (400..=407, SUCCESS, SUCCESS),
    (408..=408, IGNORED, IGNORED),
    (409..=428, SUCCESS, SUCCESS),
    (429..=429, IGNORED, IGNORED),
    (430..=498, SUCCESS, SUCCESS),
    (499..=499, IGNORED, IGNORED),
    (500..=500, FAILURE, FAILURE),
    (501..=501, SUCCESS, SUCCESS),
    (502..=502, FAILURE, FAILURE),
    (503..=503, FAILURE, overload(Some(7_000))),
    (504..=504, FAILURE, FAILURE),
    (505..=506, SUCCESS, SUCCESS),
    (507..=509, FAILURE, FAILURE),
    (510..=510, SUCCESS, SUCCESS),
    (511..=519, FAILURE, FAILURE),
    (520..=527, FAILURE, FAILURE),
    (528..=529, FAILURE, FAILURE),
    (530..=530, FAILURE, FAILURE),
    (531..=599, FAILURE, FAILURE),
    (600..=999, FAILURE, FAILURE),
];

const fn overload(millis: Option<u64>) -> AtHead {
    AtHead::Settled(overloaded(millis))
}

const fn overloaded(millis: Option<u64>) -> Outcome {
    let retry_after = match millis {
        Some(millis) => Some(Duration::from_millis(millis)),
        None => None,
    };
    Outcome::Overload { retry_after }
}

fn headers<const N: usize>(lines: [(&'static str, &str); N]) -> HeaderMap {
    let line = |(name, value): (_, &str)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        (HeaderName::from_static(name), value)
    };
    lines.into_iter().map(line).collect()
}

fn head(protocol: Protocol, status: u16, headers: &HeaderMap) -> AtHead {
    let status = StatusCode::from_u16(status).unwrap();
    HttpOutcomes::new().head(protocol, status, headers)
}

fn end(protocol: Protocol, trailers: Option<&HeaderMap>) -> Outcome {
    HttpOutcomes::new().end(protocol, trailers)
}

/// How long a 503 with these headers asks to be left alone; `None` if it does not.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    match head(Protocol::Http, 503, headers) {
        AtHead::Settled(Outcome::Overload { retry_after }) => Some(retry_after.unwrap()),
        other => {
            assert_eq!(other, FAILURE);
            None
        }
    }
}
