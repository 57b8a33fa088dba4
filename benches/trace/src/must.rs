//! What must become of a trace, for the figures to mean anything.

use portcullis_core::TraceContext;

use crate::case::{Asking, caller};
use crate::request::{BAGGAGE, LUGGAGE, STATE, TRACEPARENT, TRACESTATE};
use crate::service::Seen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    /// The call has the trace of the caller and a span of its own; and what was to go along.
    Continue,
    /// The call has the span of the caller itself: whoever is called takes the caller for its parent.
    HandOn,
    /// The call knows of no trace.
    BeSilent,
    /// No call is made; the handler knows its trace, and has a span of its own.
    Serve,
    /// Neither call nor trace.
    Answer,
}

// === impl Must ===

impl Must {
    /// Looks at what two operations came to.
    ///
    /// # Panics
    /// If it was something else.
    pub(crate) fn hold(self, name: &str, asking: Asking, first: &Seen, second: &Seen) {
        match self {
            Self::Continue => {
                let spans = [first, second].map(|seen| one(name, seen).expect("a traceparent"));
                continues(name, spans);
                assert_eq!(spans[0].flags.is_sampled(), is_sampled(asking), "{name}");
                if matches!(asking, Asking::Incoming(incoming) if incoming.luggage) {
                    assert_eq!(first.headers[TRACESTATE], STATE, "{name}");
                    assert_eq!(first.headers[BAGGAGE], LUGGAGE, "{name}");
                }
            }
            Self::HandOn => {
                let span = one(name, first).expect("a traceparent");
                assert_eq!(span.trace_id, caller().trace_id, "{name}");
                assert_eq!(span.span_id, caller().span_id, "{name}");
            }
            Self::BeSilent => assert_eq!(one(name, first), None, "{name}"),
            Self::Serve => {
                continues(
                    name,
                    [first, second].map(|seen| seen.current.expect("a trace")),
                );
            }
            Self::Answer => {}
        }
    }
}

/// Both belong to the trace of the caller, and neither is its span, nor the other's.
fn continues(name: &str, spans: [TraceContext; 2]) {
    for span in spans {
        assert_eq!(span.trace_id, caller().trace_id, "{name}");
        assert_ne!(span.span_id, caller().span_id, "{name}");
    }
    assert_ne!(spans[0].span_id, spans[1].span_id, "{name}");
}

fn is_sampled(asking: Asking) -> bool {
    match asking {
        Asking::Incoming(incoming) => incoming.parent.ends_with("01"),
        Asking::Outgoing => true,
    }
}

/// The span in the headers, of which there must be no more than one.
fn one(name: &str, seen: &Seen) -> Option<TraceContext> {
    let mut values = seen.headers.get_all(TRACEPARENT).iter();
    let (first, rest) = (values.next()?, values.next());
    assert_eq!(rest, None, "{name}");
    Some(TraceContext::parse(first.as_bytes()).expect("a traceparent that can be read"))
}
