//! TLS on the public side.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;

use super::authority::Authority;
use crate::stand::{PATIENCE, Upstream, gateway};
use crate::wire::Wire;

struct Secure {
    authority: Authority,
    upstream: Upstream,
    gateway: portcullis_gateway::Running,
}

impl Secure {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        Self::before(upstream.url(), upstream).await
    }

    async fn before(url: String, upstream: Upstream) -> Self {
        let authority = Authority::new();
        let pair = authority.sign("localhost");
        let gateway = gateway(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nheader_timeout = \"500ms\"\n[server.tls]\n{}\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{url}\"]",
            pair.keys()
        ))
        .await;
        Self {
            authority,
            upstream,
            gateway,
        }
    }

    async fn connect(&self, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.gateway.address()).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        let handshake = TlsConnector::from(config).connect(name, tcp);
        timeout(PATIENCE, handshake).await.expect("in time")
    }
}

/// What curl is answered, as `version status`.
async fn curl(stand: &Secure, version: &str) -> String {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--output",
            "/dev/null",
            "--max-time",
            "20",
        ])
        .args([
            "--write-out",
            "%{http_version} %{http_code}",
            version,
            "--cacert",
        ])
        .arg(stand.authority.file())
        .arg(format!(
            "https://localhost:{}/x",
            stand.gateway.address().port()
        ));
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("curl runs");
    let told = String::from_utf8(output.stderr).expect("text");
    format!("{}{told}", String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test]
async fn curl_speaks_either_protocol_by_alpn() {
    let stand = Secure::start().await;
    assert_eq!(curl(&stand, "--http2").await, "2 200");
    assert_eq!(curl(&stand, "--http1.1").await, "1.1 200");
    for version in ["--http2", "--http1.1"] {
        curl(&stand, version).await;
        let headers = stand.upstream.last().headers;
        assert_eq!(headers["x-forwarded-proto"], "https", "{version}");
        assert!(
            headers["forwarded"]
                .to_str()
                .unwrap()
                .ends_with(";proto=https")
        );
    }
}

#[tokio::test]
async fn alpn_decides_and_without_it_http1_is_spoken() {
    let stand = Secure::start().await;
    for (offered, chosen) in [
        (&["http/1.1", "h2"][..], Some(&b"h2"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let mut stream = stand
            .connect(stand.authority.client(offered))
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
        if chosen != Some(b"h2") {
            stream
                .write_all(b"GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            let read = stream.read_to_string(&mut answer);
            timeout(PATIENCE, read).await.unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
    let error = stand.connect(stand.authority.client(&["spdy/3"])).await;
    assert!(error.is_err(), "nothing in common");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_not_spoken_to() {
    let stand = Secure::start().await;
    let stranger = Authority::new();
    assert!(stand.connect(stranger.client(&["h2"])).await.is_err());
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn cleartext_and_silence_are_no_handshake() {
    let stand = Secure::start().await;
    for beginning in [
        "",
        "GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01",
    ] {
        let begun = Instant::now();
        let mut client = Wire::to(stand.gateway.address()).await;
        client.send(beginning).await;
        let answer = client.rest().await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn a_websocket_goes_through_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let message = socket.next().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
    });
    let stand = Secure::before(url, Upstream::start().await).await;
    let stream = stand
        .connect(stand.authority.client(&["http/1.1"]))
        .await
        .unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/chat", stream)
        .await
        .unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let answer = timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(answer, Message::text("hello"));
    served.await.unwrap();
}
