//! Shutting down.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{PATIENCE, gateway, send};

/// A gateway before an upstream that the test plays by hand.
async fn by_hand(shutdown_timeout: &str) -> (portcullis_gateway::Running, TcpListener) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nshutdown_timeout = \"{shutdown_timeout}\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{}\"]",
        upstream.local_addr().expect("an address")
    ))
    .await;
    (gateway, upstream)
}

#[tokio::test]
async fn requests_in_flight_end_and_new_connections_are_refused() {
    let (gateway, upstream) = by_hand("20s").await;
    let address = gateway.address();
    let request = Request::get(format!("http://{address}/x"))
        .body(Full::default())
        .unwrap();
    let asked = tokio::spawn(send(request));
    let (mut stream, _) = upstream.accept().await.unwrap();
    let idle = TcpStream::connect(address).await.unwrap();
    let ending = tokio::spawn(gateway.shut_down());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
        .await
        .unwrap();
    assert_eq!(asked.await.unwrap().body, "late");
    assert!(ending.await.unwrap(), "nothing was cut off");
    drop(idle);
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_at_the_bound() {
    let (gateway, upstream) = by_hand("200ms").await;
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    client
        .write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let _stream = upstream.accept().await.unwrap();
    let begun = Instant::now();
    assert!(!gateway.shut_down().await, "something was cut off");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await;
    assert!(closed.is_ok() && rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn a_dropped_gateway_is_gone_at_once() {
    let (gateway, _upstream) = by_hand("20s").await;
    let address = gateway.address();
    let mut client = TcpStream::connect(address).await.unwrap();
    drop(gateway);
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < end, "the port is free");
        tokio::task::yield_now().await;
    }
}
