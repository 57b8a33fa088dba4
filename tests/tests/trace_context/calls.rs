//! Several calls of one request, and several requests.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Arrived, Harness, PARENT, S, T, ask, lines};

/// Three calls in a request with these headers.
async fn three(headers: &[(&str, &str)]) -> Vec<Arrived> {
    let mut harness = Harness::start().await;
    let paths = ["/0", "/1", "/2"];
    let items: Vec<_> = paths.iter().map(|path| harness.call(path)).collect();
    let items = Value::from(items);
    let arrived = harness.sent_all(lines(headers).as_bytes(), &items, 3).await;
    let there: Vec<_> = arrived.iter().map(|one| &*one.path).collect();
    assert_eq!(there, paths, "in order");
    arrived
}

fn traces(arrived: &[Arrived]) -> BTreeSet<String> {
    arrived.iter().map(|one| one.parent().trace).collect()
}

fn spans(arrived: &[Arrived]) -> BTreeSet<String> {
    arrived.iter().map(|one| one.parent().span).collect()
}

// AdvancedTest.test_multiple_requests_with_valid_traceparent
#[tokio::test]
async fn all_calls_of_a_request_are_in_its_trace_each_in_a_span_of_its_own() {
    let arrived = three(&[PARENT, ("tracestate", "foo=1,bar=2")]).await;
    assert_eq!(traces(&arrived), BTreeSet::from([T.to_owned()]));
    assert_eq!(spans(&arrived).len(), 3);
    for one in &arrived {
        one.assert_goes_on();
        assert_eq!(one.state(), ["foo=1", "bar=2"]);
        assert_eq!(one.body, "[]");
    }
}

// AdvancedTest.test_multiple_requests_without_traceparent
#[tokio::test]
async fn without_a_traceparent_they_are_in_one_new_trace() {
    let arrived = three(&[("tracestate", "foo=1")]).await;
    assert_eq!(traces(&arrived).len(), 1);
    assert_eq!(spans(&arrived).len(), 3);
    arrived.iter().for_each(Arrived::assert_begins);
}

// AdvancedTest.test_multiple_requests_with_illegal_traceparent
#[tokio::test]
async fn with_an_illegal_traceparent_they_are_in_one_new_trace() {
    let zeros = format!("00-{}-{S}-01", "0".repeat(32));
    let arrived = three(&[("traceparent", &zeros), ("tracestate", "foo=1")]).await;
    assert_eq!(traces(&arrived).len(), 1);
    assert_eq!(spans(&arrived).len(), 3);
    arrived.iter().for_each(Arrived::assert_begins);
}

#[tokio::test]
async fn a_call_by_way_of_another_service_is_in_the_trace_too() {
    let mut harness = Harness::start().await;
    let other = format!("http://{}/test", harness.service);
    let inner = vec![harness.call("/inner"), harness.call("/inner")];
    let items = json!([
        {"url": other, "arguments": [{"url": other, "arguments": inner}]},
        harness.call("/outer"),
    ]);
    let head = lines(&[PARENT, ("tracestate", "foo=1"), ("tracestate", "bar=2")]);
    let arrived = harness.sent_all(head.as_bytes(), &items, 3).await;
    assert_eq!(spans(&arrived).len(), 3);
    for one in &arrived {
        one.assert_goes_on();
        assert_eq!(one.state(), ["foo=1", "bar=2"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time_keep_their_traces_apart() {
    const REQUESTS: usize = 40;
    let mut harness = Harness::start().await;
    let requests: Vec<_> = (1..=REQUESTS)
        .map(|number| {
            let (service, path) = (harness.service, format!("/{number}"));
            let items = Value::from(vec![harness.call(&path); 3]);
            let parent = format!("00-{number:032x}-{S}-{:02x}", number % 4);
            let state = format!("number={number}");
            tokio::spawn(async move {
                let head = lines(&[("traceparent", &parent), ("tracestate", &state)]);
                ask(service, head.as_bytes(), &items).await
            })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), "HTTP/1.1 200 OK");
    }
    let arrived = harness.arrived();
    assert_eq!(arrived.len(), 3 * REQUESTS);
    assert_eq!(spans(&arrived).len(), 3 * REQUESTS);
    for one in arrived {
        let number: usize = one.path[1..].parse().unwrap();
        let parent = one.parent();
        assert_eq!(parent.trace, format!("{number:032x}"));
        assert_eq!(usize::from(parent.flags), number % 4);
        assert_eq!(one.state(), [format!("number={number}")]);
    }
}
