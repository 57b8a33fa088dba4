//! Upstreams that fail are left alone for a while, and what callers do leaves nobody alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_gateway::Running;
use portcullis_testing::Mode;
use portcullis_tests::outage::until_async;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{Answer, PATIENCE, Stand, Upstream, gateway, issuer, send};

/// Opens at four, of which half failed; left alone for two seconds.
const SETTINGS: &str =
    "[circuit_breaker]\nwindow = \"60s\"\nminimum_calls = 4\nopen_for = \"2s\"\nprobes = 1";

async fn before(upstreams: &[&str], settings: &str) -> Running {
    let upstreams: Vec<_> = upstreams.iter().map(|url| format!("\"{url}\"")).collect();
    let upstreams = upstreams.join(", ");
    gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{settings}\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [{upstreams}]\ntimeout = \"1s\"\n"
    ))
    .await
}

async fn get(gateway: &Running) -> Answer {
    let url = format!("http://{}/x", gateway.address());
    send(Request::get(url).body(Full::default()).expect("a request")).await
}

async fn admin(gateway: &Running, path: &str) -> String {
    let admin = gateway.admin_address().expect("an admin listener");
    let request = Request::get(format!("http://{admin}{path}"));
    let answer = send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body.to_vec()).expect("text")
}

async fn ready(gateway: &Running) -> Value {
    serde_json::from_str(&admin(gateway, "/readyz").await).expect("JSON")
}

/// An upstream that answers with a status that the test sets.
async fn settable(status: u16) -> (Upstream, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let set = Arc::clone(&status);
    let upstream = Upstream::answering(move |_| {
        let status = set.load(Ordering::Relaxed);
        let mut response = Response::new(Body::from("x"));
        *response.status_mut() = status.try_into().expect("a status");
        response
    });
    (upstream.await, status)
}

#[tokio::test]
async fn an_instance_that_fails_is_left_out_and_comes_back_by_itself() {
    let (well, _) = settable(200).await;
    let (ill, status) = settable(500).await;
    let gateway = before(&[&well.url(), &ill.url()], SETTINGS).await;
    let mut failed = 0;
    while ill.calls() < 4 {
        failed += u32::from(get(&gateway).await.status == 500);
    }
    assert_eq!(failed, 4);
    for _ in 0..20 {
        assert_eq!(get(&gateway).await.status, 200);
    }
    assert_eq!(ill.calls(), 4, "left alone");
    let body = ready(&gateway).await;
    assert_eq!(body["status"], "degraded");
    let upstreams = body["upstreams"].as_array().expect("upstreams");
    let open = upstreams.iter().find(|one| one["circuit"] == "open");
    assert_eq!(open.expect("one is open")["upstream"], ill.url());
    let metrics = admin(&gateway, "/metrics").await;
    let row = |state: &str, upstream: &Upstream| {
        let url = upstream.url();
        format!("portcullis_upstream_circuit_state{{upstream=\"{url}\",state=\"{state}\"}} 1")
    };
    assert!(metrics.contains(&row("open", &ill)) && metrics.contains(&row("closed", &well)));
    let url = ill.url();
    let opened = format!("portcullis_upstream_circuit_opened_total{{upstream=\"{url}\"}} 1");
    assert!(metrics.contains(&opened), "{metrics}");

    status.store(200, Ordering::Relaxed);
    until_async("it is back", PATIENCE, || async {
        assert_eq!(get(&gateway).await.status, 200, "nobody notices");
        (ready(&gateway).await["status"] == "ready").then_some(())
    })
    .await;
    assert!(ill.calls() > 4);
}

#[tokio::test]
async fn where_all_are_left_alone_the_caller_is_told_when_to_come_again() {
    let (ill, _) = settable(503).await;
    let gateway = before(&[&ill.url()], SETTINGS).await;
    for _ in 0..4 {
        assert_eq!(get(&gateway).await.status, 503);
    }
    let answer = get(&gateway).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.reason(), "circuit_open");
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=2).contains(&seconds), "{seconds}");
    assert_eq!(ill.calls(), 4);
    let rejections = "portcullis_upstream_circuit_rejections_total";
    let metrics = admin(&gateway, "/metrics").await;
    let row = format!("{rejections}{{upstream=\"{}\"}} 1", ill.url());
    assert!(metrics.contains(&row), "{metrics}");
    assert!(metrics.contains("portcullis_refusals_total{reason=\"circuit_open\"} 1"));
}

#[tokio::test]
async fn what_cannot_be_reached_breaks_off_or_never_answers_is_left_alone() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    // Takes connections and closes them, or keeps them and says nothing.
    let odd = |says_nothing: bool| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                if says_nothing {
                    kept.push(connection);
                }
            }
        });
        (url, task)
    };
    let (breaks, breaking) = odd(false).await;
    let (hangs, hanging) = odd(true).await;
    for (url, status) in [(nobody, 502), (breaks, 502), (hangs, 504)] {
        let gateway = before(&[&url], SETTINGS).await;
        for _ in 0..4 {
            assert_eq!(get(&gateway).await.status, status, "{url}");
        }
        assert_eq!(get(&gateway).await.reason(), "circuit_open", "{url}");
    }
    breaking.abort();
    hanging.abort();
}

