//! `Server-Timing` (W3C Server Timing).

use std::fmt::Write;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::RequestContext;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Adds the trace, the whole time until now, and the own time of each stage in milliseconds. What inner layers wrote
/// stays.
pub(super) fn write(context: &RequestContext, headers: &mut HeaderMap, after: Duration) {
    let (Some(trace), Some(stages)) = (context.trace_context(), context.stages()) else {
        return;
    };
    // Writing to a string does not fail.
    let mut text = String::with_capacity(256);
    let _ = write!(text, "trace;desc=\"{trace}\", total;dur={}", Millis(after));
    for stage in stages.iter().filter(|stage| is_token(stage.name)) {
        let _ = write!(text, ", {};dur={}", stage.name, Millis(stage.own));
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(SERVER_TIMING, value);
    }
}

/// Milliseconds to the microsecond.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

/// A token of HTTP (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}
