//! Writing a `traceparent`.

use super::TraceContext;
use super::hex;
use super::parse::LENGTH;

/// The text of a `traceparent`, on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent([u8; LENGTH]);

#[inline]
pub(super) fn render(context: &TraceContext) -> Traceparent {
    let mut text = [b'-'; LENGTH];
    text[0] = b'0';
    text[1] = b'0';
    text[3..35].copy_from_slice(&context.trace_id.to_hex());
    text[36..52].copy_from_slice(&context.span_id.to_hex());
    let flags = hex::encode(u32::from(context.flags.to_byte()));
    text[53] = flags[6];
    text[54] = flags[7];
    Traceparent(text)
}

// === impl Traceparent ===

impl Traceparent {
    /// Its bytes, all of them visible ASCII.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
