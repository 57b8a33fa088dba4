//! Whatever is open ends when the token that opened it expires.

use std::time::Duration;

use portcullis_core::{Clock, SystemClock, UnixTime};
use portcullis_testing::FakeIssuer;
use tokio::net::TcpListener;

use crate::stand::{PATIENCE, gateway, issuer};
use crate::upgrade::{ACCEPTED, HANDSHAKE};
use crate::wire::{ByHand, Wire};

/// A gateway that lets nobody in without a token, before an upstream that is played by hand.
struct Guarded {
    stand: ByHand,
    issuer: FakeIssuer,
}

/// When a stream ended, beside when it had to.
struct Ending {
    expires: UnixTime,
}

impl Guarded {
    async fn start() -> Self {
        let issuer = issuer().await;
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = gateway(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n\
             [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\nleeway = \"1s\"\n\
             [[route]]\npath = \"/\"\nauth = \"optional\"\nupstream = [\"http://{}\"]",
            issuer.issuer(),
            issuer.audience(),
            upstream.local_addr().expect("an address")
        ))
        .await;
        let guarded = Self {
            stand: ByHand { gateway, upstream },
            issuer,
        };
        guarded.warm_up().await;
        guarded
    }

    /// The keys are there: no token waits for them, and so none gets older.
    async fn warm_up(&self) {
        let token = self.issuer.token().scope("x").issue();
        let (mut client, mut behind, _) = self
            .stand
            .asked(&format!("GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"))
            .await;
        behind
            .send("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            .await;
        client.rest().await;
    }

    /// A token for a second, to which the leeway adds one; and when that is over.
    fn token(&self) -> (String, Ending) {
        let expires_at = SystemClock.wall() + Duration::from_secs(1);
        let token = self.issuer.token().subject("alice").scope("x");
        // The claim has whole seconds.
        let expires_at = UnixTime::from_secs(expires_at.as_secs());
        let ending = Ending {
            expires: expires_at + Duration::from_secs(1),
        };
        (token.expires_at(expires_at).issue(), ending)
    }

    /// A request with such a token, and the upstream that has it.
    async fn asked(&self, request: &str) -> (Wire, Wire, Ending) {
        let (token, ending) = self.token();
        let request = request.replace("TOKEN", &format!("authorization: Bearer {token}"));
        let (client, behind, _) = self.stand.asked(&request).await;
        (client, behind, ending)
    }
}

impl Ending {
    /// It is over now, and neither sooner nor much later than it had to be.
    fn is_now(&self) {
        let now = SystemClock.wall();
        // The clock of the wall is read by ticks, timers have milliseconds.
        assert!(now + Duration::from_millis(20) >= self.expires, "too soon");
        assert!(now.since(self.expires) < Duration::from_secs(5), "too late");
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nTOKEN\r\n\r\n";
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn an_event_stream_ends_with_the_token_and_not_as_if_it_were_complete() {
    let guarded = Guarded::start().await;
    let (mut client, mut behind, ending) = guarded.asked(GET).await;
    behind.send(STREAM).await;
    client.head().await;
    // However lively it is.
    let lively = tokio::spawn(async move {
        while behind.try_send("9\r\ndata: 1\n\n\r\n").await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let events = client.rest().await;
    ending.is_now();
    assert!(events.contains("data: 1"), "it was open");
    assert!(!events.contains("0\r\n\r\n"), "it has no end");
    lively.await.unwrap();
}

#[tokio::test]
async fn a_silent_stream_ends_with_the_token() {
    let guarded = Guarded::start().await;
    let (mut client, mut behind, ending) = guarded.asked(GET).await;
    behind.send(STREAM).await;
    client.head().await;
    assert_eq!(client.rest().await, "");
    ending.is_now();
    assert_eq!(behind.rest().await, "", "the upstream hears of it too");
}

#[tokio::test]
async fn a_download_ends_with_the_token() {
    let guarded = Guarded::start().await;
    let (mut client, mut behind, ending) = guarded.asked(GET).await;
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbeginning")
        .await;
    client.until("beginning").await;
    assert_eq!(client.rest().await, "");
    ending.is_now();
}

#[tokio::test]
async fn an_upload_ends_with_the_token_and_says_why() {
    let guarded = Guarded::start().await;
    let (mut client, mut behind, ending) = guarded
        .asked(
            "POST / HTTP/1.1\r\nhost: a\r\nTOKEN\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        )
        .await;
    behind.until("abc\r\n").await;
    let answer = client.rest().await;
    ending.is_now();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(
        answer.contains("www-authenticate: Bearer error=\"invalid_token\""),
        "{answer}"
    );
    assert!(!behind.rest().await.contains("0\r\n\r\n"), "broken off");
}

#[tokio::test]
async fn a_websocket_ends_with_the_token() {
    let guarded = Guarded::start().await;
    let handshake = HANDSHAKE.replace("x-auth-subject: mallory", "TOKEN");
    let (mut client, mut behind, ending) = guarded.asked(&handshake).await;
    behind.send(ACCEPTED).await;
    client.head().await;
    let lively = tokio::spawn(async move {
        while behind.try_send("frame").await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(client.rest().await.contains("frame"));
    ending.is_now();
    lively.await.unwrap();
}

#[tokio::test]
async fn a_stream_of_http2_is_reset_when_the_token_expires() {
    let guarded = Guarded::start().await;
    let tcp = guarded.stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    let (token, ending) = guarded.token();
    let uri = format!("http://{}/", guarded.stand.gateway.address());
    let request = http::Request::get(&uri)
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap();
    let (answer, _) = h2.send_request(request, true).unwrap();
    let mut behind = guarded.stand.behind().await;
    behind.head().await;
    behind.send(STREAM).await;
    let mut body = answer.await.unwrap().into_body();
    let ended = tokio::time::timeout(PATIENCE, body.data()).await.unwrap();
    ending.is_now();
    let error = ended.expect("not the end of the body").unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    driven.abort();
}

#[tokio::test]
async fn a_request_that_was_admitted_gets_its_answer_after_the_expiry_too() {
    let guarded = Guarded::start().await;
    let (mut client, mut behind, ending) = guarded.asked(GET).await;
    while SystemClock.wall() <= ending.expires {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
        .await;
    client.head().await;
    behind.send("late").await;
    assert_eq!(client.until("late").await, "late");
}

#[tokio::test]
async fn a_stream_of_nobody_does_not_end_by_itself() {
    let guarded = Guarded::start().await;
    let (_, ending) = guarded.token();
    let (mut client, mut behind, _) = guarded
        .stand
        .asked("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    behind.send(STREAM).await;
    client.head().await;
    while SystemClock.wall() <= ending.expires + Duration::from_millis(500) {
        behind.send("9\r\ndata: 1\n\n\r\n").await;
        client.until("data: 1").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    behind.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
}