#[tokio::test]
async fn what_callers_do_leaves_no_upstream_alone() {
    let (upstream, status) = settable(200).await;
    let gateway = before(&[&upstream.url()], SETTINGS).await;
    for refused in [400, 401, 403, 404, 408, 409, 422, 429, 499, 501] {
        status.store(refused, Ordering::Relaxed);
        for _ in 0..8 {
            assert_eq!(get(&gateway).await.status.as_u16(), refused);
        }
    }
    status.store(200, Ordering::Relaxed);
    for _ in 0..8 {
        // An upload that is given up half-way.
        let mut client = TcpStream::connect(gateway.address())
            .await
            .expect("a connection");
        let half = "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf";
        client.write_all(half.as_bytes()).await.expect("written");
        drop(client);
    }
    for _ in 0..8 {
        assert_eq!(get(&gateway).await.status, 200);
    }
    let body = ready(&gateway).await;
    assert_eq!(body["status"], "ready", "{body}");
    assert_eq!(body["upstreams"][0]["failed"], 0, "{body}");
}

#[tokio::test]
async fn a_slow_upload_is_not_a_slow_upstream_and_a_slow_upstream_is() {
    let slow = Arc::new(AtomicBool::new(false));
    let takes = Arc::clone(&slow);
    let upstream = Upstream::answering(move |_| {
        if takes.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(400));
        }
        Response::new(Body::from("x"))
    })
    .await;
    let settings = format!("{SETTINGS}\nslow_above = \"200ms\"");
    let gateway = before(&[&upstream.url()], &settings).await;
    for _ in 0..4 {
        let mut client = TcpStream::connect(gateway.address())
            .await
            .expect("a connection");
        let head =
            "POST /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nha";
        client.write_all(head.as_bytes()).await.expect("written");
        // The client takes its time: longer than an upstream may.
        tokio::time::sleep(Duration::from_millis(300)).await;
        client.write_all(b"lf").await.expect("written");
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut client, &mut answer)
            .await
            .expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let body = ready(&gateway).await;
    assert_eq!(body["upstreams"][0]["slow"], 0, "{body}");
    slow.store(true, Ordering::Relaxed);
    for _ in 0..4 {
        get(&gateway).await;
    }
    assert_eq!(get(&gateway).await.reason(), "circuit_open");
}

#[tokio::test]
async fn who_wants_no_circuit_has_none() {
    let (ill, _) = settable(500).await;
    let gateway = before(&[&ill.url()], "[circuit_breaker]\nenabled = false").await;
    for _ in 0..40 {
        assert_eq!(get(&gateway).await.status, 500);
    }
    assert_eq!(ready(&gateway).await["upstreams"], Value::Null);
}

#[tokio::test]
async fn routes_share_what_is_known_of_an_upstream() {
    let (ill, _) = settable(500).await;
    let url = ill.url();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{SETTINGS}\n\
         [[route]]\npath = \"/a/\"\nauth = \"none\"\nupstream = [\"{url}\"]\n\
         [[route]]\npath = \"/b/\"\nauth = \"none\"\nupstream = [\"{url}\"]\n"
    ))
    .await;
    let ask = |path: &'static str| {
        let url = format!("http://{}{path}", gateway.address());
        send(
            Request::get(url)
                .body(Full::<Bytes>::default())
                .expect("a request"),
        )
    };
    for _ in 0..4 {
        assert_eq!(ask("/a/x").await.status, 500);
    }
    assert_eq!(ask("/b/x").await.reason(), "circuit_open");
}

#[tokio::test]
async fn an_issuer_that_fails_is_left_alone_for_moments_and_heals_by_itself() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    let stand = Stand::between(issuer, Upstream::start().await, "").await;
    let circuit = || async { ready(&stand.gateway).await["issuers"][0]["circuit"].clone() };
    until_async("it opens", PATIENCE, || async {
        (circuit().await == "open").then_some(())
    })
    .await;
    stand.issuer.mode(Mode::Ok);
    let token = stand.token();
    until_async("healed", Duration::from_secs(30), || async {
        let status = stand.get("/api/x", &token).await.status;
        assert_ne!(status, 401, "a good token");
        (status == 200).then_some(())
    })
    .await;
    until_async("it closes", PATIENCE, || async {
        (circuit().await == "closed").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_says_grpc_to_an_upstream_of_http_leaves_nobody_alone() {
    // It gives back what somebody stored, with the type that was stored.
    let store = Upstream::answering(|_| {
        let mut response = Response::new(Body::from("stored"));
        let named = http::HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", named);
        response
    })
    .await;
    let gateway = before(&[&store.url()], SETTINGS).await;
    for _ in 0..8 {
        let url = format!("http://{}/x", gateway.address());
        let request = Request::get(url).header("content-type", "application/grpc");
        let answer = send(request.body(Full::default()).expect("a request")).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(ready(&gateway).await["upstreams"][0]["failed"], 0);
}
