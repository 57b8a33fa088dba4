//! How much a client may ask of the gateway at a time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stand::{PATIENCE, Stand, Upstream, gateway};
use crate::upgrade::{ACCEPTED, HANDSHAKE};
use crate::wire::{ByHand, Wire};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn http2(stand: &ByHand) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let tcp = stand.client().await.into_stream();
    let (sender, connection) = h2::client::handshake(tcp).await.expect("a handshake");
    (sender, tokio::spawn(connection))
}

fn request(stand: &ByHand) -> Request<()> {
    let uri = format!("http://{}/", stand.gateway.address());
    Request::get(uri).body(()).expect("a request")
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_until_others_end() {
    let stand = ByHand::with("max_connections = 2", "").await;
    let (first, _behind, _) = stand.asked(GET).await;
    // An upgraded connection belongs to no server any more, and counts all the same.
    let mut second = stand.client().await;
    second.send(HANDSHAKE).await;
    let mut tunnel = stand.behind().await;
    tunnel.head().await;
    tunnel.send(ACCEPTED).await;
    second.head().await;
    let mut third = stand.client().await;
    third.send(GET).await;
    let early = timeout(Duration::from_millis(300), stand.upstream.accept()).await;
    assert!(early.is_err(), "there is no room for it");
    drop(second);
    assert_eq!(tunnel.rest().await, "");
    drop(tunnel);
    let mut behind = stand.behind().await;
    behind.head().await;
    behind.send(NOTHING).await;
    assert!(third.head().await.starts_with("HTTP/1.1 204 "));
    drop(first);
}

/// A connection on which a request was answered.
async fn idle(stand: &ByHand) -> Wire {
    let (mut client, mut behind, _) = stand.asked(GET).await;
    behind.send(NOTHING).await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
    client
}

#[tokio::test]
async fn whoever_keeps_every_connection_idle_locks_nobody_out() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nmax_connections = 2\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]",
        upstream.url()
    ))
    .await;
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut client = Wire::to(gateway.address()).await;
        client.send(GET).await;
        client.until("hello").await;
        kept.push(client);
    }
    // The last two have their places still, and the others were closed in an orderly way.
    for client in &mut kept[18..] {
        client.send(GET).await;
        client.until("hello").await;
    }
    for client in &mut kept[..18] {
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn a_place_is_made_by_the_idle_and_never_by_who_waits_for_an_answer() {
    let stand = ByHand::with("max_connections = 2", "").await;
    let (mut asking, mut behind, _) = stand.asked(GET).await;
    let mut first = idle(&stand).await;
    let _second = idle(&stand).await;
    assert_eq!(first.rest().await, "", "it went for the second");
    behind.send(NOTHING).await;
    assert!(asking.head().await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn a_client_of_http2_that_does_not_go_when_asked_is_cut_off() {
    let stand = ByHand::with("max_connections = 1", "").await;
    let mut deaf = stand.client().await;
    // Preface, SETTINGS and one request: HEADERS of stream 1 with GET, http, / and a as its authority.
    let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    frames.extend(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a");
    deaf.send(frames).await;
    let mut behind = stand.behind().await;
    behind.head().await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        .await;
    deaf.until("hello").await;
    // Else the next request would go the same way.
    drop(behind);
    // It never answers the PING behind GOAWAY.
    let _other = idle(&stand).await;
    deaf.rest().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_takes_a_place_only_for_a_while() {
    let stand = ByHand::with("max_connections = 1\nheader_timeout = \"300ms\"", "").await;
    let silent = stand.client().await;
    let begun = Instant::now();
    let (_client, _behind, _) = stand.asked(GET).await;
    assert!(begun.elapsed() >= Duration::from_millis(250), "it waited");
    drop(silent);
}

#[tokio::test]
async fn heads_have_a_bound_in_lines_and_in_bytes() {
    let stand = ByHand::with("max_headers = 20\nmax_header_bytes = \"16KiB\"", "").await;
    let lines = |count: usize| "x-many: 1\r\n".repeat(count);
    let large = |bytes: usize| format!("x-large: {}\r\n", "x".repeat(bytes));
    for (headers, status) in [
        (lines(19), 204),
        (lines(20), 431),
        (large(15 << 10), 204),
        (large(17 << 10), 431),
        (large(1 << 20), 431),
    ] {
        let mut client = stand.client().await;
        // What is too large need not be read to its end.
        client
            .try_send(format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n"))
            .await;
        if status == 204 {
            let mut behind = stand.behind().await;
            behind.head().await;
            behind
                .send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                .await;
        }
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn heads_of_http2_have_the_same_bounds() {
    let stand = ByHand::with("max_headers = 20\nmax_header_bytes = \"16KiB\"", "").await;
    let (mut h2, driven) = http2(&stand).await;
    let many = |count: usize| {
        let mut request = request(&stand);
        for _ in 0..count {
            request.headers_mut().append("x-many", "1".parse().unwrap());
        }
        request
    };
    let (refused, _) = h2.send_request(many(21), true).unwrap();
    assert_eq!(refused.await.unwrap().status(), 431);
    let mut large = request(&stand);
    large
        .headers_mut()
        .insert("x-large", "x".repeat(17 << 10).parse().unwrap());
    let (refused, _) = h2.send_request(large, true).unwrap();
    assert_eq!(refused.await.unwrap().status(), 431);
    let (answer, _) = h2.send_request(many(20), true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    behind.send(NOTHING).await;
    assert_eq!(
        answer.await.unwrap().status(),
        204,
        "the connection goes on"
    );
    driven.abort();
}

#[tokio::test]
async fn no_more_than_200_streams_of_a_connection_are_open() {
    let stand = ByHand::start().await;
    let (mut h2, driven) = http2(&stand).await;
    let (answer, _) = h2.send_request(request(&stand), true).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    behind.send(NOTHING).await;
    assert_eq!(answer.await.unwrap().status(), 204);
    // The library has it from the SETTINGS of the gateway.
    assert_eq!(h2.current_max_send_streams(), 200);
    driven.abort();
}

/// Opens streams and resets each as soon as it may have been seen, until the gateway has enough.
async fn reset_rapidly(stand: &Stand) -> usize {
    let tcp = TcpStream::connect(stand.gateway.address())
        .await
        .expect("a connection");
    let (mut h2, connection) = h2::client::handshake(tcp).await.expect("a connection");
    let driven = tokio::spawn(connection);
    let request = || {
        Request::post(stand.url("/open/x"))
            .body(())
            .expect("a request")
    };
    let mut opened = 0;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match h2.ready().await {
            Ok(ready) => h2 = ready,
            Err(_) => break,
        }
        let Ok((_answer, mut stream)) = h2.send_request(request(), false) else {
            break;
        };
        opened += 1;
        // Some get as far as the upstream, some do not.
        for _ in 0..opened % 5 {
            tokio::task::yield_now().await;
        }
        stream.send_reset(h2::Reason::CANCEL);
    }
    let ended = timeout(PATIENCE, driven).await;
    assert!(ended.is_ok(), "the connection is ended by the gateway");
    opened
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let stand = Stand::start().await;
    let opened = reset_rapidly(&stand).await;
    assert!(opened > 100, "{opened}: nobody needs to be that careful");
    assert!(opened < 1_000, "{opened} requests were taken");
    let calls = stand.upstream.calls();
    assert!(calls < 300, "{calls} of them reached the upstream");
    assert_eq!(
        stand.get_bare("/open/x").await.status,
        200,
        "others are served"
    );
}

#[tokio::test]
async fn an_upload_is_read_no_faster_than_the_upstream_takes_it() {
    let stand = ByHand::start().await;
    let (client, behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let mut stream = client.into_stream();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    // Sockets and the gateway hold some, and then the client has to wait.
    let stuck = async {
        loop {
            let writing = tokio::io::AsyncWriteExt::write_all(&mut stream, chunk.as_bytes());
            if timeout(Duration::from_millis(500), writing).await.is_err() {
                break;
            }
            sent += chunk.len();
        }
    };
    timeout(PATIENCE, stuck).await.expect("there is a bound");
    assert!(sent < 64 << 20, "{sent} bytes");
    drop(behind);
}

#[tokio::test]
async fn a_client_of_http2_sends_no_more_than_its_window() {
    let stand = ByHand::start().await;
    let (mut h2, driven) = http2(&stand).await;
    let (_answer, mut body) = h2.send_request(request(&stand), false).unwrap();
    let _behind: Wire = stand.behind().await;
    body.reserve_capacity(1 << 30);
    let capacity = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
    let capacity = capacity.unwrap().unwrap();
    assert!(
        capacity <= 256 << 10,
        "{capacity} bytes of one request wait in the gateway"
    );
    driven.abort();
}
