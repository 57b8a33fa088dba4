//! A real nginx that asks the gateway, with the configuration of the documentation.

use std::fs;
use std::path::Path;

use http::Request;
use http_body_util::Full;
use portcullis_testing::{Mode, SigningKey};
use portcullis_tests::nginx::Nginx;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stand::{Answer, PATIENCE, Stand, Upstream, issuer, send};

const MORE: &str = "[forward_auth]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.1\"]\n\
     [[route]]\npath = \"/news/\"\nupstream = [\"UPSTREAM\"]\nauth = \"optional\"\non_idp_outage = \"anonymous\"\n\
     [[route]]\npath = \"/read/\"\nupstream = [\"UPSTREAM\"]\nauth = \"none\"\nmethods = [\"GET\"]\n";

/// nginx before the upstream of a stand, whose gateway is only asked.
struct Guarded {
    stand: Stand,
    nginx: Nginx,
}

/// The blocks of one language in the documentation.
fn blocks(language: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/forward-auth.md");
    let text = fs::read_to_string(file).expect("the documentation");
    let begin = format!("```{language}\n");
    let blocks: Vec<_> = text
        .split(&*begin)
        .skip(1)
        .map(|part| part.split("```").next().expect("an end").to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{language}");
    blocks
}

/// The nginx of the documentation, with other ports.
async fn nginx(gateway: &str, service: &str) -> Nginx {
    let written = blocks("nginx").remove(0);
    Nginx::start(|address| {
        let mut config = written.clone();
        for (there, here) in [
            ("server 127.0.0.1:8081;", format!("server {gateway};")),
            ("server 127.0.0.1:3000;", format!("server {service};")),
            ("listen 80;", format!("listen {address};")),
        ] {
            assert_eq!(config.matches(there).count(), 1, "{there}");
            config = config.replace(there, &here);
        }
        config
    })
    .await
}

// === impl Guarded ===

impl Guarded {
    async fn start() -> Self {
        Self::before(Upstream::start().await).await
    }

    async fn before(upstream: Upstream) -> Self {
        let stand = Stand::between(issuer().await, upstream, MORE).await;
        let gateway = stand.gateway.forward_auth_address().expect("an endpoint");
        let nginx = nginx(&gateway.to_string(), &stand.upstream.address.to_string()).await;
        Self { stand, nginx }
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.nginx.address())
    }

    async fn get(&self, target: &str, token: Option<&str>) -> Answer {
        let mut request = Request::get(self.url(target));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        send(request.body(Full::default()).expect("a request")).await
    }

    /// What nginx answers to a head, with the connection closed after it.
    async fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.nginx.address())
            .await
            .expect("a connection");
        let request = format!("{head}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.expect("in time").expect("read");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn lost(&self) -> String {
        let token = self.stand.issuer.token().scope("api:read");
        token.sign(&SigningKey::es256())
    }
}

#[test]
fn the_other_proxies_of_the_document_ask_where_they_are_answered() {
    let yaml = blocks("yaml");
    assert!(yaml[0].contains("address: \"http://127.0.0.1:8081/traefik\""));
    assert!(yaml[1].contains("path_prefix: /envoy\n"));
}

#[tokio::test]
async fn good_token_reaches_the_service_with_its_identity() {
    let guarded = Guarded::start().await;
    let token = guarded.stand.token();
    let request = Request::post(guarded.url("/api/orders?x=%2f&y=a%20b"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain")
        .body(Full::from("the whole body"))
        .expect("a request");
    let answer = send(request).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, &b"hello"[..])
    );
    let received = guarded.stand.upstream.last();
    assert_eq!(received.method, "POST");
    assert_eq!(received.target, "/api/orders?x=%2f&y=a%20b");
    assert_eq!(received.body, "the whole body");
    assert_eq!(received.headers["x-auth-subject"], "alice");
    assert_eq!(
        received.headers["x-auth-issuer"],
        guarded.stand.issuer.issuer()
    );
    assert_eq!(received.headers["x-auth-client"], "web");
    assert_eq!(received.headers["x-auth-scopes"], "api:read api:write");
    assert!(
        !received.headers.contains_key("x-auth-degraded"),
        "nginx leaves empty ones out"
    );
}

