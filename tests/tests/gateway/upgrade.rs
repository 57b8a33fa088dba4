//! Upgrades: WebSocket and nothing else.

use std::time::{Duration, Instant};

use crate::stand::Stand;
use crate::wire::{ByHand, Wire};

/// The handshake of RFC 6455 section 1.3, with the answer that belongs to its key.
pub(crate) const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-auth-subject: mallory\r\n\r\n";
pub(crate) const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn tunnel(server: &str, route: &str) -> (ByHand, Wire, Wire) {
    let stand = ByHand::with(server, route).await;
    let (mut client, mut behind, asked) = stand.asked(HANDSHAKE).await;
    assert!(asked.contains("\r\nupgrade: websocket\r\n"), "{asked}");
    assert!(asked.contains("\r\nconnection: upgrade\r\n"), "{asked}");
    assert!(!asked.contains("mallory"), "{asked}");
    behind.send(ACCEPTED).await;
    let answered = client.head().await;
    assert!(answered.starts_with("HTTP/1.1 101 "), "{answered}");
    assert!(
        answered.contains("\r\nsec-websocket-accept: s3pP"),
        "{answered}"
    );
    (stand, client, behind)
}

#[tokio::test]
async fn websocket_bytes_go_both_ways() {
    let (_stand, mut client, mut behind) = tunnel("", "").await;
    for _ in 0..3 {
        client.send("ping").await;
        assert_eq!(behind.until("ping").await, "ping");
        behind.send("pong").await;
        assert_eq!(client.until("pong").await, "pong");
    }
    client.finish().await;
    assert_eq!(behind.rest().await, "", "one side ended");
    behind.send("last words").await;
    drop(behind);
    assert_eq!(
        client.rest().await,
        "last words",
        "the other had more to say"
    );
}

#[tokio::test]
async fn what_is_said_right_behind_the_handshake_is_not_lost() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand.asked(&format!("{HANDSHAKE}early")).await;
    behind.send(format!("{ACCEPTED}soon")).await;
    client.head().await;
    assert_eq!(client.until("soon").await, "soon");
    assert_eq!(behind.until("early").await, "early");
}

#[tokio::test]
async fn a_tunnel_ends_with_the_gateway_at_the_deadline() {
    let (stand, mut client, mut behind) = tunnel("shutdown_timeout = \"300ms\"", "").await;
    let begun = Instant::now();
    let ending = tokio::spawn(stand.gateway.shut_down());
    client.send("still open").await;
    behind.until("still open").await;
    assert!(ending.await.unwrap(), "no request was cut off");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    for mut wire in [client, behind] {
        assert_eq!(wire.rest().await, "");
    }
}

#[tokio::test]
async fn a_tunnel_that_is_closed_does_not_hold_the_gateway_up() {
    let (stand, client, mut behind) = tunnel("shutdown_timeout = \"1h\"", "").await;
    let ending = tokio::spawn(stand.gateway.shut_down());
    drop(client);
    assert_eq!(behind.rest().await, "");
    drop(behind);
    assert!(ending.await.unwrap());
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_is_said_is_closed() {
    let (_stand, mut client, mut behind) = tunnel("", "idle_timeout = \"300ms\"").await;
    let begun = Instant::now();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        behind.send("ping").await;
        client.until("ping").await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(600), "it was open");
    assert_eq!(client.rest().await, "");
    assert_eq!(behind.rest().await, "");
}

#[tokio::test]
async fn an_upstream_may_refuse_to_upgrade() {
    let stand = ByHand::start().await;
    let (mut client, mut behind, _) = stand.asked(HANDSHAKE).await;
    behind
        .send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
        .await;
    assert!(client.until("no").await.starts_with("HTTP/1.1 403 "));
    client.send("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(behind.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn an_upgrade_that_was_not_asked_for_is_no_answer() {
    let stand = ByHand::start().await;
    for (request, answer) in [
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", ACCEPTED),
        (
            HANDSHAKE,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n",
        ),
    ] {
        let (mut client, mut behind, _) = stand.asked(request).await;
        behind.send(answer).await;
        let answer = client.until("upstream_failed").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert_eq!(behind.rest().await, "");
    }
}

#[tokio::test]
async fn no_other_upgrade_reaches_the_upstream() {
    let stand = Stand::start().await;
    for wish in ["h2c", "TLS/1.0", "other", "websocket, h2c"] {
        let answer = stand
            .raw(&format!(
                "GET /open/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: {wish}\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let headers = stand.upstream.last().headers;
        for gone in ["upgrade", "connection", "http2-settings"] {
            assert!(!headers.contains_key(gone), "{wish}: {gone}");
        }
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
