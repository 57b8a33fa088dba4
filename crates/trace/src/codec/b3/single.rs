//! `b3`.

use http::HeaderMap;
use portcullis_core::{SpanId, TraceContext};

use super::{once, set, trace_id};
use crate::codec::names::B3;
use crate::codec::{Decision, Extracted, RemoteSpan};

/// A trace of 32 digits, two spans of 16, a decision, and the dashes between them.
pub(super) const LONGEST: usize = 32 + 1 + 16 + 1 + 1 + 1 + 16;

/// Reads the caller's span, or its decision.
#[inline]
pub(crate) fn extract_single(headers: &HeaderMap) -> Extracted {
    match once(headers, &B3) {
        Ok(None) => Extracted::Absent,
        Ok(Some(value)) if value.len() <= LONGEST => read(value).unwrap_or(Extracted::Invalid),
        Ok(Some(_)) | Err(_) => Extracted::Invalid,
    }
}

/// Writes a span in the place of whatever is there.
#[inline]
pub(crate) fn inject_single(headers: &mut HeaderMap, context: &TraceContext) {
    let mut text = [b'-'; 32 + 1 + 16 + 1 + 1];
    text[..32].copy_from_slice(&context.trace_id.to_hex());
    text[33..49].copy_from_slice(&context.span_id.to_hex());
    text[50] = match context.flags {
        flags if flags.is_debug() => b'd',
        flags if flags.is_sampled() => b'1',
        _ => b'0',
    };
    set(headers, &B3, &text);
}

fn read(value: &[u8]) -> Option<Extracted> {
    if let &[letter] = value {
        return decision(letter).map(Extracted::Only);
    }
    // A dash is no digit: only one of the two lengths can end in one.
    let (trace, rest) = field::<32>(value).or_else(|| field::<16>(value))?;
    let (span, rest) = rest.split_first_chunk::<16>()?;
    let decision = match rest {
        [] => Decision::Deferred,
        &[b'-', letter] => decision(letter)?,
        &[b'-', letter, b'-', ref parent @ ..] if is_span(parent) => decision(letter)?,
        _ => return None,
    };
    Some(Extracted::Span(RemoteSpan {
        trace_id: trace_id(trace)?,
        span_id: SpanId::from_hex(span)?,
        random: false,
        decision,
    }))
}

/// The first so many bytes, before a dash, and what is behind it.
fn field<const LENGTH: usize>(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (field, rest) = value.split_first_chunk::<LENGTH>()?;
    Some((field, rest.strip_prefix(b"-")?))
}

/// Whether this may be the span above. Some write zeros for none.
fn is_span(digits: &[u8]) -> bool {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    digits.len() == 16 && digits.iter().all(digit)
}

fn decision(letter: u8) -> Option<Decision> {
    match letter {
        b'0' => Some(Decision::Unsampled),
        b'1' => Some(Decision::Sampled),
        b'd' => Some(Decision::Debug),
        _ => None,
    }
}
