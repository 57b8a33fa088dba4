//! What becomes of a `tracestate`.

use crate::harness::{Arrived, Harness, PARENT, lines};

/// What a call looks like after a request with a good `traceparent` and these headers of `tracestate`.
async fn sent<V: AsRef<str>>(states: &[V]) -> Arrived {
    let states = states.iter().map(|state| ("tracestate", state.as_ref()));
    let headers: Vec<_> = [PARENT].into_iter().chain(states).collect();
    let arrived = Harness::start().await.sent(&headers).await;
    arrived.assert_goes_on();
    arrived
}

/// Asserts that they arrive as these members, in this order.
async fn arrive<V: AsRef<str>>(states: &[V], members: &[&str]) {
    let arrived = sent(states).await;
    assert_eq!(arrived.state(), members, "{arrived:?}");
}

/// Asserts of each value that nothing of it arrives, nor of what stands beside it, and that the trace goes on.
async fn all_are_dropped<V: AsRef<str>>(values: impl IntoIterator<Item = V>) {
    for value in values {
        let value = value.as_ref();
        let beside = [
            format!("{value},beside=1"),
            format!("beside=1,{value}"),
            value.to_owned(),
        ];
        for state in beside {
            let arrived = sent(&[&state]).await;
            assert_eq!(arrived.all("tracestate"), [""; 0], "{state:?}");
        }
        let arrived = sent(&["beside=1", value]).await;
        assert_eq!(arrived.all("tracestate"), [""; 0], "{value:?}");
    }
}

/// `m01=1,m02=1,…`
fn members(numbers: std::ops::RangeInclusive<usize>) -> String {
    let members: Vec<_> = numbers.map(|number| format!("m{number:02}=1")).collect();
    members.join(",")
}

// TraceContextTest.test_tracestate_included_traceparent_missing
#[tokio::test]
async fn without_a_traceparent_it_is_dropped() {
    let mut harness = Harness::start().await;
    for state in ["foo=1", "foo=1,bar=2"] {
        let alone = [("tracestate", state)];
        harness.sent(&alone).await.assert_begins();
        let beside_a_bad_one = [("traceparent", "00-bad"), ("tracestate", state)];
        harness.sent(&beside_a_bad_one).await.assert_begins();
    }
}

// TraceContextTest.test_tracestate_included_traceparent_included
#[tokio::test]
async fn with_a_traceparent_it_goes_along() {
    arrive(&["foo=1,bar=2"], &["foo=1", "bar=2"]).await;
    let mut harness = Harness::start().await;
    let before = harness.sent(&[("tracestate", "foo=1"), PARENT]).await;
    assert_eq!(before.state(), ["foo=1"], "in whichever order they come");
}

// TraceContextTest.test_tracestate_header_name
#[tokio::test]
async fn a_header_of_another_name_is_another_header() {
    let mut harness = Harness::start().await;
    for name in ["trace-state", "trace.state", "trace_state", "tracestates"] {
        let arrived = harness.sent(&[PARENT, (name, "foo=1")]).await;
        arrived.assert_goes_on();
        assert_eq!(arrived.state(), [""; 0], "{name}");
    }
}

// TraceContextTest.test_tracestate_header_name_valid_casing
#[tokio::test]
async fn its_name_is_written_in_any_case() {
    let mut harness = Harness::start().await;
    for name in ["TraceState", "tRaCeStAtE", "TRACESTATE", "Tracestate"] {
        let arrived = harness.sent(&[PARENT, (name, "foo=1")]).await;
        arrived.assert_goes_on();
        assert_eq!(arrived.state(), ["foo=1"], "{name}");
    }
}

// TraceContextTest.test_tracestate_empty_header
#[tokio::test]
async fn an_empty_header_counts_for_nothing_and_none_is_sent() {
    for nothing in ["", " ", "\t", ",", " , ", ",,"] {
        let arrived = sent(&[nothing]).await;
        assert_eq!(arrived.all("tracestate"), [""; 0], "{nothing:?}");
        arrive(&["foo=1", nothing], &["foo=1"]).await;
        arrive(&[nothing, "foo=1"], &["foo=1"]).await;
        arrive(&["foo=1", nothing, "bar=2"], &["foo=1", "bar=2"]).await;
    }
}

