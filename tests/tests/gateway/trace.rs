//! Traces through the gateway: whose goes on, what upstreams are told, and whose time it was.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_core::TraceContext;
use portcullis_testing::{Endpoint, Mode};

use crate::metrics::{scrape, until};
use crate::stand::{Answer, Stand, Upstream, issuer, send, send_http2};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A request that is part of a trace.
fn traced(url: &str) -> http::request::Builder {
    Request::get(url)
        .header("traceparent", PARENT)
        .header("tracestate", "vendor=1")
        .header("baggage", "tenant=7")
        .header("b3", "0")
}

fn nothing() -> Full<Bytes> {
    Full::default()
}

async fn get(stand: &Stand, target: &str) -> Answer {
    send(
        traced(&stand.url(target))
            .body(nothing())
            .expect("a request"),
    )
    .await
}

/// The span that the upstream was told last.
fn told(stand: &Stand) -> Option<TraceContext> {
    let headers = stand.upstream.last().headers;
    let value = headers.get("traceparent")?;
    assert_eq!(headers.get_all("traceparent").iter().count(), 1);
    Some(TraceContext::parse(value.as_bytes()).expect("a traceparent"))
}

#[tokio::test]
async fn without_the_section_traces_go_through_as_they_are() {
    let stand = Stand::start().await;
    get(&stand, "/open/x").await;
    let headers = stand.upstream.last().headers;
    for (name, value) in [
        ("traceparent", PARENT),
        ("tracestate", "vendor=1"),
        ("baggage", "tenant=7"),
        ("b3", "0"),
    ] {
        assert_eq!(headers[name], value);
    }
}

#[tokio::test]
async fn the_trace_of_a_trusted_caller_goes_on_and_no_other_context_beside_it() {
    let stand = Stand::with("[trace]\ntrust = \"internal\"").await;
    for _ in 0..2 {
        get(&stand, "/open/x").await;
    }
    let own = told(&stand).expect("it is told");
    assert_eq!(own.trace_id.to_string(), TRACE);
    assert_ne!(own.to_string(), PARENT);
    let headers = stand.upstream.last().headers;
    assert_eq!(headers["tracestate"], "vendor=1");
    assert_eq!(headers["baggage"], "tenant=7");
    assert!(!headers.contains_key("b3"), "which said something else");
}

