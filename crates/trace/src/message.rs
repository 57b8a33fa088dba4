//! A trace in headers that no layer sees: metadata of tonic, properties of a message.

use http::HeaderMap;
use portcullis_core::{RequestContext, TraceContext};

use crate::codec::Extracted;
use crate::propagation::Formats;

impl Formats {
    /// Writes a new span of the trace of `context` into `headers`, in the place of any trace in them, and what goes
    /// along. Says which, for the span of whoever sends; none where `context` is part of no trace, and then nothing is
    /// changed.
    ///
    /// For what does not go through a client layer: metadata of tonic (`MetadataMap::from_headers`), properties of a
    /// message.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use portcullis_core::{RequestContext, RequestTrace, TraceContext};
    /// use portcullis_trace::Formats;
    /// # use std::time::Instant;
    ///
    /// # let trace = RequestTrace::new(TraceContext::root(true));
    /// # let context = RequestContext::traced(Instant::now(), trace);
    /// let mut properties = HeaderMap::new();
    /// let sent = Formats::W3C.write(&mut properties, &context).unwrap();
    /// // Elsewhere, who takes the message out of the queue:
    /// assert_eq!(Formats::W3C.read(&properties), Some(sent));
    /// ```
    pub fn write(self, headers: &mut HeaderMap, context: &RequestContext) -> Option<TraceContext> {
        let span = context.trace_context()?.child();
        self.inject(headers, &span, context.trace()?.carried());
        Some(span)
    }

    /// The span that headers name: of the first format in which one is valid. Where its sender left it open whether it
    /// is sampled (B3), it is not.
    #[must_use]
    pub fn read(self, headers: &HeaderMap) -> Option<TraceContext> {
        match self.extract(headers).extracted {
            Extracted::Span(span) => Some(span.context(span.is_sampled())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::HeaderValue;
    use portcullis_core::{Carried, RequestTrace};

    use super::*;
    use crate::Format;

    fn context() -> RequestContext {
        let baggage = Some(HeaderValue::from_static("tenant=7"));
        let trace = RequestTrace::new(TraceContext::root(true));
        let trace = trace.with_carried(Carried::new(None, baggage));
        RequestContext::traced(Instant::now(), trace)
    }

    #[test]
    fn what_is_written_into_metadata_is_read_from_it_in_each_format() {
        for format in [Format::W3c, Format::B3Single, Format::B3Multi] {
            let (formats, context) = (Formats::new([format]), context());
            let mut metadata = HeaderMap::new();
            metadata.insert("b3", HeaderValue::from_static("0"));
            let sent = formats.write(&mut metadata, &context).unwrap();
            let read = formats.read(&metadata).unwrap();
            assert_eq!((read.trace_id, read.span_id), (sent.trace_id, sent.span_id));
            assert!(read.flags.is_sampled());
            assert_ne!(read.span_id, context.trace_context().unwrap().span_id);
            assert_eq!(metadata["baggage"], "tenant=7");
        }
    }

    #[test]
    fn outside_of_a_trace_nothing_is_written_and_nothing_read() {
        let mut metadata = HeaderMap::new();
        metadata.insert("traceparent", HeaderValue::from_static("bad"));
        let outside = RequestContext::new(Instant::now());
        assert_eq!(Formats::W3C.write(&mut metadata, &outside), None);
        assert_eq!(metadata["traceparent"], "bad");
        assert_eq!(Formats::W3C.read(&metadata), None);
    }
}
