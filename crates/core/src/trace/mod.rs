//! Where a request stands in a distributed trace (W3C Trace Context, level 2).

mod flags;
mod hex;
mod id;
mod parse;
mod per_second;
mod request;
mod text;

use std::fmt;
use std::str::FromStr;

pub use flags::TraceFlags;
pub use id::{SpanId, TraceId};
pub use parse::BadTraceparent;
pub use per_second::PerSecond;
pub use request::{Carried, RequestTrace};
pub use text::Traceparent;

/// One span of one trace: what a `traceparent` header says.
///
/// Its text, by [`Display`](fmt::Display) and [`FromStr`], is that header: always of version 00 when written, of any
/// version when read. So it goes into a message queue as well as into a request.
///
/// # Examples
/// ```
/// use portcullis_core::{TraceContext, TraceFlags};
///
/// let caller: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// let mine = caller.child();
/// assert_eq!(mine.trace_id, caller.trace_id);
/// assert!(mine.flags.is_sampled());
/// assert_ne!(mine.to_string(), caller.to_string());
/// # Ok::<(), portcullis_core::BadTraceparent>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span in it.
    pub span_id: SpanId,
    /// Whether it is recorded, and how its id was made.
    pub flags: TraceFlags,
}

// === impl TraceContext ===

impl TraceContext {
    /// The first span of a new trace, whose id is random.
    #[must_use]
    pub fn root(sampled: bool) -> Self {
        Self {
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            flags: TraceFlags::RANDOM.with_sampled(sampled),
        }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: SpanId::random(),
            ..self
        }
    }

    /// Reads the value of a `traceparent` header; blanks around it do not matter.
    ///
    /// # Errors
    /// What W3C Trace Context says is to be treated as if the header were not there.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, BadTraceparent> {
        parse::parse(value)
    }

    /// The value of a `traceparent` header.
    #[inline]
    #[must_use]
    pub fn traceparent(&self) -> Traceparent {
        text::render(self)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.traceparent().as_str())
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceContext({self})")
    }
}

impl FromStr for TraceContext {
    type Err = BadTraceparent;

    fn from_str(text: &str) -> Result<Self, BadTraceparent> {
        Self::parse(text.as_bytes())
    }
}

/// The entry point for fuzzing.
#[doc(hidden)]
pub fn fuzz_traceparent(data: &[u8]) {
    if let Ok(context) = TraceContext::parse(data) {
        let text = context.traceparent();
        assert_eq!(TraceContext::parse(text.as_bytes()), Ok(context));
    }
}

#[cfg(test)]
mod tests;
