//! How long things may take.

use std::time::{Duration, Instant};

use crate::stand::{PATIENCE, gateway};
use crate::wire::{ByHand, Wire};

const IDLE: &str = "idle_timeout = \"300ms\"";

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_late() {
    let stand = ByHand::with("", "timeout = \"200ms\"").await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    assert_eq!(behind.rest().await, "", "the connection is given up");
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut behind = stand.behind().await;
    behind.head().await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await;
    client.until("HTTP/1.1 200 OK").await;
}

#[tokio::test]
async fn a_slow_upload_does_not_make_the_upstream_late() {
    let stand = ByHand::with("", "timeout = \"200ms\"").await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n")
        .await;
    let begun = Instant::now();
    for byte in ["1", "2", "3", "4"] {
        tokio::time::sleep(Duration::from_millis(150)).await;
        client.send(byte).await;
        behind.until(byte).await;
    }
    assert!(begun.elapsed() > Duration::from_millis(500));
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_stops_in_its_body_is_told_so() {
    let stand = ByHand::with("", IDLE).await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nsome")
        .await;
    behind.until("some").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
    assert_eq!(behind.rest().await, "");
}

#[tokio::test]
async fn an_answer_that_stops_is_cut_off() {
    let stand = ByHand::with("", IDLE).await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.ends_with("4\r\nsome\r\n"),
        "no end is made up: {answer}"
    );
    assert_eq!(behind.rest().await, "");
}

#[tokio::test]
async fn bytes_in_either_direction_keep_an_exchange_open() {
    let stand = ByHand::with("", IDLE).await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.head().await;
    let begun = Instant::now();
    for turn in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if turn < 5 {
            client.send("2\r\nup\r\n").await;
            behind.until("up\r\n").await;
        } else {
            behind.send("4\r\ndown\r\n").await;
            client.until("down\r\n").await;
        }
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

/// Fills every buffer there is between the gateway and a client that does not read.
async fn flood(behind: &mut Wire) {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // At last the gateway is cut off, and the connection with it.
    while behind.try_send(&chunk).await {}
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let stand = ByHand::with("", IDLE).await;
    let (client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    flood(&mut behind).await;
    drop(client);
}

#[tokio::test]
async fn a_stream_of_http2_that_is_not_read_is_reset_and_the_others_go_on() {
    let stand = ByHand::with("", IDLE).await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::Builder::new()
        .initial_window_size(1000)
        .handshake::<_, bytes::Bytes>(tcp)
        .await
        .unwrap();
    let driven = tokio::spawn(connection);
    let request = |target: &str| {
        let uri = format!("http://{}{target}", stand.gateway.address());
        http::Request::get(uri).body(()).unwrap()
    };
    let (unread, _) = h2.send_request(request("/unread"), true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let mut unread = unread.await.unwrap().into_body();
    flood(&mut behind).await;
    let ended = async {
        // Up to the window of the stream, and then the reset.
        loop {
            match unread.data().await.expect("not the end of the body") {
                Ok(bytes) => assert!(bytes.len() <= 1000),
                Err(error) => break error.reason(),
            }
        }
    };
    let reason = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    assert_eq!(reason, Some(h2::Reason::CANCEL));
    let (other, _) = h2.send_request(request("/other"), true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    behind.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    let other = tokio::time::timeout(PATIENCE, other).await.unwrap();
    assert_eq!(other.unwrap().status(), 204);
    driven.abort();
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let stand = ByHand::with("idle_timeout = \"200ms\"\nheader_timeout = \"20s\"", "").await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    let begun = Instant::now();
    assert!(client.rest().await.ends_with("\r\n\r\nok"));
    assert!(begun.elapsed() >= Duration::from_millis(190));
}

#[tokio::test]
async fn an_idle_connection_of_http2_is_told_to_go_away() {
    let stand = ByHand::with("idle_timeout = \"200ms\"\nheader_timeout = \"20s\"", "").await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    let uri = format!("http://{}/", stand.gateway.address());
    let request = http::Request::get(uri).body(()).unwrap();
    let (answer, _) = h2.send_request(request, true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    behind.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(answer.await.unwrap().status(), 204);
    let ended = tokio::time::timeout(PATIENCE, driven).await.unwrap();
    assert!(ended.unwrap().is_ok(), "by GOAWAY, and not by a reset");
}

#[tokio::test]
async fn the_head_of_the_next_request_has_its_own_bound() {
    let stand = ByHand::with("idle_timeout = \"20s\"\nheader_timeout = \"200ms\"", "").await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    client.until("ok").await;
    let begun = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await;
    // However busy it looks.
    while client.try_send("x-more: 1\r\n").await && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let stand = ByHand::with("header_timeout = \"200ms\"", "").await;
    for beginning in [
        "",
        "G",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let begun = Instant::now();
        let mut client = stand.client().await;
        client.send(beginning).await;
        let answer = client.rest().await;
        assert!(!answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(begun.elapsed() >= Duration::from_millis(190), "{beginning}");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_in_time_is_unreachable() {
    // Nobody answers there, and nobody refuses: a network for documentation (RFC 5737).
    let gateway = gateway(
        "[server]\nlisten = \"127.0.0.1:0\"\nconnect_timeout = \"200ms\"\n\
         [[route]]\npath = \"/\"\nupstream = [\"http://192.0.2.1:9\"]\nauth = \"none\"",
    )
    .await;
    let mut client = Wire::to(gateway.address()).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    client.until("upstream_unreachable").await;
}