#[tokio::test]
async fn claims_of_clients_do_not_reach_the_service() {
    let guarded = Guarded::start().await;
    let token = guarded.stand.token();
    let address = guarded.nginx.address();
    let spoofs = "X-Auth-Subject: mallory\r\nx-auth-subject: mallory\r\nX_Auth_Subject: mallory\r\n\
         X-Auth-Degraded: mallory\r\nX-Auth-Scopes: mallory\r\nX-Original-URI: /open/mallory\r\n\
         X-Original-Method: mallory\r\nX-Forwarded-Uri: /open/mallory";
    let asking = format!("HTTP/1.1\r\nhost: {address}\r\n{spoofs}");
    let answer = guarded.raw(&format!("GET /mixed/x {asking}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for name in [
        "x-auth-subject",
        "x-auth-scopes",
        "x-auth-degraded",
        "x_auth_subject",
    ] {
        assert!(
            !guarded.stand.upstream.last().headers.contains_key(name),
            "{name}"
        );
    }
    let answer = guarded
        .raw(&format!(
            "GET /api/x {asking}\r\nauthorization: Bearer {token}"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let received = guarded.stand.upstream.last();
    let subjects: Vec<_> = received.headers.get_all("x-auth-subject").iter().collect();
    assert_eq!(subjects, ["alice"]);
    assert_eq!(received.headers["x-auth-scopes"], "api:read api:write");
    // Nor do they choose which request is checked.
    let calls = guarded.stand.upstream.calls();
    let answer = guarded.raw(&format!("GET /api/x {asking}")).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(guarded.stand.upstream.calls(), calls);
}

#[tokio::test]
async fn refusals_reach_the_client_with_their_challenge() {
    let guarded = Guarded::start().await;
    let narrow = guarded.stand.issuer.token().scope("profile").issue();
    for (token, status, challenge) in [
        (None, 401, "Bearer"),
        (Some("garbage"), 401, "Bearer error=\"invalid_token\""),
        (Some(&*narrow), 403, "Bearer error=\"insufficient_scope\""),
    ] {
        let answer = guarded.get("/api/x", token).await;
        assert_eq!(answer.status.as_u16(), status, "{token:?}");
        let told: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let told = told[0].to_str().expect("text");
        assert!(told.starts_with(challenge), "{told}");
        assert_eq!(answer.header("retry-after"), "");
    }
    assert_eq!(guarded.stand.upstream.calls(), 0);
}

#[tokio::test]
async fn outage_of_the_issuer_is_503_with_retry_after() {
    let guarded = Guarded::start().await;
    assert_eq!(
        guarded
            .get("/api/x", Some(&guarded.stand.token()))
            .await
            .status,
        200
    );
    guarded.stand.issuer.mode(Mode::Refuse);
    let calls = guarded.stand.upstream.calls();
    let direct = guarded.stand.get("/api/x", &guarded.lost()).await;
    let answer = guarded.get("/api/x", Some(&guarded.lost())).await;
    assert_eq!((direct.status.as_u16(), answer.status.as_u16()), (503, 503));
    let seconds = |answer: &Answer| {
        answer
            .header("retry-after")
            .parse::<i64>()
            .expect("seconds")
    };
    assert!(seconds(&answer) > 0, "{answer:?}");
    // Both count down to the next attempt, with some jitter, so they are near and not 5 by chance.
    assert!((seconds(&answer) - seconds(&direct)).abs() <= seconds(&direct) / 2 + 2);
    assert_eq!(answer.header("www-authenticate"), "");
    assert_eq!(guarded.stand.upstream.calls(), calls);
    assert_eq!(
        guarded
            .get("/api/x", Some(&guarded.stand.token()))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_gateway_that_cannot_be_asked_is_503_and_nobody_gets_in() {
    let upstream = Upstream::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let nginx = nginx(&address, &upstream.address.to_string()).await;
    let request = Request::get(format!("http://{}/open/x", nginx.address()));
    let answer = send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(upstream.calls(), 0);
}

#[tokio::test]
async fn a_peer_that_is_not_believed_lets_nobody_in() {
    let upstream = Upstream::start().await;
    let stand = Stand::between(
        issuer().await,
        upstream,
        &MORE.replace("127.0.0.1\"]", "127.0.0.2\"]"),
    )
    .await;
    let gateway = stand.gateway.forward_auth_address().expect("an endpoint");
    let nginx = nginx(&gateway.to_string(), &stand.upstream.address.to_string()).await;
    let request = Request::get(format!("http://{}/open/x", nginx.address()));
    let answer = send(request.body(Full::default()).expect("a request")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn what_nginx_does_not_know_reaches_the_client_as_it_was_meant() {
    let guarded = Guarded::start().await;
    for (request, status) in [
        ("GET /nowhere", 404),
        ("POST /read/x", 405),
        ("GET /open/%2e%2e/api/x", 400),
        ("GET /open/..%2fapi/x", 400),
    ] {
        let answer = guarded.raw(&format!("{request} HTTP/1.1\r\nhost: a")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} {answer}"
        );
        let answer = answer.to_ascii_lowercase();
        assert_eq!(
            answer.contains("\r\nallow: get, head\r\n"),
            status == 405,
            "{answer}"
        );
        assert!(!answer.contains("\r\nretry-after:"), "{answer}");
    }
    assert_eq!(guarded.stand.upstream.calls(), 0);
}

/// nginx finds its `location` by a path that it has decoded and resolved, and hands the service the one
/// that the client wrote. Nothing may be checked as one path and answered as another.
#[tokio::test]
async fn no_spelling_of_a_path_is_checked_as_another_than_the_service_gets() {
    let guarded = Guarded::start().await;
    for target in [
        "/open/../api/x",
        "/open/%2e%2e/api/x",
        "/open/%2E%2e/api/x",
        "/open/..;/api/x",
        "/open%2f..%2fapi/x",
        "/open/..%5capi/x",
        "/open\\..\\api/x",
        "//api/x",
        "/./api/x",
        "/open//../api/x",
        "/%61pi/x",
        "/api;v=1/x",
        "/open/%00/../api",
        "/../api/x",
        "/open/../../api/x",
        "/open#/../api/x",
        "/api#/../open/x",
        "/open/%252e%252e/api/x",
        "http://other/api/x",
        "http://a/open/../api/x",
        "/_portcullis",
        "/%5fportcullis",
        "/open/../_portcullis",
    ] {
        let before = guarded.stand.upstream.calls();
        let answer = guarded
            .raw(&format!("GET {target} HTTP/1.1\r\nhost: a"))
            .await;
        let passed = guarded.stand.upstream.calls() - before;
        if target == "/open/%252e%252e/api/x" {
            // The text `%2e%2e`, and no dots: under `/open/` to whoever decodes once.
            assert_eq!(passed, 1, "{target} {answer}");
            assert_eq!(guarded.stand.upstream.last().target, target);
        } else {
            assert_eq!(passed, 0, "{target} {answer}");
            let status: u16 = answer[9..12].parse().expect("a status");
            assert!(matches!(status, 400 | 401 | 404), "{target} {answer}");
        }
    }
    // And what passes is what was sent.
    for target in [
        "/open/a//b",
        "/open/%61?x=%2e%2e/",
        "/open/a;b/%20",
        "/open/?#x",
    ] {
        let answer = guarded
            .raw(&format!("GET {target} HTTP/1.1\r\nhost: a"))
            .await;
        if answer.starts_with("HTTP/1.1 200 ") {
            assert_eq!(guarded.stand.upstream.last().target, target);
        } else {
            assert!(target.contains('#'), "{target} {answer}");
        }
    }
}

#[tokio::test]
async fn a_websocket_is_opened_with_a_token_and_not_without() {
    let echo = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let service = echo.local_addr().expect("an address").to_string();
    let stand = Stand::with(MORE).await;
    let gateway = stand.gateway.forward_auth_address().expect("an endpoint");
    let nginx = nginx(&gateway.to_string(), &service).await;
    let handshake = |target: &str, more: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    };
    let head = async |stream: &mut TcpStream| {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a byte"));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("in time");
        String::from_utf8(head).expect("text").to_ascii_lowercase()
    };

    let mut refused = TcpStream::connect(nginx.address())
        .await
        .expect("a connection");
    refused
        .write_all(handshake("/api/x", "").as_bytes())
        .await
        .expect("written");
    assert!(head(&mut refused).await.starts_with("http/1.1 401 "));

    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    // The route of /news lets pages through in an outage, and no WebSocket.
    stand.issuer.mode(Mode::Refuse);
    let lost = stand.issuer.token().scope("s").sign(&SigningKey::es256());
    let bearer = format!("authorization: Bearer {lost}\r\n");
    let mut refused = TcpStream::connect(nginx.address())
        .await
        .expect("a connection");
    refused
        .write_all(handshake("/news/x", &bearer).as_bytes())
        .await
        .expect("written");
    assert!(head(&mut refused).await.starts_with("http/1.1 503 "));

    let bearer = format!("authorization: Bearer {}\r\n", stand.token());
    let mut client = TcpStream::connect(nginx.address())
        .await
        .expect("a connection");
    client
        .write_all(handshake("/api/x", &bearer).as_bytes())
        .await
        .expect("written");
    let accepted = tokio::time::timeout(PATIENCE, echo.accept()).await;
    let (mut behind, _) = accepted.expect("in time").expect("a connection");
    let asked = head(&mut behind).await;
    assert!(asked.contains("\r\nupgrade: websocket\r\n"), "{asked}");
    assert!(asked.contains("\r\nx-auth-subject: alice\r\n"), "{asked}");
    let accept = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    behind.write_all(accept.as_bytes()).await.expect("written");
    assert!(head(&mut client).await.starts_with("http/1.1 101 "));
    let mut four = [0; 4];
    client.write_all(b"ping").await.expect("written");
    behind.read_exact(&mut four).await.expect("read");
    behind.write_all(b"pong").await.expect("written");
    client.read_exact(&mut four).await.expect("read");
    assert_eq!(&four, b"pong");
}

#[tokio::test]
async fn many_requests_at_once_are_each_judged_by_themselves() {
    let guarded = Guarded::start().await;
    let token = guarded.stand.token();
    let asked = (0..60).map(|turn| {
        let (guarded, token) = (&guarded, &token);
        async move {
            let (target, token, status) = match turn % 3 {
                0 => ("/api/x", Some(&**token), 200),
                1 => ("/api/x", None, 401),
                _ => ("/open/x", None, 200),
            };
            assert_eq!(guarded.get(target, token).await.status.as_u16(), status);
        }
    });
    futures_util::future::join_all(asked).await;
    assert_eq!(guarded.stand.upstream.calls(), 40);
    assert!(
        !guarded.nginx.log().contains("[alert]"),
        "{}",
        guarded.nginx.log()
    );
}
