//! Shutting down.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use portcullis_tests::outage::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{PATIENCE, Upstream, gateway, send, send_http2};
use crate::wire::{ByHand, Wire};

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
async fn probes_do_not_make_the_end_longer_than_its_bound() {
    let bound = Duration::from_secs(2);
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nshutdown_timeout = \"2s\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{}\"]",
        upstream.local_addr().unwrap()
    ))
    .await;
    let mut client = Wire::to(gateway.address()).await;
    client.send("GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let _behind = upstream.accept().await.unwrap();
    // Never comes to the end of its head, and has ten seconds for that.
    let mut slow = Wire::to(gateway.admin_address().unwrap()).await;
    slow.send("GET /livez HTTP/1.1\r\nhost: a\r\n").await;
    let begun = Instant::now();
    assert!(!gateway.shut_down().await, "the request was cut off");
    assert!((bound..bound + Duration::from_millis(1900)).contains(&begun.elapsed()));
    slow.rest().await;
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

#[tokio::test]
async fn a_kept_connection_is_closed_with_its_last_answer() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand.asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut idle = stand.client().await;
    idle.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut other = stand.behind().await;
    other.head().await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    other.send(answer).await;
    idle.until("ok").await;
    let ending = tokio::spawn(stand.gateway.shut_down());
    assert_eq!(idle.rest().await, "", "at once: nothing is asked");
    behind.send(answer).await;
    assert!(client.rest().await.ends_with("\r\n\r\nok"), "and closed");
    assert!(ending.await.unwrap());
}

#[tokio::test]
async fn http2_goes_away_when_its_streams_have_ended() {
    let stand = ByHand::start().await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    let uri = format!("http://{}/", stand.gateway.address());
    let request = Request::get(uri).body(()).unwrap();
    let (answer, _) = h2.send_request(request, true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    let ending = tokio::spawn(stand.gateway.shut_down());
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "ok");
    let gone = tokio::time::timeout(PATIENCE, driven).await.unwrap();
    assert!(gone.unwrap().is_ok(), "by GOAWAY, and not by a reset");
    assert!(ending.await.unwrap(), "nothing was cut off");
}

/// Runs in a runtime of the gateway alone, so that its tasks can be counted.
fn alone(work: impl AsyncFnOnce(&str) -> Vec<Wire>) {
    let runtime = || tokio::runtime::Builder::new_multi_thread();
    let (inside, outside) = (
        runtime()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime"),
        runtime()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime"),
    );
    outside.block_on(async {
        let upstream = Upstream::start().await;
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nshutdown_timeout = \"300ms\"\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]",
            upstream.url()
        );
        let gateway = inside.spawn(async move { gateway(&config).await });
        let gateway = gateway.await.expect("a gateway");
        let open = work(&gateway.address().to_string()).await;
        assert!(inside.metrics().num_alive_tasks() > 1, "it serves");
        inside.spawn(gateway.shut_down()).await.expect("no panic");
        let none = || (inside.metrics().num_alive_tasks() == 0).then_some(());
        until("every task has ended", PATIENCE, none).await;
        drop(open);
    });
    inside.shutdown_background();
    outside.shutdown_background();
}

#[test]
fn no_task_is_left() {
    alone(async |address| {
        let request = |version| {
            let uri = format!("http://{address}/x");
            let request = Request::post(uri).version(version);
            request.body(Full::from(vec![1; 100_000])).unwrap()
        };
        send(request(http::Version::HTTP_11)).await;
        send_http2(request(http::Version::HTTP_2)).await;
        let mut open = Vec::new();
        for beginning in [
            "",
            "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /x HTTP/1.1\r\n",
        ] {
            let mut wire = Wire::to(address.parse().unwrap()).await;
            wire.send(beginning).await;
            open.push(wire);
        }
        open
    });
}
