//! What becomes of a `traceparent`.

use crate::harness::{Arrived, Harness, PARENT, S, T, flagged};

/// What a call looks like after a request with this `traceparent`, and a `tracestate` that is good by itself.
async fn sent(traceparent: &str) -> Arrived {
    let headers = [("traceparent", traceparent), ("tracestate", "foo=1")];
    Harness::start().await.sent(&headers).await
}

async fn all_go_on<V: AsRef<str>>(values: impl IntoIterator<Item = V>) {
    for value in values {
        let arrived = sent(value.as_ref()).await;
        arrived.assert_goes_on();
        assert_eq!(arrived.state(), ["foo=1"], "{arrived:?}");
    }
}

async fn all_begin<V: AsRef<str>>(values: impl IntoIterator<Item = V>) {
    for value in values {
        sent(value.as_ref()).await.assert_begins();
    }
}

// TraceContextTest.test_both_traceparent_and_tracestate_missing
#[tokio::test]
async fn without_any_header_a_trace_begins() {
    let mut harness = Harness::start().await;
    let first = harness.sent(&[]).await;
    first.assert_begins();
    let second = harness.sent(&[]).await;
    second.assert_begins();
    assert_ne!(first.parent().trace, second.parent().trace);
}

// TraceContextTest.test_traceparent_included_tracestate_missing
#[tokio::test]
async fn the_callers_trace_goes_on_in_a_span_of_its_own() {
    let arrived = Harness::start().await.sent(&[PARENT]).await;
    arrived.assert_goes_on();
    assert_eq!(arrived.state(), [""; 0], "and no state is made up");
}

// TraceContextTest.test_traceparent_duplicated
#[tokio::test]
async fn of_two_headers_neither_counts() {
    let mut harness = Harness::start().await;
    let state = ("tracestate", "foo=1");
    let other = format!("00-{}-{S}-01", "b".repeat(32));
    for second in [&*other, PARENT.1, "", "bad"] {
        for both in [[PARENT.1, second], [second, PARENT.1]] {
            let both = both.map(|value| ("traceparent", value));
            let arrived = harness.sent(&[both[0], state, both[1]]).await;
            arrived.assert_begins();
            assert_ne!(arrived.parent().trace, "b".repeat(32));
        }
    }
    let differently_written = [("Traceparent", PARENT.1), ("TRACEPARENT", PARENT.1), state];
    harness.sent(&differently_written).await.assert_begins();
    let joined = [",", ", "].map(|comma| format!("{}{comma}{}", PARENT.1, PARENT.1));
    all_begin(joined).await;
}

// TraceContextTest.test_traceparent_header_name
#[tokio::test]
async fn a_header_of_another_name_is_another_header() {
    let mut harness = Harness::start().await;
    for name in [
        "trace-parent",
        "trace.parent",
        "trace_parent",
        "traceparents",
    ] {
        harness.sent(&[(name, PARENT.1)]).await.assert_begins();
    }
}

// TraceContextTest.test_traceparent_header_name_valid_casing
#[tokio::test]
async fn its_name_is_written_in_any_case() {
    let mut harness = Harness::start().await;
    for name in ["TraceParent", "tRaCePaReNt", "TRACEPARENT", "Traceparent"] {
        harness.sent(&[(name, PARENT.1)]).await.assert_goes_on();
    }
}

// TraceContextTest.test_traceparent_version_0x00
#[tokio::test]
async fn version_00_ends_with_its_flags() {
    let more = [".", "-", "-x", "-00", " x", "0", "-of-another-version"];
    all_begin(more.map(|more| flagged("01") + more)).await;
}

// TraceContextTest.test_traceparent_version_0xcc
#[tokio::test]
async fn a_later_version_may_go_on_after_a_dash_and_is_answered_in_version_00() {
    for version in ["cc", "01", "fe"] {
        let known = format!("{version}-{T}-{S}-01");
        all_go_on(
            ["", "-", "-x", "-of-another-version", "-.-"].map(|more| format!("{known}{more}")),
        )
        .await;
        all_begin(
            [".", ".x", "x", "0", ".of-another-version"].map(|more| format!("{known}{more}")),
        )
        .await;
    }
}

// TraceContextTest.test_traceparent_version_0xff
#[tokio::test]
async fn version_ff_is_none() {
    all_begin(["", "-", "-x"].map(|more| format!("ff-{T}-{S}-01{more}"))).await;
}

// TraceContextTest.test_traceparent_version_illegal_characters
#[tokio::test]
async fn a_version_is_of_lower_case_digits() {
    let versions = [".0", "0.", "CC", "cC", "0g", "+0", "-0", "0x"];
    all_begin(versions.map(|version| format!("{version}-{T}-{S}-01"))).await;
}

// TraceContextTest.test_traceparent_version_too_long
#[tokio::test]
async fn a_version_has_no_third_digit() {
    all_begin(["000", "0000", "001", "cc0"].map(|version| format!("{version}-{T}-{S}-01"))).await;
}

// TraceContextTest.test_traceparent_version_too_short
#[tokio::test]
async fn a_version_has_two_digits() {
    all_begin(["0", "", "c"].map(|version| format!("{version}-{T}-{S}-01"))).await;
}

// TraceContextTest.test_traceparent_trace_id_all_zero
#[tokio::test]
async fn a_trace_id_of_zeros_is_none() {
    all_begin([format!("00-{}-{S}-01", "0".repeat(32))]).await;
}

// TraceContextTest.test_traceparent_trace_id_illegal_characters
#[tokio::test]
async fn a_trace_id_is_of_lower_case_digits() {
    let ids = [
        format!(".{}", &T[1..]),
        format!("{}.", &T[..31]),
        format!("+{}", &T[1..]),
        format!("{}g{}", &T[..15], &T[16..]),
        format!("{}-{}", &T[..15], &T[16..]),
        T.to_uppercase(),
    ];
    all_begin(ids.map(|id| format!("00-{id}-{S}-01"))).await;
}

