//! Arbitrary bytes against the facts that must hold for B3.

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::{TraceContext, TraceFlags};

use super::single::LONGEST;
use super::{extract_multi, extract_single, inject_multi, inject_single};
use crate::codec::names;
use crate::codec::{Decision, Extracted, RemoteSpan};

static NAMES: [HeaderName; 6] = [
    names::B3,
    names::B3_TRACE_ID,
    names::B3_SPAN_ID,
    names::B3_PARENT_SPAN_ID,
    names::B3_SAMPLED,
    names::B3_FLAGS,
];

/// Reads each line of `data` as a header of B3 (`name: value`, or the value of the next name in turn), and checks that
/// what is read can be written and read again, and that what was there before does not matter then.
///
/// # Panics
/// It does.
pub fn fuzz_b3(data: &[u8]) {
    let headers = headers(data);
    check(&headers, extract_single, inject_single);
    check(&headers, extract_multi, inject_multi);
    if let Some(value) = headers.get(&names::B3)
        && value.as_bytes().trim_ascii().len() > LONGEST
    {
        assert_eq!(extract_single(&headers), Extracted::Invalid);
    }
}

fn check(
    headers: &HeaderMap,
    extract: fn(&HeaderMap) -> Extracted,
    inject: fn(&mut HeaderMap, &TraceContext),
) {
    let Extracted::Span(span) = extract(headers) else {
        return;
    };
    assert!(!span.random);
    // A caller that left the decision to us gets it from us.
    let decision = match span.decision {
        Decision::Deferred => Decision::Unsampled,
        decided => decided,
    };
    let expected = Extracted::Span(RemoteSpan { decision, ..span });
    for before in [headers, &HeaderMap::new()] {
        let mut after = before.clone();
        inject(&mut after, &context(span));
        assert_eq!(extract(&after), expected);
    }
}

fn context(span: RemoteSpan) -> TraceContext {
    TraceContext {
        trace_id: span.trace_id,
        span_id: span.span_id,
        flags: match span.decision {
            Decision::Deferred | Decision::Unsampled => TraceFlags::NONE,
            Decision::Sampled => TraceFlags::SAMPLED,
            Decision::Debug => TraceFlags::NONE.with_debug(),
        },
    }
}

fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let lines = data.split(|&byte| byte == b'\n');
    for (line, in_turn) in lines.zip(NAMES.iter().cycle()) {
        let named = NAMES.iter().find_map(|name| {
            let rest = line.strip_prefix(name.as_str().as_bytes())?;
            Some((name, rest.strip_prefix(b": ")?))
        });
        let (name, value) = named.unwrap_or((in_turn, line));
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    headers
}
