//! What goes through, and how.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::stand::{PATIENCE, Stand, Upstream, gateway, issuer, send};

#[tokio::test]
async fn path_and_query_go_as_they_came() {
    let stand = Stand::start().await;
    for target in [
        "/open",
        "/open/",
        "/open/a%20b/c",
        "/open/a//b/",
        "/open/x;v=1?q=a%2Fb&q=../..&empty=",
        "/open/%E4%F6?",
    ] {
        assert_eq!(stand.get_bare(target).await.status, 200, "{target}");
        assert_eq!(stand.upstream.last().target, target);
    }
}

#[tokio::test]
async fn method_headers_and_body_go_both_ways() {
    let upstream = Upstream::answering(|received| {
        Response::builder()
            .status(StatusCode::CREATED)
            .header("x-answer", "yes")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .body(Body::from(received.body.clone()))
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let body = Bytes::from(vec![7; 3 << 20]);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = Request::builder()
            .method(method.clone())
            .uri(stand.url("/open/x"))
            .header("x-question", "why")
            .body(Full::new(body.clone()))
            .unwrap();
        let answer = send(request).await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.header("x-answer"), "yes");
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(answer.body, body);
        let received = stand.upstream.last();
        assert_eq!(
            (received.method, &received.headers["x-question"]),
            (method, &"why".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_response_streams_while_it_is_made() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let upstream = Upstream::answering(move |_| {
        let mut receiver = receiver
            .lock()
            .expect("no panic")
            .take()
            .expect("one request");
        let frames = futures_util::stream::poll_fn(move |cx| {
            receiver
                .poll_recv(cx)
                .map(|bytes| bytes.map(|b| Ok::<_, Infallible>(http_body::Frame::data(b))))
        });
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(StreamBody::new(frames)))
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let client =
        Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(HttpConnector::new());
    let request = Request::get(stand.url("/open/events"))
        .body(Full::default())
        .unwrap();
    let streamed = async {
        let mut response = client.request(request).await.unwrap();
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            sender.send(Bytes::from(event)).await.unwrap();
            let frame = response.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), event, "before the next is made");
        }
        drop(sender);
        assert!(response.frame().await.is_none());
    };
    tokio::time::timeout(PATIENCE, streamed).await.unwrap();
}

#[tokio::test]
async fn hop_by_hop_headers_stop_here() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("connection", "x-only-here")
            .header("x-only-here", "1")
            .header("keep-alive", "timeout=5")
            .header("x-end", "to-end")
            .body(Body::empty())
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let request = Request::get(stand.url("/open/x"))
        .header("connection", "x-mine, keep-alive")
        .header("x-mine", "1")
        .header("keep-alive", "timeout=5")
        .header("te", "gzip")
        .header("proxy-connection", "keep-alive")
        .header("x-end", "to-end")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = send(request).await;
    let received = stand.upstream.last().headers;
    for headers in [&answer.headers, &received] {
        for gone in [
            "connection",
            "keep-alive",
            "x-mine",
            "x-only-here",
            "te",
            "proxy-connection",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers["x-end"], "to-end");
    }
}

#[tokio::test]
async fn several_upstreams_take_turns() {
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\n\
         upstream = [\"{}\", \"{}\"]",
        one.url(),
        two.url()
    ))
    .await;
    for _ in 0..6 {
        let uri = format!("http://{}/x", gateway.address());
        assert_eq!(
            send(Request::get(uri).body(Full::default()).unwrap())
                .await
                .status,
            200
        );
    }
    assert_eq!((one.calls(), two.calls()), (3, 3));
}

#[tokio::test]
async fn connections_to_the_upstream_are_kept_and_shared_by_routes() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/a\"\nauth = \"none\"\nupstream = [\"http://{address}\"]\n\
         [[route]]\npath = \"/b\"\nauth = \"none\"\nupstream = [\"http://{address}\"]"
    ))
    .await;
    let served = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = upstream.accept().await.unwrap();
        // One connection is all there is: a second one would never be answered.
        for _ in 0..3 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
                .unwrap();
        }
    });
    for target in ["/a", "/b", "/a"] {
        let uri = format!("http://{}{target}", gateway.address());
        assert_eq!(
            send(Request::get(uri).body(Full::default()).unwrap())
                .await
                .status,
            200
        );
    }
    served.await.unwrap();
}
