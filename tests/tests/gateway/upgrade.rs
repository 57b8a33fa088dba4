//! Upgrades: WebSocket and nothing else.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{PATIENCE, Stand, gateway};

/// The handshake of RFC 6455 section 1.3, with the answer that belongs to its key.
const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-auth-subject: mallory\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a byte"));
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("a head in time");
    String::from_utf8(head).expect("text").to_ascii_lowercase()
}

async fn tunnel() -> (portcullis_gateway::Running, TcpStream, TcpStream) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{}\"]",
        upstream.local_addr().expect("an address")
    ))
    .await;
    let mut client = TcpStream::connect(gateway.address())
        .await
        .expect("a connection");
    client
        .write_all(HANDSHAKE.as_bytes())
        .await
        .expect("written");
    let (mut behind, _) = upstream.accept().await.expect("a connection");
    let asked = head(&mut behind).await;
    assert!(asked.contains("\r\nupgrade: websocket\r\n"), "{asked}");
    assert!(!asked.contains("mallory"), "{asked}");
    behind
        .write_all(ACCEPTED.as_bytes())
        .await
        .expect("written");
    let answered = head(&mut client).await;
    assert!(answered.starts_with("http/1.1 101 "), "{answered}");
    (gateway, client, behind)
}

#[tokio::test]
async fn websocket_bytes_go_both_ways() {
    let (_gateway, mut client, mut behind) = tunnel().await;
    for _ in 0..3 {
        let mut four = [0; 4];
        client.write_all(b"ping").await.unwrap();
        behind.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"ping");
        behind.write_all(b"pong").await.unwrap();
        client.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"pong");
    }
}

#[tokio::test]
async fn a_tunnel_ends_with_the_gateway() {
    let (gateway, mut client, mut behind) = tunnel().await;
    assert!(gateway.shut_down().await);
    for stream in [&mut client, &mut behind] {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok() && rest.is_empty());
    }
}

#[tokio::test]
async fn no_other_upgrade_reaches_the_upstream() {
    let stand = Stand::start().await;
    for wish in ["h2c", "TLS/1.0", "other"] {
        let answer = stand
            .raw(&format!(
                "GET /open/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: {wish}\r\n\
                 http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(
            !stand.upstream.last().headers.contains_key("upgrade"),
            "{wish}"
        );
    }
}

#[tokio::test]
async fn a_guarded_route_asks_for_a_token_before_it_upgrades() {
    let stand = Stand::start().await;
    let handshake = HANDSHAKE
        .replace("/chat", "/api/chat")
        .replace("keep-alive, Upgrade", "close, upgrade");
    let answer = stand.raw(&handshake).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(stand.upstream.calls(), 0);
}
