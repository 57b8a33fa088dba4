use portcullis_core::{SpanId, TraceContext, TraceFlags};
use proptest::prelude::*;

use super::tests::single;
use super::*;
use crate::codec::{Decision, Extracted, RemoteSpan};

proptest! {
    #[test]
    fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., flags in 0..3_u8) {
        let (flags, decision) = [
            (TraceFlags::NONE, Decision::Unsampled),
            (TraceFlags::SAMPLED, Decision::Sampled),
            (TraceFlags::NONE.with_debug(), Decision::Debug),
        ][usize::from(flags)];
        let context = TraceContext {
            trace_id: TraceId::from_bytes(trace.to_be_bytes()).unwrap(),
            span_id: SpanId::from_bytes(span.to_be_bytes()).unwrap(),
            flags,
        };
        let mut headers = HeaderMap::new();
        inject_single(&mut headers, &context);
        inject_multi(&mut headers, &context);
        let expected = Extracted::Span(RemoteSpan {
            trace_id: context.trace_id,
            span_id: context.span_id,
            random: false,
            decision,
        });
        prop_assert_eq!(extract_single(&headers), expected);
        prop_assert_eq!(extract_multi(&headers), expected);
    }

    #[test]
    fn only_the_few_good_shapes_are_read(value in "[0-9a-fA-Fd]{15,17}([0-9a-f]{15,17})?-[0-9a-f]{15,17}(-[01d2]{0,2}(-[0-9a-f]{15,17})?)?") {
        let fields: Vec<_> = value.split('-').collect();
        let hex = |text: &str| text.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f'));
        let zero = |text: &str| text.bytes().all(|one| one == b'0');
        let good = [16, 32].contains(&fields[0].len())
            && hex(fields[0])
            && !zero(fields[0])
            && fields[1].len() == 16
            && !zero(fields[1])
            && fields.get(2).is_none_or(|one| ["0", "1", "d"].contains(one))
            && fields.get(3).is_none_or(|one| one.len() == 16);
        let read = single(&value);
        prop_assert_eq!(matches!(read, Extracted::Span(_)), good);
        prop_assert!(good || read == Extracted::Invalid);
    }

    #[test]
    fn arbitrary_bytes_keep_the_promises(data: Vec<u8>) {
        fuzz_b3(&data);
    }
}
