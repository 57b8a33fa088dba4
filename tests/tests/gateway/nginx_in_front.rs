//! A real nginx before the gateway, with the configuration of the documentation.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_tests::nginx::Nginx;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::stand::{PATIENCE, Stand, Upstream, gateway, issuer};

/// The gateway as nginx reaches it, with every connection counted.
struct Counted {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

// === impl Counted ===

impl Counted {
    async fn before(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(gateway).await.expect("a connection");
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        Self {
            address,
            connections,
            task,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The nginx of the documentation, with other ports.
async fn nginx(gateway: SocketAddr) -> Nginx {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateway-operations.md");
    let text = fs::read_to_string(file).expect("the documentation");
    let block = text.split("```nginx\n").nth(1).expect("a configuration");
    let written = block.split("```").next().expect("its end");
    Nginx::start(|address| {
        let mut config = written.to_owned();
        for (there, here) in [
            ("server 127.0.0.1:8080;", format!("server {gateway};")),
            (
                "listen 80;",
                // And it tells which id it gave, to compare.
                format!("listen {address}; add_header X-Of-Nginx $request_id always;"),
            ),
        ] {
            assert_eq!(config.matches(there).count(), 1, "{there}");
            config = config.replace(there, &here);
        }
        config
    })
    .await
}

async fn stand(trusted: &str) -> Stand {
    let (issuer, upstream) = (issuer().await, Upstream::start().await);
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{trusted}\n\
         [[issuer]]\nurl = \"{}\"\naudiences = [\"{}\"]\n\
         [[route]]\npath = \"/api/\"\nupstream = [\"{url}\"]\nscopes = [\"api:read\"]\n\
         [[route]]\npath = \"/open/\"\nupstream = [\"{url}\"]\nauth = \"none\"\n",
        issuer.issuer(),
        issuer.audience(),
        url = upstream.url(),
    );
    Stand {
        gateway: gateway(&config).await,
        issuer,
        upstream,
    }
}

/// Asks nginx, on Linux from an address of its own.
async fn ask(nginx: &Nginx, request: http::request::Builder, body: Bytes) -> Response<Bytes> {
    let mut connector = HttpConnector::new();
    // Elsewhere a machine has but one such address.
    if cfg!(target_os = "linux") {
        connector.set_local_address(Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))));
    }
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = request.header(
        "host",
        format!("api.example.com:{}", nginx.address().port()),
    );
    let exchange = async {
        let answer = client.request(request.body(Full::new(body)).expect("a request"));
        let (head, body) = answer.await.expect("an answer").into_parts();
        Response::from_parts(head, body.collect().await.expect("a body").to_bytes())
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time")
}

fn get(nginx: &Nginx, target: &str) -> http::request::Builder {
    Request::get(format!("http://{}{target}", nginx.address()))
}

#[tokio::test]
async fn nginx_keeps_its_connection_through_answers_of_every_kind() {
    let stand = stand("trusted_proxies = [\"127.0.0.1\"]").await;
    let counted = Counted::before(stand.gateway.address()).await;
    let nginx = nginx(counted.address).await;
    let good = format!("Bearer {}", stand.token());
    for _ in 0..10 {
        for (target, token, status) in [
            ("/api/x?y=%2f", Some(&*good), 200),
            ("/api/x", None, 401),
            ("/api/x", Some("Bearer garbage"), 401),
            ("/open/x", None, 200),
            ("/nowhere", None, 404),
        ] {
            let mut request = get(&nginx, target);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let answer = ask(&nginx, request, Bytes::new()).await;
            assert_eq!(answer.status().as_u16(), status, "{target} {answer:?}");
            assert_eq!(
                answer.headers().contains_key("www-authenticate"),
                status == 401
            );
            if status == 200 {
                assert_eq!(stand.upstream.last().target, target);
            }
        }
    }
    assert_eq!(counted.connections.load(Ordering::SeqCst), 1);
    assert_eq!(stand.upstream.calls(), 20);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_word_of_nginx_is_taken_where_it_is_trusted_and_that_of_its_client_never() {
    for (trusted, for_, known) in [
        (
            "trusted_proxies = [\"127.0.0.1\"]",
            "127.0.0.2, 127.0.0.1",
            true,
        ),
        ("", "127.0.0.1", false),
    ] {
        let stand = stand(trusted).await;
        let nginx = nginx(stand.gateway.address()).await;
        let request = get(&nginx, "/open/x")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-host", "mallory")
            .header("x-forwarded-proto", "https")
            .header("forwarded", "for=6.6.6.6")
            .header("x-request-id", "mallory")
            .header("x-auth-subject", "mallory");
        let answer = ask(&nginx, request, Bytes::new()).await;
        assert_eq!(answer.status(), 200);
        let received = stand.upstream.last();
        assert_eq!(received.headers["x-forwarded-for"], for_);
        assert_eq!(received.headers["x-forwarded-proto"], "http");
        let host = format!("api.example.com:{}", nginx.address().port());
        assert_eq!(received.headers["x-forwarded-host"], host);
        assert_eq!(received.headers["x-auth-subject"], "");
        let told = format!("{received:?} {answer:?}");
        assert!(
            !told.contains("mallory") && !told.contains("6.6.6.6"),
            "{told}"
        );
        let id = &received.headers["x-request-id"];
        assert_eq!(answer.headers()["x-request-id"], id);
        assert_eq!(answer.headers()["x-of-nginx"] == id, known);
    }
}

#[tokio::test]
async fn a_large_body_goes_through_both_and_a_websocket_too() {
    let stand = stand("trusted_proxies = [\"127.0.0.1\"]").await;
    let nginx = nginx(stand.gateway.address()).await;
    let body: Bytes = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
    let request = Request::post(format!("http://{}/open/upload", nginx.address()));
    let answer = ask(&nginx, request, body.clone()).await;
    assert_eq!(answer.status(), 200);
    assert!(stand.upstream.last().body == body, "every byte");

    let echo = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let service = echo.local_addr().expect("an address");
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"http://{service}\"]"
    ))
    .await;
    let nginx = self::nginx(gateway.address()).await;
    let mut client = TcpStream::connect(nginx.address())
        .await
        .expect("a connection");
    let handshake = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client
        .write_all(handshake.as_bytes())
        .await
        .expect("written");
    let accepted = tokio::time::timeout(PATIENCE, echo.accept()).await;
    let (mut behind, _) = accepted.expect("in time").expect("a connection");
    let accept = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let asked = head(&mut behind).await;
    assert!(asked.contains("\r\nupgrade: websocket\r\n"), "{asked}");
    behind.write_all(accept.as_bytes()).await.expect("written");
    let answered = head(&mut client).await;
    assert!(answered.starts_with("http/1.1 101 "), "{answered}");
    let mut four = [0; 4];
    client.write_all(b"ping").await.expect("written");
    behind.read_exact(&mut four).await.expect("read");
    behind.write_all(b"pong").await.expect("written");
    client.read_exact(&mut four).await.expect("read");
    assert_eq!(&four, b"pong");
}

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
