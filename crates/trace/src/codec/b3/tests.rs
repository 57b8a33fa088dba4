use super::*;
use crate::codec::names::{B3, B3_FLAGS, B3_PARENT_SPAN_ID, B3_SAMPLED, B3_SPAN_ID, B3_TRACE_ID};
use crate::codec::{Decision, Extracted, RemoteSpan};
use portcullis_core::{TraceContext, TraceFlags};

const T: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const HALF: &str = "64fe8b2a57d3eff7";
const S: &str = "e457b5a2e4d86bd1";
const P: &str = "05e3ac9a4f6e3b90";

fn span(trace: &str, decision: Decision) -> Extracted {
    Extracted::Span(RemoteSpan {
        trace_id: trace.parse().unwrap(),
        span_id: S.parse().unwrap(),
        random: false,
        decision,
    })
}

fn headers(lines: &[(&HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub(super) fn single(value: &str) -> Extracted {
    extract_single(&headers(&[(&B3, value)]))
}

fn multi(lines: &[(&HeaderName, &str)]) -> Extracted {
    extract_multi(&headers(lines))
}

/// With both ids of a span before `more`.
fn multi_with_ids(more: &[(&HeaderName, &str)]) -> Extracted {
    multi(&[&[(&B3_TRACE_ID, T), (&B3_SPAN_ID, S)], more].concat())
}

fn context(flags: TraceFlags) -> TraceContext {
    TraceContext {
        trace_id: T.parse().unwrap(),
        span_id: S.parse().unwrap(),
        flags,
    }
}

fn all(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn one_header_says_the_span_and_the_decision() {
    for (end, decision) in [
        ("", Decision::Deferred),
        ("-0", Decision::Unsampled),
        ("-1", Decision::Sampled),
        ("-d", Decision::Debug),
    ] {
        assert_eq!(single(&format!("{T}-{S}{end}")), span(T, decision), "{end}");
        if !end.is_empty() {
            let with_parent = format!("{T}-{S}{end}-{P}");
            assert_eq!(single(&with_parent), span(T, decision), "{end}");
        }
    }
    let blanks = format!(" \t{T}-{S}-1 ");
    assert_eq!(single(&blanks), span(T, Decision::Sampled));
    let no_parent = format!("{T}-{S}-1-0000000000000000");
    assert_eq!(single(&no_parent), span(T, Decision::Sampled));
}

#[test]
fn a_short_trace_id_is_the_right_half_of_a_long_one() {
    let long = format!("0000000000000000{HALF}");
    assert_eq!(
        single(&format!("{HALF}-{S}-1")),
        span(&long, Decision::Sampled)
    );
    assert_eq!(
        single(&format!("{HALF}-{S}-d-{P}")),
        span(&long, Decision::Debug)
    );
    assert_eq!(
        single(&format!("{HALF}-{S}")),
        span(&long, Decision::Deferred)
    );
    let ids = [(&B3_TRACE_ID, HALF), (&B3_SPAN_ID, S)];
    assert_eq!(multi(&ids), span(&long, Decision::Deferred));
}

#[test]
fn a_decision_alone_is_heard() {
    for (letter, decision) in [
        ("0", Decision::Unsampled),
        ("1", Decision::Sampled),
        ("d", Decision::Debug),
    ] {
        assert_eq!(single(letter), Extracted::Only(decision));
        assert_eq!(single(&format!(" {letter}\t")), Extracted::Only(decision));
    }
    for (name, word, decision) in [
        (&B3_SAMPLED, "0", Decision::Unsampled),
        (&B3_SAMPLED, "1", Decision::Sampled),
        (&B3_SAMPLED, "false", Decision::Unsampled),
        (&B3_SAMPLED, "true", Decision::Sampled),
        (&B3_FLAGS, "1", Decision::Debug),
    ] {
        assert_eq!(
            multi(&[(name, word)]),
            Extracted::Only(decision),
            "{name} {word}"
        );
    }
}

#[test]
fn whatever_else_stands_in_the_one_header_is_not_valid() {
    let zero = "0".repeat(32);
    let cases = [
        String::new(),
        " ".into(),
        "2".into(),
        "D".into(),
        T.into(),
        format!("{T}-"),
        format!("{T}-{S}-"),
        format!("{T}-{S}-2"),
        format!("{T}-{S}-D"),
        format!("{T}-{S}-1-"),
        format!("{T}-{S}-{P}"),
        format!("{T}-{S}--{P}"),
        format!("{T}-{S}-1-{}", &P[1..]),
        format!("{T}-{S}-1-{P}0"),
        format!("{T}-{S}-1-{}", P.to_uppercase()),
        format!("{}-{S}-1", &T[1..]),
        format!("0{T}-{S}-1"),
        format!("{}-{S}-1", &HALF[1..]),
        format!("{T}-{}-1", &S[1..]),
        format!("{T}-0{S}-1"),
        format!("{}-{S}-1", T.to_uppercase()),
        format!("{T}-{}-1", S.to_uppercase()),
        format!("+{}-{S}-1", &T[1..]),
        format!("{zero}-{S}-1"),
        format!("{}-{S}-1", &zero[16..]),
        format!("{T}-{}-1", &zero[16..]),
        format!("{T}-{S}-1,{T}-{S}-1"),
        format!("{T}-{S}-1-{P}{}", "0".repeat(9000)),
    ];
    for value in cases {
        assert_eq!(single(&value), Extracted::Invalid, "{value:?}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(&B3, HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(extract_single(&headers), Extracted::Invalid);
}

#[test]
fn of_two_headers_of_one_name_none_is_believed() {
    let value = format!("{T}-{S}-1");
    let twice = [(&B3, value.as_str()), (&B3, value.as_str())];
    assert_eq!(extract_single(&headers(&twice)), Extracted::Invalid);
    assert_eq!(
        extract_single(&headers(&[(&B3, "0"), (&B3, "0")])),
        Extracted::Invalid
    );
    for (name, value) in [(&B3_TRACE_ID, T), (&B3_SPAN_ID, S)] {
        assert_eq!(
            multi_with_ids(&[(name, value)]),
            Extracted::Invalid,
            "{name}"
        );
    }
    for (name, value) in [(&B3_SAMPLED, "1"), (&B3_FLAGS, "1"), (&B3_FLAGS, "0")] {
        let twice = [(name, value), (name, value)];
        assert_eq!(multi_with_ids(&twice), Extracted::Invalid, "{name}");
        assert_eq!(multi(&twice), Extracted::Invalid, "{name}");
    }
}

#[test]
fn no_header_of_a_format_is_absent() {
    assert_eq!(extract_single(&HeaderMap::new()), Extracted::Absent);
    assert_eq!(extract_multi(&HeaderMap::new()), Extracted::Absent);
    let value = format!("{T}-{S}-1");
    assert_eq!(extract_multi(&headers(&[(&B3, &value)])), Extracted::Absent);
    let ids = [(&B3_TRACE_ID, T), (&B3_SPAN_ID, S)];
    assert_eq!(extract_single(&headers(&ids)), Extracted::Absent);
    // They say nothing alone.
    assert_eq!(multi(&[(&B3_PARENT_SPAN_ID, P)]), Extracted::Absent);
    assert_eq!(multi(&[(&B3_FLAGS, "0")]), Extracted::Absent);
}

#[test]
fn several_headers_say_the_span_and_the_decision() {
    for (more, decision) in [
        (&[][..], Decision::Deferred),
        (&[(&B3_SAMPLED, "0")], Decision::Unsampled),
        (&[(&B3_SAMPLED, "1")], Decision::Sampled),
        (&[(&B3_SAMPLED, " 1\t")], Decision::Sampled),
        (&[(&B3_SAMPLED, "false")], Decision::Unsampled),
        (&[(&B3_SAMPLED, "true")], Decision::Sampled),
        (&[(&B3_SAMPLED, "True")], Decision::Sampled),
        (&[(&B3_FLAGS, "1")], Decision::Debug),
        (&[(&B3_FLAGS, "1"), (&B3_SAMPLED, "0")], Decision::Debug),
        (&[(&B3_FLAGS, "1"), (&B3_SAMPLED, "?")], Decision::Debug),
        (&[(&B3_FLAGS, "0"), (&B3_SAMPLED, "1")], Decision::Sampled),
        (&[(&B3_FLAGS, "0"), (&B3_SAMPLED, "0")], Decision::Unsampled),
        (&[(&B3_FLAGS, "2"), (&B3_SAMPLED, "1")], Decision::Sampled),
        (&[(&B3_FLAGS, "")], Decision::Deferred),
        (&[(&B3_PARENT_SPAN_ID, P)], Decision::Deferred),
        (
            &[(&B3_PARENT_SPAN_ID, "?"), (&B3_PARENT_SPAN_ID, "?")],
            Decision::Deferred,
        ),
    ] {
        assert_eq!(multi_with_ids(more), span(T, decision), "{more:?}");
    }
}

#[test]
fn several_headers_that_cannot_be_read_are_not_valid() {
    let (upper, zero) = (T.to_uppercase(), "0".repeat(32));
    for lines in [
        &[(&B3_TRACE_ID, T)][..],
        &[(&B3_SPAN_ID, S)],
        &[(&B3_TRACE_ID, T), (&B3_SAMPLED, "0")],
        &[(&B3_TRACE_ID, &upper), (&B3_SPAN_ID, S)],
        &[(&B3_TRACE_ID, T), (&B3_SPAN_ID, "E457b5a2e4d86bd1")],
        &[(&B3_TRACE_ID, &zero), (&B3_SPAN_ID, S)],
        &[(&B3_TRACE_ID, T), (&B3_SPAN_ID, &zero[16..])],
        &[(&B3_TRACE_ID, &T[1..]), (&B3_SPAN_ID, S)],
        &[(&B3_TRACE_ID, T), (&B3_SPAN_ID, &S[1..])],
        &[(&B3_TRACE_ID, ""), (&B3_SPAN_ID, "")],
        &[(&B3_SAMPLED, "")],
        &[(&B3_SAMPLED, "2")],
        &[(&B3_SAMPLED, "d")],
    ] {
        assert_eq!(multi(lines), Extracted::Invalid, "{lines:?}");
    }
    assert_eq!(multi_with_ids(&[(&B3_SAMPLED, "yes")]), Extracted::Invalid);
}

#[test]
fn one_header_is_written_in_the_place_of_all_of_its_name() {
    for (flags, end) in [
        (TraceFlags::NONE, '0'),
        (TraceFlags::RANDOM, '0'),
        (TraceFlags::SAMPLED, '1'),
        (TraceFlags::NONE.with_debug(), 'd'),
    ] {
        let mut headers = headers(&[(&B3, "0"), (&B3, "d")]);
        inject_single(&mut headers, &context(flags));
        assert_eq!(all(&headers), [("b3", format!("{T}-{S}-{end}").as_str())]);
    }
}

#[test]
fn several_headers_are_written_and_none_is_left_that_contradicts() {
    for (flags, (name, value)) in [
        (TraceFlags::NONE, ("x-b3-sampled", "0")),
        (TraceFlags::RANDOM, ("x-b3-sampled", "0")),
        (TraceFlags::SAMPLED, ("x-b3-sampled", "1")),
        (TraceFlags::NONE.with_debug(), ("x-b3-flags", "1")),
    ] {
        let mut headers = headers(&[
            (&B3_TRACE_ID, HALF),
            (&B3_TRACE_ID, HALF),
            (&B3_SPAN_ID, P),
            (&B3_PARENT_SPAN_ID, P),
            (&B3_SAMPLED, "0"),
            (&B3_SAMPLED, "1"),
            (&B3_FLAGS, "1"),
        ]);
        inject_multi(&mut headers, &context(flags));
        let expected = [(name, value), ("x-b3-spanid", S), ("x-b3-traceid", T)];
        assert_eq!(all(&headers), expected);
    }
}

/// Faults of other readers: `-d` refused, `d` not sampled, `0` lost, `Flags: 0` above `Sampled: 1`, "left to us" taken
/// for a random id.
#[test]
fn a_debug_span_stays_one_whichever_way_it_is_sent() {
    let debug = span(T, Decision::Debug);
    let context = context(TraceFlags::NONE.with_debug());
    assert!(context.flags.is_sampled());
    let (mut one, mut several) = (HeaderMap::new(), HeaderMap::new());
    inject_single(&mut one, &context);
    inject_multi(&mut several, &context);
    assert_eq!(
        (extract_single(&one), extract_multi(&several)),
        (debug, debug)
    );
}
