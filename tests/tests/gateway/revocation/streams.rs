//! Whatever is open ends when the token that opened it is revoked.

use std::time::{Duration, Instant};

use portcullis_gateway::Running;
use portcullis_testing::FakeIssuer;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{KEY, post};
use crate::stand::{gateway, issuer};
use crate::upgrade::{ACCEPTED, HANDSHAKE};
use crate::wire::{ByHand, Wire};

/// How often streams are looked at here, and what a look may be late by.
const EVERY: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_secs(10);

struct Streaming {
    stand: ByHand,
    issuer: FakeIssuer,
    _folder: TempDir,
}

impl Streaming {
    async fn start() -> Self {
        let issuer = issuer().await;
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key");
        std::fs::write(&key, KEY).expect("written");
        let gateway = gateway(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [control]\nlisten = \"127.0.0.1:0\"\nkey = '{}'\n\
             [revocation]\npoll_every = \"50ms\"\npoll_deadline = \"40ms\"\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
             [[route]]\npath = \"/\"\nupstream = [\"http://{}\"]\nfreshness = \"{}ms\"",
            key.display(),
            issuer.issuer(),
            issuer.audience(),
            upstream.local_addr().expect("an address"),
            EVERY.as_millis(),
        ))
        .await;
        let stand = ByHand { gateway, upstream };
        let streaming = Self {
            stand,
            issuer,
            _folder: folder,
        };
        streaming.warm_up().await;
        streaming
    }

    /// Keys and view are there.
    async fn warm_up(&self) {
        let token = self.issuer.token().scope("x").issue();
        super::until(async || {
            // Of an open stream on the other side of the gateway nobody is asked: a refusal is enough.
            let asked = json!({ "issuer": self.issuer.issuer(), "session": "nobody" });
            let answer = post(self.gateway(), "/session", KEY, &asked).await;
            serde_json::from_slice::<serde_json::Value>(&answer.body).expect("JSON")["session"]
                == "not_revoked"
        })
        .await;
        let (mut client, mut behind, _) = self
            .stand
            .asked(&format!(
                "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
            ))
            .await;
        behind
            .send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            .await;
        client.rest().await;
    }

    fn gateway(&self) -> &Running {
        &self.stand.gateway
    }

    /// A request of a session, and the upstream that has it.
    async fn asked(&self, request: &str, session: &str) -> (Wire, Wire) {
        let token = self
            .issuer
            .token()
            .subject("alice")
            .session(session)
            .scope("x");
        let credential = format!("authorization: Bearer {}", token.issue());
        let (client, behind, _) = self
            .stand
            .asked(&request.replace("TOKEN", &credential))
            .await;
        (client, behind)
    }

    async fn revoke(&self, session: &str) -> Instant {
        let body = json!({ "issuer": self.issuer.issuer(), "session": session });
        let answer = post(self.gateway(), "/revoke", KEY, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Instant::now()
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nTOKEN\r\n\r\n";
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn an_event_stream_ends_with_its_session_and_another_goes_on() {
    let streaming = Streaming::start().await;
    let (mut mine, mut behind) = streaming.asked(GET, "s-1").await;
    behind.send(STREAM).await;
    mine.head().await;
    let (mut other, mut behind_other) = streaming.asked(GET, "s-2").await;
    behind_other.send(STREAM).await;
    other.head().await;
    let revoked = streaming.revoke("s-1").await;
    let events = mine.rest().await;
    assert!(revoked.elapsed() < EVERY + LATE);
    assert!(!events.contains("0\r\n\r\n"), "it has no end");
    assert_eq!(behind.rest().await, "", "the upstream hears of it too");
    // Looked at again, and again.
    super::until(async || revoked.elapsed() > 3 * EVERY).await;
    behind_other.send("9\r\ndata: 1\n\n\r\n0\r\n\r\n").await;
    assert!(other.until("0\r\n\r\n").await.contains("data: 1"));
}

#[tokio::test]
async fn an_upload_ends_and_says_why() {
    let streaming = Streaming::start().await;
    let request =
        "POST / HTTP/1.1\r\nhost: a\r\nTOKEN\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let (mut client, mut behind) = streaming.asked(request, "s-1").await;
    behind.until("abc\r\n").await;
    streaming.revoke("s-1").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\"revoked\""), "{answer}");
}

#[tokio::test]
async fn a_websocket_ends_with_its_session() {
    let streaming = Streaming::start().await;
    let handshake = HANDSHAKE.replace("x-auth-subject: mallory", "TOKEN");
    let (mut client, mut behind) = streaming.asked(&handshake, "s-1").await;
    behind.send(ACCEPTED).await;
    client.head().await;
    behind.send("frame").await;
    client.until("frame").await;
    let revoked = streaming.revoke("s-1").await;
    assert_eq!(client.rest().await, "");
    assert!(revoked.elapsed() < EVERY + LATE);
}
