//! `traceparent`: every row of the specification's edge cases.

use proptest::prelude::*;

use super::*;

const T: &str = "0af7651916cd43dd8448eb211c80319c";
const S: &str = "b7ad6b7169203331";

fn context(flags: u8) -> TraceContext {
    TraceContext {
        trace_id: T.parse().unwrap(),
        span_id: S.parse().unwrap(),
        flags: TraceFlags::from_byte(flags),
    }
}

fn read(text: &str) -> Option<TraceContext> {
    TraceContext::parse(text.as_bytes()).ok()
}

#[test]
fn flags_are_read_and_written_with_the_random_bit_and_without_what_has_no_meaning() {
    for (flags, written) in [
        ("00", "00"),
        ("01", "01"),
        ("02", "02"),
        ("03", "03"),
        ("ff", "03"),
        ("08", "00"),
        ("f1", "01"),
    ] {
        let read = read(&format!("00-{T}-{S}-{flags}")).unwrap();
        assert_eq!(read.to_string(), format!("00-{T}-{S}-{written}"));
    }
}

#[test]
fn later_versions_are_read_as_far_as_they_are_known_and_written_as_00() {
    for text in [
        format!("01-{T}-{S}-01"),
        format!("fe-{T}-{S}-01"),
        format!("01-{T}-{S}-01-x"),
        format!("01-{T}-{S}-01-"),
        format!("cc-{T}-{S}-01-what-the-future-will-be-like"),
    ] {
        let read = read(&text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(read, context(1));
        assert_eq!(read.to_string(), format!("00-{T}-{S}-01"));
    }
}

#[test]
fn what_the_specification_does_not_allow_is_not_read() {
    let t31 = &T[1..];
    let s15 = &S[1..];
    for (text, why) in [
        (format!("01-{T}-{S}-01.x"), BadTraceparent::Version),
        (format!("ff-{T}-{S}-01"), BadTraceparent::Version),
        (format!("ff-{T}-{S}-01-x"), BadTraceparent::Version),
        (format!("00-{T}-{S}-01-"), BadTraceparent::Length),
        (format!("00-{T}-{S}-01-x"), BadTraceparent::Length),
        (format!("00-{T}-{S}-01."), BadTraceparent::Length),
        (
            format!("00-{T}-{S}-01,00-{T}-{S}-01"),
            BadTraceparent::Length,
        ),
        (
            format!("00-{}-{S}-01", T.to_uppercase()),
            BadTraceparent::Syntax,
        ),
        (
            format!("00-{T}-{}-01", S.to_uppercase()),
            BadTraceparent::Syntax,
        ),
        (format!("00-{T}-{S}-0A"), BadTraceparent::Syntax),
        (format!("CC-{T}-{S}-01"), BadTraceparent::Syntax),
        (format!("0-{T}-{S}-01x"), BadTraceparent::Syntax),
        (format!("000-{T}-{S}-01"), BadTraceparent::Syntax),
        (format!("+0-{T}-{S}-01"), BadTraceparent::Syntax),
        (format!("00-{t31}-{S}-01x"), BadTraceparent::Syntax),
        (format!("00-{t31}-{S}-01"), BadTraceparent::Length),
        (format!("00-{T}-{s15}-01"), BadTraceparent::Length),
        (format!("00-{T}-{S}-1"), BadTraceparent::Length),
        (format!("00-{T}-{S}-001"), BadTraceparent::Length),
        (format!("00-{T}-{S}-+1"), BadTraceparent::Syntax),
        (format!("00-+{t31}-{S}-01"), BadTraceparent::Syntax),
        (format!("00-{}-{S}-01", "0".repeat(32)), BadTraceparent::Id),
        (format!("00-{T}-{}-01", "0".repeat(16)), BadTraceparent::Id),
        (format!("00-{T}-{S}-"), BadTraceparent::Length),
        (format!("00_{T}-{S}-01"), BadTraceparent::Syntax),
        (format!("00-{T}_{S}-01"), BadTraceparent::Syntax),
        (format!("00-{T}-{S}_01"), BadTraceparent::Syntax),
        (format!("\u{a0}00-{T}-{S}-01"), BadTraceparent::Syntax),
        (format!("\n00-{T}-{S}-01"), BadTraceparent::Syntax),
        (String::new(), BadTraceparent::Length),
        (" \t ".to_owned(), BadTraceparent::Length),
    ] {
        let read = TraceContext::parse(text.as_bytes());
        assert_eq!(read, Err(why), "{text}");
    }
    let mut bytes = format!("00-{T}-{S}-01").into_bytes();
    bytes[20] |= 0x80;
    assert_eq!(TraceContext::parse(&bytes), Err(BadTraceparent::Syntax));
}

#[test]
fn blanks_and_tabs_around_it_do_not_matter() {
    assert_eq!(read(&format!(" \t00-{T}-{S}-01\t ")), Some(context(1)));
}

#[test]
fn every_single_wrong_byte_is_noticed() {
    let good = format!("00-{T}-{S}-01").into_bytes();
    for at in 0..good.len() {
        for byte in 0..=u8::MAX {
            let mut text = good.clone();
            text[at] = byte;
            let expected = match at {
                2 | 35 | 52 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            };
            let read = TraceContext::parse(&text);
            assert_eq!(read.is_ok(), expected, "{byte:#x} at {at}: {read:?}");
        }
    }
}

#[test]
fn a_new_trace_has_a_random_id_and_says_so() {
    let root = TraceContext::root(true);
    assert!(root.flags.is_random() && root.flags.is_sampled());
    assert_ne!(root.trace_id, TraceContext::root(true).trace_id);
    assert!(!TraceContext::root(false).flags.is_sampled());
}

#[test]
fn a_child_has_the_trace_and_the_flags_of_its_parent_and_a_span_of_its_own() {
    for flags in 0..4 {
        let child = context(flags).child();
        assert_eq!(child.trace_id, context(flags).trace_id);
        assert_eq!(child.flags, context(flags).flags);
        assert_ne!(child.span_id, context(flags).span_id);
    }
}

#[test]
fn debug_is_sampled_and_never_in_a_traceparent() {
    let debug = TraceFlags::RANDOM.with_debug();
    assert!(debug.is_debug() && debug.is_sampled());
    assert_eq!(debug.to_byte(), 3);
    assert!(!debug.with_sampled(false).is_debug());
}

#[test]
fn an_id_is_never_zero() {
    assert_eq!(TraceId::from_bytes([0; 16]), None);
    assert_eq!(SpanId::from_bytes([0; 8]), None);
    assert!("0".repeat(32).parse::<TraceId>().is_err());
    assert!("B7AD6B7169203331".parse::<SpanId>().is_err());
    assert_eq!(format!("{:?}", context(1).span_id), format!("SpanId({S})"));
    assert_eq!(
        format!("{:?}", context(1)),
        format!("TraceContext(00-{T}-{S}-01)")
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(trace: [u8; 16], span: [u8; 8], flags: u8) {
        prop_assume!(trace != [0; 16] && span != [0; 8]);
        let context = TraceContext {
            trace_id: TraceId::from_bytes(trace).unwrap(),
            span_id: SpanId::from_bytes(span).unwrap(),
            flags: TraceFlags::from_byte(flags),
        };
        prop_assert_eq!(context.to_string().parse(), Ok(context));
        let expected = format!(
            "00-{:032x}-{:016x}-{:02x}",
            u128::from_be_bytes(trace), u64::from_be_bytes(span), flags & 3
        );
        prop_assert_eq!(context.to_string(), expected);
        prop_assert_eq!(TraceId::from_hex(&context.trace_id.to_hex()), Some(context.trace_id));
        prop_assert_eq!(SpanId::from_hex(&context.span_id.to_hex()), Some(context.span_id));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        fuzz_traceparent(&bytes);
    }

    #[test]
    fn something_like_it_does_not_panic(text in "[0-9a-f]{0,3}-[0-9a-f]{30,34}-[0-9a-fA]{14,17}-[0-9a-f]{1,3}[-x]{0,2}") {
        fuzz_traceparent(text.as_bytes());
    }
}
