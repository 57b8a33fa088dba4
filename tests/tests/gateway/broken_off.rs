//! What breaks off: it never looks as if it were complete, to either side.

use std::sync::Arc;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::stand::gateway;
use crate::wire::{ByHand, Wire};

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_taken_for_the_whole() {
    let stand = ByHand::start().await;
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        behind
            .send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n3\r\nabc\r\n"))
            .await;
        client.until("abc").await;
        drop(behind);
        let rest = client.rest().await;
        assert!(!rest.contains("0\r\n\r\n"), "{rest}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_request_upstream() {
    let stand = ByHand::start().await;
    let (client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    drop(client);
    assert_eq!(behind.rest().await, "", "the connection is closed");
    let (client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    drop(client);
    // An answer that nobody reads is not read to its end either.
    while behind.try_send("4\r\nmore\r\n").await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_taken_for_the_whole() {
    let stand = ByHand::start().await;
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        let (client, mut behind, _) = stand
            .asked(&format!(
                "POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n3\r\nabc\r\n"
            ))
            .await;
        behind.until("abc").await;
        drop(client);
        let rest = behind.rest().await;
        assert!(!rest.contains("0\r\n\r\n"), "{rest}");
    }
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_the_clients_fault() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    behind.until("abc").await;
    client.send("no length\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("request_broken"), "{answer}");
    assert!(!behind.rest().await.contains("0\r\n\r\n"));
}

#[tokio::test]
async fn an_upload_that_is_reset_is_never_taken_for_the_whole() {
    let stand = ByHand::start().await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    for reason in [
        h2::Reason::CANCEL,
        h2::Reason::INTERNAL_ERROR,
        // Of a server it would mean that it has heard enough. A client has nothing to say with it.
        h2::Reason::NO_ERROR,
    ] {
        let uri = format!("http://{}/", stand.gateway.address());
        let request = Request::post(uri).body(()).unwrap();
        let (_answer, mut body) = h2.send_request(request, false).unwrap();
        let mut behind = stand.behind().await;
        behind.head().await;
        body.send_data("abc".into(), false).unwrap();
        behind.until("abc\r\n").await;
        body.send_reset(reason);
        let rest = behind.rest().await;
        assert_eq!(rest, "", "{reason:?}");
    }
    driven.abort();
}

#[tokio::test]
async fn an_answer_that_is_reset_is_never_taken_for_the_whole() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\n\
         protocol = \"http2\"\nupstream = [\"http://{}\"]",
        upstream.local_addr().unwrap()
    ))
    .await;
    let mut reasons = [h2::Reason::CANCEL, h2::Reason::NO_ERROR].into_iter();
    let arrived = Arc::new(Notify::new());
    let told = Arc::clone(&arrived);
    let serving = tokio::spawn(async move {
        let (tcp, _) = upstream.accept().await.unwrap();
        let mut connection = h2::server::handshake(tcp).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let reason = reasons.next().unwrap();
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                body.send_data("some".into(), false).unwrap();
                // A reset could overtake what was not sent yet.
                told.notified().await;
                body.send_reset(reason);
            });
        }
    });
    for _ in 0..2 {
        let mut client = Wire::to(gateway.address()).await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        client.until("some\r\n").await;
        arrived.notify_one();
        assert_eq!(client.rest().await, "", "no end");
    }
    serving.abort();
}
