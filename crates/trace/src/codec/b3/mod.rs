//! B3, in one header or in several.
//!
//! | what is said | in one | in several |
//! |---|---|---|
//! | the span | `b3: trace-span`, and then `-0`, `-1` or `-d` | `X-B3-TraceId`, `X-B3-SpanId` |
//! | record | `1` | `X-B3-Sampled: 1` (of old also `true`) |
//! | do not | `0` | `X-B3-Sampled: 0` (of old also `false`) |
//! | everybody must | `d` | `X-B3-Flags: 1`, whatever is sampled |
//! | decide for yourself | nothing | nothing |
//!
//! A decision may come without a span. The span above the caller's own is not looked at.

mod fuzz;
mod multi;
mod single;

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::TraceId;

pub use fuzz::fuzz_b3;
pub(crate) use multi::{extract_multi, inject_multi};
pub(crate) use single::{extract_single, inject_single};

/// A header is there twice: who knows which is meant.
struct Twice;

/// The value of a header that is there once, without the blanks around it.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Twice> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| super::tracestate::list::trim(value.as_bytes()))),
        (_, Some(_)) => Err(Twice),
    }
}

/// A trace id of 32 digits, or the right half of one.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    let Ok(half) = <&[u8; 16]>::try_from(digits) else {
        return TraceId::from_hex(digits);
    };
    let mut whole = [b'0'; 32];
    whole[16..].copy_from_slice(half);
    TraceId::from_hex(&whole)
}

/// Digits, and so always a value.
fn set(headers: &mut HeaderMap, name: &HeaderName, text: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
