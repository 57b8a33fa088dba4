//! How long a dependency asks to be left alone.

use std::time::Duration;

use ::http::header::{DATE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderName, HeaderValue};

use super::date;
use crate::{Clock as _, SystemClock};

/// No answer closes a dependency for longer: a broken date must not do it for years.
pub(super) const LONGEST: Duration = Duration::from_secs(3_600);

const GRPC_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
///
/// A date counts from the answer's own `Date`, because clocks differ; from ours if it has none.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let delay = match decimal(value) {
        Some(seconds) => Duration::from_secs(seconds),
        None => {
            let until = date::read(value)?;
            let now = headers.get(DATE).and_then(date::read);
            until.since(now.unwrap_or_else(|| SystemClock.wall()))
        }
    };
    Some(delay.min(LONGEST))
}

/// `grpc-retry-pushback-ms` (gRFC A6). A negative number says not to try again at all, but not for how
/// long.
pub(super) fn pushback(metadata: &HeaderMap) -> Option<Duration> {
    let millis = decimal(metadata.get(GRPC_PUSHBACK)?)?;
    Some(Duration::from_millis(millis).min(LONGEST))
}

/// A number: digits and nothing else. One that is too large is the largest.
pub(crate) fn decimal(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}
