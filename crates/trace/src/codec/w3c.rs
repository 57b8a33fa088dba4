//! `traceparent` in the headers of a request.

use http::{HeaderMap, HeaderValue};
use portcullis_core::TraceContext;

use super::names::TRACEPARENT;
use super::{Decision, Extracted, RemoteSpan};

/// Reads the caller's span. Of several headers none is believed, even if they say the same.
#[inline]
pub(crate) fn extract(headers: &HeaderMap) -> Extracted {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let (Some(value), rest) = (values.next(), values.next()) else {
        return Extracted::Absent;
    };
    match (TraceContext::parse(value.as_bytes()), rest) {
        (Ok(context), None) => Extracted::Span(RemoteSpan {
            trace_id: context.trace_id,
            span_id: context.span_id,
            random: context.flags.is_random(),
            decision: if context.flags.is_sampled() {
                Decision::Sampled
            } else {
                Decision::Unsampled
            },
        }),
        _ => Extracted::Invalid,
    }
}

/// Writes a span in the place of whatever is there.
#[inline]
pub(crate) fn inject(headers: &mut HeaderMap, context: &TraceContext) {
    let text = context.traceparent();
    // Digits and dashes: it is always a value.
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        headers.insert(&TRACEPARENT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

    fn of(values: &[&str]) -> Extracted {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        extract(&headers)
    }

    #[test]
    fn one_good_header_is_the_span_of_the_caller() {
        let Extracted::Span(span) = of(&[GOOD]) else {
            panic!("{GOOD}");
        };
        assert!(span.random);
        assert_eq!(span.decision, Decision::Sampled);
        assert_eq!(span.span_id.to_string(), "b7ad6b7169203331");
    }

    #[test]
    fn of_two_headers_none_is_believed_even_if_they_are_the_same() {
        assert_eq!(of(&[GOOD, GOOD]), Extracted::Invalid);
        assert_eq!(of(&[&format!("{GOOD},{GOOD}")]), Extracted::Invalid);
    }

    #[test]
    fn none_is_absent_and_an_empty_one_is_not_valid() {
        assert_eq!(of(&[]), Extracted::Absent);
        assert_eq!(of(&[""]), Extracted::Invalid);
        let mut headers = HeaderMap::new();
        let latin1 =
            HeaderValue::from_bytes(b"00-\xe0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        headers.insert(&TRACEPARENT, latin1.unwrap());
        assert_eq!(extract(&headers), Extracted::Invalid);
    }

    #[test]
    fn what_is_written_is_the_only_one() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            headers.append(&TRACEPARENT, HeaderValue::from_static(GOOD));
        }
        let context = TraceContext::root(true);
        inject(&mut headers, &context);
        let all: Vec<_> = headers.get_all(&TRACEPARENT).iter().collect();
        assert_eq!(all, [context.to_string().as_str()]);
    }
}
