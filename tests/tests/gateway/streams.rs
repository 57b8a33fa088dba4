//! Bodies that stream, in both directions, with what comes after them.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc;

use crate::stand::{PATIENCE, Stand, Upstream, issuer, send_http2};
use crate::wire::ByHand;

type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>;

/// A body that is written while it is sent.
fn channel() -> (mpsc::Sender<Frame<Bytes>>, StreamBody<Frames>) {
    let (sender, mut receiver) = mpsc::channel(1);
    let frames = stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|frame| frame.map(Ok)));
    (sender, StreamBody::new(frames.boxed()))
}

#[tokio::test]
async fn events_arrive_while_the_stream_is_open() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand
        .asked("GET /events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n")
        .await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        behind.send(format!("9\r\n{event}\r\n")).await;
        assert!(
            client.until(event).await.ends_with(event),
            "before the next is made"
        );
    }
    behind.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn an_upload_reaches_the_upstream_before_the_client_is_done() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, head) = stand
        .asked("POST /up HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        .await;
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    behind.until("first").await;
    client.send("4\r\nlast\r\n0\r\n\r\n").await;
    behind.until("last\r\n0\r\n\r\n").await;
    behind.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_body_goes_through_where_none_is_usual() {
    let stand = ByHand::start().await;
    for (method, body) in [
        (
            "GET",
            "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        ),
        (
            "DELETE",
            "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        ),
        ("GET", "content-length: 4\r\n\r\nbody"),
        ("HEAD", "content-length: 4\r\n\r\nbody"),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{body}");
        let (mut client, mut behind, head) = stand.asked(&request).await;
        let framing = body.split_once("\r\n").unwrap().0;
        assert!(head.contains(&format!("\r\n{framing}\r\n")), "{head}");
        behind.until("body").await;
        behind
            .send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            .await;
        assert!(client.rest().await.starts_with("HTTP/1.1 204 "));
    }
}

#[tokio::test]
async fn an_answer_may_begin_before_the_request_ends() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand
        .asked("POST /both HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.head().await;
    for word in ["one", "two"] {
        client.send(format!("3\r\n{word}\r\n")).await;
        behind.until(word).await;
        behind.send(format!("3\r\n{word}\r\n")).await;
        client.until(word).await;
    }
    client.send("0\r\n\r\n").await;
    behind.until("0\r\n\r\n").await;
    behind.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn http2_is_full_duplex_on_both_sides() {
    // Answers each word when it comes.
    let upstream = Upstream::streaming(|request| {
        http::Response::new(axum::body::Body::new(request.into_body()))
    })
    .await;
    let stand = Stand::between(
        issuer().await,
        upstream,
        "[[route]]\npath = \"/two/\"\nupstream = [\"UPSTREAM\"]\nauth = \"none\"\nprotocol = \"http2\"",
    )
    .await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build(HttpConnector::new());
    let (sender, body) = channel();
    let request = Request::post(stand.url("/two/echo")).body(body).unwrap();
    let exchange = async {
        let mut response = client.request(request).await.unwrap();
        for word in ["one", "two", "three"] {
            sender.send(Frame::data(Bytes::from(word))).await.unwrap();
            let frame = response.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), word, "before the next is said");
        }
        drop(sender);
        let rest = response.into_body().collect().await.unwrap();
        assert!(rest.to_bytes().is_empty());
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap();
}

#[tokio::test]
async fn trailers_go_both_ways_over_http1() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, head) = stand
        .asked(
            "POST /sum HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\ntrailer: x-sum\r\n\
             transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n",
        )
        .await;
    assert!(head.contains("\r\nte: trailers\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: te\r\n"), "{head}");
    assert!(head.contains("\r\ntrailer: x-sum\r\n"), "{head}");
    let body = behind.until("x-sum: 6\r\n\r\n").await;
    assert!(body.contains("abc"), "{body}");
    behind
        .send(
            "HTTP/1.1 200 OK\r\ntrailer: x-seen\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\nx-seen: yes\r\n\r\n",
        )
        .await;
    let head = client.head().await;
    assert!(head.contains("\r\ntrailer: x-seen\r\n"), "{head}");
    client.until("0\r\nx-seen: yes\r\n\r\n").await;
}

#[tokio::test]
async fn trailers_go_both_ways_over_http2() {
    let upstream = Upstream::answering(|received| {
        let mut trailers = HeaderMap::new();
        let sum = received.trailers.as_ref().map(|all| all["x-sum"].clone());
        trailers.insert("x-seen", sum.expect("a trailer"));
        let body =
            Full::from("ok").with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
        http::Response::new(axum::body::Body::new(body))
    })
    .await;
    let stand = Stand::between(
        issuer().await,
        upstream,
        "[[route]]\npath = \"/two/\"\nupstream = [\"UPSTREAM\"]\nauth = \"none\"\nprotocol = \"http2\"",
    )
    .await;
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build(HttpConnector::new());
    let (sender, body) = channel();
    let sending = tokio::spawn(async move {
        sender.send(Frame::data(Bytes::from("abc"))).await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "6".parse().unwrap());
        sender.send(Frame::trailers(trailers)).await.unwrap();
    });
    let request = Request::post(stand.url("/two/sum")).body(body).unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await;
    let collected = response
        .unwrap()
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
    sending.await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-seen"], "6");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let stand = ByHand::start().await;
    let mut client = stand.client().await;
    let mut behind = None;
    for (asked, answered, told) in [
        (
            "HEAD",
            "200 OK\r\ncontent-length: 1000\r\n",
            "content-length: 1000\r\n",
        ),
        ("HEAD", "200 OK\r\ntransfer-encoding: chunked\r\n", ""),
        ("GET", "204 No Content\r\n", ""),
        (
            "GET",
            "304 Not Modified\r\netag: \"7\"\r\n",
            "etag: \"7\"\r\n",
        ),
        ("GET", "200 OK\r\ncontent-length: 0\r\n", ""),
    ] {
        client
            .send(format!("{asked} /x HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        let behind = match &mut behind {
            Some(behind) => behind,
            first => first.insert(stand.behind().await),
        };
        let head = behind.head().await;
        assert!(
            head.starts_with(&format!("{asked} /x HTTP/1.1\r\n")),
            "{head}"
        );
        behind.send(format!("HTTP/1.1 {answered}\r\n")).await;
        // Right behind the head before it: there was no body between.
        let head = client.head().await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {}", &answered[..3])),
            "{head}"
        );
        assert!(head.contains(told), "{head}");
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind.send("HTTP/1.1 200 OK\r\n\r\nold style").await;
    drop(behind);
    let head = client.head().await;
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert!(client.until("0\r\n\r\n").await.contains("old style"));
}

#[tokio::test]
async fn an_http2_client_is_told_the_same_by_http1_upstreams() {
    let stand = Stand::start().await;
    let request = Request::get(stand.url("/open/x"))
        .version(Version::HTTP_2)
        .body(Full::default())
        .unwrap();
    let answer = send_http2(request).await;
    assert_eq!(answer.body, "hello");
    assert_eq!(
        stand.upstream.last().headers["host"],
        stand.gateway.address().to_string()
    );
}
