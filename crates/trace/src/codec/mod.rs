//! The headers that carry a trace.

pub(crate) mod b3;
pub(crate) mod baggage;
pub(crate) mod names;
mod strip;
pub(crate) mod tracestate;
pub(crate) mod w3c;

use portcullis_core::{SpanId, TraceId};

pub(crate) use strip::strip;

/// What the headers of one format say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extracted {
    /// There are none.
    Absent,
    /// They cannot be read, and are treated as if they were not there.
    Invalid,
    /// No span, but whether the trace is to be recorded (B3 alone can say that).
    Only(Decision),
    /// The span of the caller.
    Span(RemoteSpan),
}

/// The span of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteSpan {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Whether the id of the trace is said to be random.
    pub(crate) random: bool,
    pub(crate) decision: Decision,
}

/// Whether a caller records the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It left that to whoever comes next (B3).
    Deferred,
    Unsampled,
    Sampled,
    /// Everybody must (B3).
    Debug,
}