#[tokio::test]
async fn empty_members_count_for_nothing() {
    for state in [
        "foo=1,,bar=2",
        ",foo=1,bar=2",
        "foo=1,bar=2,",
        "foo=1, ,\t,bar=2",
        ",,foo=1,,,bar=2,,",
    ] {
        let arrived = sent(&[state]).await;
        let there: Vec<_> = arrived
            .state()
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();
        assert_eq!(there, ["foo=1", "bar=2"], "{state:?}");
    }
    let commas = ",".repeat(40);
    let state = [members(1..=32), commas].concat();
    let arrived = sent(&[&state]).await;
    let there = arrived.state().into_iter().filter(|one| !one.is_empty());
    assert_eq!(there.count(), 32);
}

// TraceContextTest.test_tracestate_multiple_headers_different_keys
#[tokio::test]
async fn several_headers_are_one_list_in_their_order() {
    let headers = ["foo=1,bar=2", "one=3,two=4", "last=5"];
    arrive(&headers, &["foo=1", "bar=2", "one=3", "two=4", "last=5"]).await;
    // Also where others stand between, and their names are written differently.
    let mut harness = Harness::start().await;
    let spread = [
        ("TraceState", "z=1"),
        PARENT,
        ("tracestate", "a=2"),
        ("x-other", "b=3"),
        ("TRACESTATE", "m=4"),
    ];
    assert_eq!(harness.sent(&spread).await.state(), ["z=1", "a=2", "m=4"]);
}

// TraceContextTest.test_tracestate_duplicated_keys
#[tokio::test]
async fn of_two_members_with_one_key_the_first_goes_along() {
    arrive(&["foo=1,foo=1"], &["foo=1"]).await;
    arrive(&["foo=1,foo=2"], &["foo=1"]).await;
    arrive(&["foo=1", "foo=1"], &["foo=1"]).await;
    arrive(&["foo=1", "foo=2"], &["foo=1"]).await;
    arrive(
        &["foo=1,bar=2,foo=3,bar=2,baz=4"],
        &["foo=1", "bar=2", "baz=4"],
    )
    .await;
}

// TraceContextTest.test_tracestate_all_allowed_characters
#[tokio::test]
async fn every_character_that_may_be_in_it_arrives() {
    let simple = "qwertyuiopasdfghjklzxcvbnm0123456789_-*/";
    let with_tenant = format!("{simple}@z-y0_9*x/");
    let value: String = (' '..='~')
        .filter(|one| !matches!(one, ',' | '='))
        .collect();
    for key in [simple, &with_tenant] {
        let member = format!("{key}={value}");
        arrive(&[&member], &[&member]).await;
        // Blanks before a value are part of it.
        let blanks = format!("{key}=   1");
        arrive(&[&blanks], &[&blanks]).await;
    }
}

// TraceContextTest.test_tracestate_ows_handling
#[tokio::test]
async fn blanks_and_tabs_round_members_do_not_count() {
    for state in [
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
        " \tfoo=1,bar=2 ,baz=3\t ",
    ] {
        arrive(&[state], &["foo=1", "bar=2", "baz=3"]).await;
    }
    for state in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        arrive(&[state], &["foo=1"]).await;
    }
    arrive(&["foo=1 ", "\tbar=2"], &["foo=1", "bar=2"]).await;
}

// TraceContextTest.test_tracestate_key_illegal_characters
#[tokio::test]
async fn with_an_illegal_key_all_is_dropped() {
    let keys = [
        "foo ", "foo\t", "f oo", "FOO", "foO", "foo.bar", "_foo", "-foo", "*foo", "/foo", "foo+",
        "foo:", "\u{e9}", "",
    ];
    all_are_dropped(keys.map(|key| format!("{key}=1"))).await;
}

// TraceContextTest.test_tracestate_key_illegal_vendor_format
#[tokio::test]
async fn an_at_sign_may_stand_anywhere_but_first() {
    // What was illegal in level 1, where it split tenant and system.
    for key in [
        "foo@",
        "foo@@bar",
        "foo@bar@baz",
        "t@v",
        "0@v",
        "foo@0",
        "1foo",
        "0",
    ] {
        let member = format!("{key}=1");
        arrive(&[format!("{member},bar=2")], &[&member, "bar=2"]).await;
    }
    all_are_dropped(["@=1", "@foo=1", "@@foo=1"]).await;
}

