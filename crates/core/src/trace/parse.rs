//! Reading a `traceparent`.

use std::fmt;

use super::{SpanId, TraceContext, TraceFlags, TraceId, hex};

/// Why a `traceparent` is treated as if it were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadTraceparent {
    /// It is shorter than any, or longer than version 00 may be.
    Length,
    /// Version `ff`, or a later version that does not go on with `-`.
    Version,
    /// Not digits and dashes where they belong; upper-case digits are none.
    Syntax,
    /// An id that is all zero.
    Id,
}

/// Two digits, a dash, thirty-two, a dash, sixteen, a dash, two.
pub(super) const LENGTH: usize = 55;

#[inline]
pub(super) fn parse(value: &[u8]) -> Result<TraceContext, BadTraceparent> {
    let value = trim(value);
    let Some((fields, rest)) = value.split_first_chunk::<LENGTH>() else {
        return Err(BadTraceparent::Length);
    };
    let word = |at: usize| -> [u8; 8] { std::array::from_fn(|i| fields[at + i]) };
    let (t0, f0) = hex::decode(word(3));
    let (t1, f1) = hex::decode(word(11));
    let (t2, f2) = hex::decode(word(19));
    let (t3, f3) = hex::decode(word(27));
    let (s0, f4) = hex::decode(word(36));
    let (s1, f5) = hex::decode(word(44));
    let ends = [
        fields[0], fields[1], fields[53], fields[54], b'0', b'0', b'0', b'0',
    ];
    let (ends, f6) = hex::decode(ends);
    let dashes = (fields[2] ^ b'-') | (fields[35] ^ b'-') | (fields[52] ^ b'-');
    if f0 | f1 | f2 | f3 | f4 | f5 | f6 | u64::from(dashes) != 0 {
        return Err(BadTraceparent::Syntax);
    }
    let [version, flags, ..] = ends.to_be_bytes();
    match (version, rest) {
        (0xff, _) => return Err(BadTraceparent::Version),
        (_, []) => {}
        (0, _) => return Err(BadTraceparent::Length),
        (_, [b'-', ..]) => {}
        _ => return Err(BadTraceparent::Version),
    }
    let trace_id = join(
        u64::from(t0) << 32 | u64::from(t1),
        u64::from(t2) << 32 | u64::from(t3),
    );
    let span_id = (u64::from(s0) << 32 | u64::from(s1)).to_be_bytes();
    match (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id)) {
        (Some(trace_id), Some(span_id)) => Ok(TraceContext {
            trace_id,
            span_id,
            flags: TraceFlags::from_byte(flags),
        }),
        _ => Err(BadTraceparent::Id),
    }
}

fn join(high: u64, low: u64) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// Without the blanks and tabs around it, and nothing else.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

// === impl BadTraceparent ===

impl fmt::Display for BadTraceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "not as long as a traceparent of its version",
            Self::Version => "a version of traceparent that cannot be read",
            Self::Syntax => "not the lower-case digits and dashes of a traceparent",
            Self::Id => "not an id of a trace or span",
        })
    }
}

impl std::error::Error for BadTraceparent {}
