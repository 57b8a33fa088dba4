//! `X-B3-TraceId` and those beside it.

use http::{HeaderMap, HeaderValue};
use portcullis_core::{SpanId, TraceContext};

use super::{Twice, once, set, trace_id};
use crate::codec::names::{B3_FLAGS, B3_PARENT_SPAN_ID, B3_SAMPLED, B3_SPAN_ID, B3_TRACE_ID};
use crate::codec::{Decision, Extracted, RemoteSpan};

/// Reads the caller's span, or its decision.
pub(crate) fn extract_multi(headers: &HeaderMap) -> Extracted {
    let read = || {
        let ids = (once(headers, &B3_TRACE_ID)?, once(headers, &B3_SPAN_ID)?);
        let decision = decision(once(headers, &B3_FLAGS)?, once(headers, &B3_SAMPLED)?);
        Ok::<_, Twice>((ids, decision))
    };
    match read() {
        Ok(((None, None), Some(Decision::Deferred))) => Extracted::Absent,
        Ok(((None, None), Some(decision))) => Extracted::Only(decision),
        Ok(((Some(trace), Some(span)), Some(decision))) => {
            match (trace_id(trace), SpanId::from_hex(span)) {
                (Some(trace_id), Some(span_id)) => Extracted::Span(RemoteSpan {
                    trace_id,
                    span_id,
                    random: false,
                    decision,
                }),
                _ => Extracted::Invalid,
            }
        }
        _ => Extracted::Invalid,
    }
}

/// Writes a span in the place of whatever is there.
pub(crate) fn inject_multi(headers: &mut HeaderMap, context: &TraceContext) {
    set(headers, &B3_TRACE_ID, &context.trace_id.to_hex());
    set(headers, &B3_SPAN_ID, &context.span_id.to_hex());
    // The parent of the span that was here before is not the parent of this one.
    headers.remove(&B3_PARENT_SPAN_ID);
    let (said, other, value) = match context.flags {
        flags if flags.is_debug() => (&B3_FLAGS, &B3_SAMPLED, "1"),
        flags if flags.is_sampled() => (&B3_SAMPLED, &B3_FLAGS, "1"),
        _ => (&B3_SAMPLED, &B3_FLAGS, "0"),
    };
    headers.remove(other);
    headers.insert(said, HeaderValue::from_static(value));
}

/// Whether to record; none if `sampled` is unreadable and decides.
fn decision(flags: Option<&[u8]>, sampled: Option<&[u8]>) -> Option<Decision> {
    match (flags, sampled) {
        (Some(b"1"), _) => Some(Decision::Debug),
        (_, None) => Some(Decision::Deferred),
        (_, Some(b"1")) => Some(Decision::Sampled),
        (_, Some(b"0")) => Some(Decision::Unsampled),
        (_, Some(word)) if word.eq_ignore_ascii_case(b"true") => Some(Decision::Sampled),
        (_, Some(word)) if word.eq_ignore_ascii_case(b"false") => Some(Decision::Unsampled),
        _ => None,
    }
}