#[tokio::test]
async fn over_http2_and_behind_a_token_it_goes_on_too() {
    let stand = Stand::with("[trace]\ntrust = \"internal\"").await;
    let request =
        traced(&stand.url("/api/x")).header("authorization", format!("Bearer {}", stand.token()));
    let answer = send_http2(request.body(nothing()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(told(&stand).expect("told").trace_id.to_string(), TRACE);
}

#[tokio::test]
async fn of_anybody_a_trace_begins_and_nothing_of_theirs_goes_on() {
    let stand = Stand::with("[trace]").await;
    get(&stand, "/open/x").await;
    let own = told(&stand).expect("it is told");
    assert_ne!(own.trace_id.to_string(), TRACE);
    assert!(own.flags.is_random());
    let headers = stand.upstream.last().headers;
    for name in ["tracestate", "baggage", "b3"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn trust_can_be_a_matter_of_who_is_connected() {
    for (peers, goes_on) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        let section = format!("[trace]\ntrust = \"peers\"\npeers = [\"{peers}\"]");
        let stand = Stand::with(&section).await;
        get(&stand, "/open/x").await;
        let own = told(&stand).expect("told").trace_id.to_string();
        assert_eq!(own == TRACE, goes_on, "{peers}");
    }
}

#[tokio::test]
async fn upstreams_that_are_not_to_be_told_are_not() {
    let section = "[trace]\ntrust = \"internal\"\negress = [\"*.internal\"]";
    let stand = Stand::with(section).await;
    get(&stand, "/open/x").await;
    assert_eq!(told(&stand), None);
    let headers = stand.upstream.last().headers;
    for name in ["tracestate", "baggage", "b3"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn other_formats_are_read_and_written_where_they_are_named() {
    let stand = Stand::with("[trace]\ntrust = \"internal\"\nformats = [\"b3\", \"b3multi\"]").await;
    let request =
        Request::get(stand.url("/open/x")).header("b3", format!("{TRACE}-b7ad6b7169203331-1"));
    send(request.body(nothing()).expect("a request")).await;
    let headers = stand.upstream.last().headers;
    let single = headers["b3"].to_str().expect("text");
    assert!(
        single.starts_with(TRACE) && single.ends_with("-1"),
        "{single}"
    );
    assert_eq!(headers["x-b3-traceid"], TRACE);
    assert!(!headers.contains_key("traceparent"));
}

/// The stages of an answer, by `Server-Timing`: names and milliseconds.
fn stages(answer: &Answer) -> Vec<(String, f64)> {
    let value = answer.header("server-timing");
    let stages = value
        .split(", ")
        .filter_map(|metric| metric.split_once(";dur="));
    let stages = stages.filter(|(name, _)| *name != "total");
    stages
        .map(|(name, millis)| (name.to_owned(), millis.parse().expect("a number")))
        .collect()
}

const TIMED: &str = "[trace]\ntrust = \"internal\"\n[trace.timings]\nslow_above = \"1s\"";

#[tokio::test]
async fn a_slow_upstream_is_the_stage_that_took_most_of_the_time() {
    let slow = Upstream::answering(|_| {
        std::thread::sleep(Duration::from_millis(120));
        Response::new(Body::from("late"))
    });
    let stand = Stand::between(issuer().await, slow.await, TIMED).await;
    let request =
        traced(&stand.url("/api/x")).header("authorization", format!("Bearer {}", stand.token()));
    let answer = send(request.body(nothing()).expect("a request")).await;
    let value = answer.header("server-timing");
    assert!(
        value.starts_with(&format!("trace;desc=\"00-{TRACE}-")),
        "{value}"
    );
    let stages = stages(&answer);
    let names: Vec<_> = stages.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.starts_with(&["auth"]) && names.contains(&"upstream"),
        "{names:?}"
    );
    let longest = stages
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("stages");
    assert_eq!(longest.0, "upstream", "{stages:?}");
    assert!(longest.1 >= 120.0, "{stages:?}");
    // And so the metrics say.
    let page = scrape(&stand.gateway).await;
    let of = |stage: &str| {
        page.sum(
            "portcullis_stage_duration_seconds",
            "_sum",
            &[("stage", stage)],
        )
    };
    assert!(of("upstream") >= 0.12 && of("upstream") > of("auth"));
    let waited = page.sum(
        "portcullis_stage_waiting_seconds",
        "_sum",
        &[("stage", "upstream")],
    );
    assert!(waited > 0.1, "it waited and did not work: {waited}");
}

#[tokio::test]
async fn a_slow_issuer_is_the_stage_that_took_most_of_the_time() {
    let issuer = issuer().await;
    issuer.mode(Mode::Slow(Duration::from_millis(300)));
    let stand = Stand::between(issuer, Upstream::start().await, TIMED).await;
    let request =
        traced(&stand.url("/api/x")).header("authorization", format!("Bearer {}", stand.token()));
    let answer = send(request.body(nothing()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    let stages = stages(&answer);
    let longest = stages
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("stages");
    assert_eq!(longest.0, "issuer", "{stages:?}");
}

#[tokio::test]
async fn requests_are_in_flight_until_their_last_byte_and_are_counted_by_their_end() {
    let stand = Stand::with("[trace]\ntrust = \"internal\"").await;
    get(&stand, "/open/x").await;
    send(
        Request::get(stand.url("/open/x"))
            .body(nothing())
            .expect("a request"),
    )
    .await;
    let ended = [("end", "complete"), ("phase", "-")];
    let page = until(&stand.gateway, "both are over", |page| {
        page.told("portcullis_requests_in_flight") == Some(0.0)
            && page.count("portcullis_request_ends", &ended) == 2.0
    });
    let page = page.await;
    for (format, outcome) in [("w3c", "continued"), ("none", "absent")] {
        let labels = [("format", format), ("outcome", outcome)];
        assert_eq!(page.count("portcullis_trace_contexts", &labels), 1.0);
    }
}

#[tokio::test]
async fn nobody_but_trusted_callers_is_told_whose_time_it_was() {
    let stand = Stand::with("[trace]\n[trace.timings]\nslow_above = \"1s\"").await;
    let answer = get(&stand, "/open/x").await;
    assert!(!answer.headers.contains_key("server-timing"));
}

#[tokio::test]
async fn what_an_upstream_says_of_its_time_is_kept_from_whoever_is_not_trusted() {
    for (section, told) in [
        ("[trace]", false),
        (
            "[trace]\ntrust = \"peers\"\npeers = [\"10.0.0.0/8\"]",
            false,
        ),
        ("[trace]\ntrust = \"peers\"\npeers = [\"127.0.0.1\"]", true),
        ("[trace]\ntrust = \"internal\"", true),
        (
            "[trace]\n[trace.timings]\nserver_timing = \"everybody\"",
            true,
        ),
        ("", true),
    ] {
        let telling = Upstream::answering(|_| {
            let answer = Response::builder().header("server-timing", "db;dur=7");
            answer.body(Body::from("x")).expect("an answer")
        });
        let stand = Stand::between(issuer().await, telling.await, section).await;
        let answer = get(&stand, "/open/x").await;
        let told_now = answer
            .headers
            .get_all("server-timing")
            .iter()
            .any(|value| value == "db;dur=7");
        assert_eq!(told_now, told, "{section}");
    }
}

#[tokio::test]
async fn the_keys_that_a_request_needs_are_fetched_in_its_trace() {
    let stand = Stand::with("[trace]\ntrust = \"internal\"").await;
    // A key that nobody here has seen: it is fetched for this request.
    let request = traced(&stand.url("/api/x"));
    stand.get("/api/x", &stand.token()).await;
    stand.issuer.rotate();
    let request = request.header("authorization", format!("Bearer {}", stand.token()));
    let answer = send(request.body(nothing()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    let asked = stand
        .issuer
        .last_headers(Endpoint::Jwks)
        .expect("it was asked");
    let span = asked["traceparent"].to_str().expect("text");
    assert!(span.contains(TRACE) && span != PARENT, "{span}");
}
