//! What becomes of the trace of a request that arrives.

use std::sync::Arc;
use std::time::Instant;

use portcullis_core::{Carried, RequestTrace, TraceContext, TraceFlags};

use crate::codec::{Extracted, RemoteSpan};
use crate::propagation::{Format, Found};
use crate::sampling::{Sampled, Sampler};
use crate::trust::TrustLevel;

/// The trace of a request whose headers say what was `found`. `carried` is asked only if something may go along.
pub(crate) fn arrive(
    found: Found,
    level: TrustLevel,
    sampler: &Sampler,
    now: Instant,
    carried: impl FnOnce(Option<Format>) -> Carried,
) -> RequestTrace {
    let (caller, asked) = match found.extracted {
        Extracted::Span(span) => (Some(span), Some(span.decision)),
        Extracted::Only(decision) => (None, Some(decision)),
        Extracted::Absent | Extracted::Invalid => (None, None),
    };
    let continued = caller.filter(|_| level == TrustLevel::Internal);
    // Its flags are still to be decided.
    let mut own = match continued {
        Some(caller) => caller.context(false).child(),
        None => TraceContext::root(false),
    };
    let sampled = sampler.decide(own.trace_id, asked, level, now);
    own.flags = match sampled {
        Sampled::Yes => own.flags.with_sampled(true),
        Sampled::Debug => own.flags.with_debug(),
        Sampled::No | Sampled::OnceKnown => own.flags,
    };
    let mut trace = RequestTrace::new(own);
    match (continued, caller) {
        (Some(caller), _) => trace = trace.with_parent(caller.span_id),
        (None, Some(caller)) => trace = trace.with_link(caller.context(caller.is_sampled())),
        (None, None) => {}
    }
    if level == TrustLevel::Internal {
        // What another vendor noted belongs to the trace that it noted it in.
        trace = trace.with_carried(carried(continued.and(found.format)));
    }
    if sampled == Sampled::OnceKnown {
        trace = trace.with_wish(sampler.limit.as_ref().map(Arc::clone));
    }
    trace
}

// === impl RemoteSpan ===

impl RemoteSpan {
    pub(crate) fn context(self, sampled: bool) -> TraceContext {
        let flags = if self.random {
            TraceFlags::RANDOM
        } else {
            TraceFlags::NONE
        };
        TraceContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: flags.with_sampled(sampled),
        }
    }

    pub(crate) fn is_sampled(self) -> bool {
        use crate::codec::Decision;
        matches!(self.decision, Decision::Sampled | Decision::Debug)
    }
}
