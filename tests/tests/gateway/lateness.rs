//! What is late ends in time, and takes nothing with it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use portcullis_testing::Mode;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};

use crate::stand::{PATIENCE, gateway, issuer};
use crate::wire::{ByHand, Wire};

#[tokio::test]
async fn a_late_answer_does_not_end_the_next_request_of_its_connection() {
    let idp = issuer().await;
    idp.mode(Mode::Hang);
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{upstream}\"]\ntimeout = \"200ms\"\n\
         [[route]]\npath = \"/guarded/\"\nupstream = [\"http://{upstream}\"]",
        idp.issuer(),
        idp.audience(),
        upstream = upstream.local_addr().unwrap(),
    ))
    .await;
    let mut client = Wire::to(gateway.address()).await;
    client.send("GET /late HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    client.until("}").await;
    // What was late may take no more than a second to end. The next one waits for keys beyond that.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let token = idp.token().scope("api:read").issue();
    client
        .send(format!(
            "GET /guarded/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n"
        ))
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn an_upstream_is_late_after_a_slow_upload_over_http2_too() {
    let stand = ByHand::with("", "timeout = \"300ms\"\nidle_timeout = \"10m\"").await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    let uri = format!("http://{}/", stand.gateway.address());
    let request = Request::post(uri).body(()).unwrap();
    let (answer, mut body) = h2.send_request(request, false).unwrap();
    let mut behind = stand.behind().await;
    behind.head().await;
    for piece in ["one", "two", "three", "four"] {
        // For as long as the client is waited for, nobody else is late.
        tokio::time::sleep(Duration::from_millis(350)).await;
        body.send_data(Bytes::from(piece), piece == "four").unwrap();
        behind.until(piece).await;
    }
    let begun = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert_eq!(answer.unwrap().status(), 504);
    assert!(begun.elapsed() < PATIENCE);
    driven.abort();
}

#[tokio::test]
async fn what_is_cut_off_over_http1_looks_so_whatever_the_client_says_it_speaks() {
    let stand = ByHand::with("", "idle_timeout = \"300ms\"").await;
    let (mut client, mut behind, _) = stand
        .asked("GET / HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\n\r\n")
        .await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.ends_with("4\r\nsome\r\n"),
        "no end is made up: {answer}"
    );
}

#[tokio::test]
async fn who_reads_slowly_but_steadily_gets_the_whole_answer() {
    const SIZE: usize = 6 << 20;
    let stand = ByHand::with("", "idle_timeout = \"500ms\"").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let client = socket.connect(stand.gateway.address()).await.unwrap();
    let mut client = Wire::new(client);
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut behind = stand.behind().await;
    behind.head().await;
    let sending = tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
        behind.send(head).await;
        behind.send(vec![b'x'; SIZE]).await;
        behind
    });
    client.head().await;
    let mut left = SIZE - client.ahead();
    let mut client = client.into_stream();
    let mut piece = vec![0; 64 << 10];
    while left > 0 {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let read = tokio::time::timeout(PATIENCE, client.read(&mut piece)).await;
        let read = read.unwrap().unwrap();
        assert!(read > 0, "cut off with {left} bytes to go");
        left = left.saturating_sub(read);
    }
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn an_upstream_that_reads_slowly_but_steadily_gets_the_whole_request() {
    const SIZE: usize = 6 << 20;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let upstream = socket.listen(1).unwrap();
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{}\"]\ntimeout = \"500ms\"",
        upstream.local_addr().unwrap(),
    ))
    .await;
    let mut client = Wire::to(gateway.address()).await;
    let sending = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {SIZE}\r\n\r\n");
        client.send(head).await;
        client.send(vec![b'x'; SIZE]).await;
        client
    });
    let (behind, _) = upstream.accept().await.unwrap();
    let mut behind = Wire::new(behind);
    behind.head().await;
    let mut left = SIZE - behind.ahead();
    let mut behind = behind.into_stream();
    let mut piece = vec![0; 64 << 10];
    while left > 0 {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let read = tokio::time::timeout(PATIENCE, behind.read(&mut piece)).await;
        let read = read.unwrap().unwrap();
        assert!(read > 0, "cut off with {left} bytes to go");
        left = left.saturating_sub(read);
    }
    let mut client = sending.await.unwrap();
    let mut behind = Wire::new(behind);
    behind.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
}