// TraceContextTest.test_traceparent_trace_id_too_long
#[tokio::test]
async fn a_longer_trace_id_is_not_cut() {
    for id in [format!("{T}3"), format!("3{T}"), format!("{T}{T}")] {
        let arrived = sent(&format!("00-{id}-{S}-01")).await;
        arrived.assert_begins();
        assert!(!id.contains(&arrived.parent().trace), "{arrived:?}");
    }
}

// TraceContextTest.test_traceparent_trace_id_too_short
#[tokio::test]
async fn a_shorter_trace_id_is_not_filled_up() {
    for id in [&T[..31], &T[1..], &T[..16], ""] {
        let arrived = sent(&format!("00-{id}-{S}-01")).await;
        arrived.assert_begins();
        assert!(
            id.is_empty() || !arrived.parent().trace.contains(id),
            "{arrived:?}"
        );
    }
}

// TraceContextTest.test_traceparent_parent_id_all_zero
#[tokio::test]
async fn a_span_id_of_zeros_is_none() {
    all_begin([format!("00-{T}-{}-01", "0".repeat(16))]).await;
}

// TraceContextTest.test_traceparent_parent_id_illegal_characters
#[tokio::test]
async fn a_span_id_is_of_lower_case_digits() {
    let ids = [
        format!(".{}", &S[1..]),
        format!("{}.", &S[..15]),
        format!("+{}", &S[1..]),
        format!("{}g{}", &S[..7], &S[8..]),
        S.to_uppercase(),
    ];
    all_begin(ids.map(|id| format!("00-{T}-{id}-01"))).await;
}

// TraceContextTest.test_traceparent_parent_id_too_long
#[tokio::test]
async fn a_longer_span_id_is_not_cut() {
    all_begin([format!("00-{T}-{S}7-01"), format!("00-{T}-7{S}-01")]).await;
}

// TraceContextTest.test_traceparent_parent_id_too_short
#[tokio::test]
async fn a_shorter_span_id_is_not_filled_up() {
    all_begin([&S[..15], &S[1..], ""].map(|id| format!("00-{T}-{id}-01"))).await;
}

// TraceContextTest.test_traceparent_trace_flags_illegal_characters
#[tokio::test]
async fn flags_are_of_lower_case_digits() {
    all_begin([".0", "0.", "0A", "0g", "+1", "-1", " 1"].map(flagged)).await;
}

// TraceContextTest.test_traceparent_trace_flags_too_long
#[tokio::test]
async fn flags_have_no_third_digit() {
    all_begin(["001", "010", "0000"].map(flagged)).await;
}

// TraceContextTest.test_traceparent_trace_flags_too_short
#[tokio::test]
async fn flags_have_two_digits() {
    all_begin(["1", ""].map(flagged)).await;
}

// TraceContextTest.test_traceparent_ows_handling
#[tokio::test]
async fn blanks_and_tabs_round_it_do_not_count() {
    let round = [
        (" ", ""),
        ("\t", ""),
        ("", " "),
        ("", "\t"),
        ("\t ", " \t"),
        (" \t \t ", "\t \t"),
    ];
    all_go_on(round.map(|(before, after)| format!("{before}{}{after}", PARENT.1))).await;
    let mut harness = Harness::start().await;
    for blanks in ["", "\t", " \t "] {
        let line = format!("traceparent:{blanks}{}\r\n", PARENT.1);
        harness.sent_lines(line.as_bytes()).await.assert_goes_on();
    }
}

#[tokio::test]
async fn blanks_within_it_are_illegal() {
    let spread = [
        format!("00 -{T}-{S}-01"),
        format!("00- {T}-{S}-01"),
        format!("00-{T} {S}-01"),
        format!("00 {T} {S} 01"),
    ];
    all_begin(spread).await;
}

#[tokio::test]
async fn what_is_no_text_or_nothing_at_all_is_none() {
    all_begin(["", " ", "-", "---", "00", "traceparent", "00-", "\u{a0}"]).await;
    let mut harness = Harness::start().await;
    for value in [&b"\xff"[..], b"00-\xe0", b"\x80\x80"] {
        let mut line = b"traceparent: ".to_vec();
        line.extend_from_slice(value);
        line.extend_from_slice(PARENT.1.as_bytes());
        line.extend_from_slice(b"\r\n");
        harness.sent_lines(&line).await.assert_begins();
    }
    // U+00A0 is a blank to some, and none in a header.
    all_begin([format!("\u{a0}{}", PARENT.1), format!("{}\u{a0}", PARENT.1)]).await;
}

#[tokio::test]
async fn whether_the_caller_records_goes_on_as_it_came() {
    for (flags, expected) in [("00", 0), ("01", 1)] {
        assert_eq!(sent(&flagged(flags)).await.parent().flags, expected);
    }
}

// TraceContext2Test.test_propagates_random_flag
#[tokio::test]
async fn the_random_flag_goes_on_as_it_came() {
    for (flags, expected) in [("02", 2), ("03", 3), ("00", 0), ("01", 1)] {
        let arrived = sent(&flagged(flags)).await;
        arrived.assert_goes_on();
        assert_eq!(arrived.parent().flags, expected, "{flags}");
    }
}

#[tokio::test]
async fn flags_that_the_version_does_not_have_are_not_handed_on() {
    for (flags, expected) in [("04", 0), ("05", 1), ("fe", 2), ("ff", 3), ("80", 0)] {
        let arrived = sent(&flagged(flags)).await;
        arrived.assert_goes_on();
        assert_eq!(arrived.parent().flags, expected, "{flags}");
    }
}