// TraceContextTest.test_tracestate_member_count_limit
#[tokio::test]
async fn thirty_two_members_arrive_and_of_thirty_three_none() {
    let all = members(1..=32);
    let expected: Vec<&str> = all.split(',').collect();
    arrive(&[&all], &expected).await;
    let spread = [
        members(1..=10),
        members(11..=20),
        members(21..=30),
        members(31..=32),
    ];
    arrive(&spread, &expected).await;

    let one_more = [
        members(1..=10),
        members(11..=20),
        members(21..=30),
        members(31..=33),
    ];
    let arrived = sent(&one_more).await;
    assert_eq!(arrived.all("tracestate"), [""; 0]);
    let arrived = sent(&[members(1..=33)]).await;
    assert_eq!(arrived.all("tracestate"), [""; 0]);
}

// TraceContextTest.test_tracestate_key_length_limit
#[tokio::test]
async fn a_key_has_up_to_256_characters_however_they_are_split() {
    let keys = [
        "z".repeat(256),
        format!("{}@{}", "t".repeat(241), "v".repeat(14)),
        format!("{}@v", "t".repeat(242)),
        format!("{}@v", "t".repeat(254)),
        format!("t@{}", "v".repeat(15)),
        format!("t@{}", "v".repeat(254)),
    ];
    for key in keys {
        let member = format!("{key}=1");
        arrive(&["foo=1", &member], &["foo=1", &member]).await;
    }
    let longer = [
        "z".repeat(257),
        format!("{}@v", "t".repeat(255)),
        format!("t@{}", "v".repeat(255)),
    ];
    all_are_dropped(longer.map(|key| format!("{key}=1"))).await;
}

// TraceContextTest.test_tracestate_value_illegal_characters
#[tokio::test]
async fn with_an_illegal_value_all_is_dropped() {
    all_are_dropped([
        "foo=bar=baz",
        "foo==",
        "foo=",
        "foo= ",
        "foo",
        "=",
        "foo=a\tb",
        "foo=\u{e9}",
    ])
    .await;
    // Bytes that are no text, too.
    let mut harness = Harness::start().await;
    let mut head = lines(&[PARENT]).into_bytes();
    head.extend_from_slice(b"tracestate: beside=1,foo=\xff\r\n");
    let arrived = harness.sent_lines(&head).await;
    arrived.assert_goes_on();
    assert_eq!(arrived.all("tracestate"), [""; 0]);
}

#[tokio::test]
async fn a_value_has_up_to_256_characters() {
    let longest = format!("foo={}", "v".repeat(256));
    arrive(&[&longest], &[&longest]).await;
    all_are_dropped([format!("foo={}", "v".repeat(257))]).await;
}

#[tokio::test]
async fn five_hundred_and_twelve_characters_arrive_whole() {
    // Thirty-two members of fifteen characters, and a comma between.
    let all: Vec<_> = (1..=32)
        .map(|number| format!("member{number:02}=value0"))
        .collect();
    let state = all.join(",");
    assert_eq!(state.len(), 511);
    arrive(&[&state], &state.split(',').collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn of_what_is_too_long_to_go_along_whole_members_stay() {
    let long = |name: &str| format!("{name}={}", "v".repeat(250));
    let all: Vec<_> = (1..=20)
        .map(|number| long(&format!("m{number:02}")))
        .collect();
    let state = format!("first=1,{},last=2", all.join(","));
    let arrived = sent(&[&state]).await;
    let there = arrived.state();
    let length: usize = there.iter().map(|member| member.len() + 1).sum();
    assert!((513..=2048 + 1).contains(&length), "{length}");
    let mut sent = state.split(',');
    for member in &there {
        assert!(
            sent.any(|one| one == *member),
            "as it was sent, and in order: {member}"
        );
    }
    // The longest go first.
    assert_eq!(
        (there.first(), there.last()),
        (Some(&"first=1"), Some(&"last=2"))
    );
}
