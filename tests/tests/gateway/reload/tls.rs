//! Certificates are renewed while connections are open.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Followed, SERVER};
use crate::stand::{PATIENCE, Upstream};

/// A certificate of its own, with its key.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

fn pair() -> Pair {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["gateway.example".into()]).expect("a certificate");
    Pair {
        certificate: cert.pem(),
        key: signing_key.serialize_pem(),
        der: cert.der().clone(),
    }
}

/// A client that trusts both.
fn client(one: &Pair, two: &Pair) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(one.der.clone()).expect("a root");
    roots.add(two.der.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed session would show the certificate of the first one.
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

async fn connect(gateway: &Followed, client: &TlsConnector) -> TlsStream<TcpStream> {
    let connection = async {
        let tcp = TcpStream::connect(gateway.gateway.address()).await?;
        let name = ServerName::try_from("gateway.example").expect("a name");
        client.connect(name, tcp).await
    };
    let connection = timeout(PATIENCE, connection).await;
    connection.expect("in time").expect("a connection")
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let certificates = stream.get_ref().1.peer_certificates().expect("a chain");
    certificates[0].clone().into_owned()
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    let exchange = async {
        stream
            .write_all(b"GET /x HTTP/1.1\r\nhost: gateway.example\r\n\r\n")
            .await
            .expect("written");
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            answer.push(stream.read_u8().await.expect("a byte"));
        }
        String::from_utf8(answer).expect("text")
    };
    timeout(PATIENCE, exchange).await.expect("in time")
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_open_connections_go_on() {
    let (old, new, upstream) = (pair(), pair(), Upstream::start().await);
    let config = format!(
        "{SERVER}tls = {{ certificate = \"tls.crt\", key = \"tls.key\" }}\n\
         [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]\n",
        upstream.url()
    );
    let gateway = Followed::start_with(&[
        ("gateway.toml", &config),
        ("tls.crt", &old.certificate),
        ("tls.key", &old.key),
    ])
    .await;
    let client = client(&old, &new);
    let mut open = connect(&gateway, &client).await;
    assert_eq!(shown(&open), old.der);
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200 "));

    // One file after the other, as most programs write them: the two do not fit for a while.
    fs::write(gateway.path("tls.crt"), &new.certificate).unwrap();
    let refused = gateway.until_refused().await;
    assert!(
        refused.contains("server.tls.key: does not belong"),
        "{refused}"
    );
    assert_eq!(shown(&connect(&gateway, &client).await), old.der);
    fs::write(gateway.path("tls.key"), &new.key).unwrap();
    gateway.until_after(1).await;
    let mut fresh = connect(&gateway, &client).await;
    assert_eq!(shown(&fresh), new.der);
    assert!(ask(&mut fresh).await.starts_with("HTTP/1.1 200 "));
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn from_cleartext_to_tls_needs_a_restart() {
    let (one, upstream) = (pair(), Upstream::start().await);
    let clear = super::all_to(&upstream.url());
    let gateway = Followed::start_with(&[
        ("gateway.toml", &clear),
        ("tls.crt", &one.certificate),
        ("tls.key", &one.key),
    ])
    .await;
    let tls = format!("{SERVER}tls = {{ certificate = \"tls.crt\", key = \"tls.key\" }}\n");
    gateway.write(&clear.replace(SERVER, &tls));
    let refused = gateway.until_refused().await;
    assert!(refused.contains("server.tls: was not stated"), "{refused}");
    assert_eq!(gateway.get("/x").await.status, 200);
}

#[tokio::test]
async fn bounds_of_connections_are_those_of_the_newest_configuration() {
    let upstream = Upstream::start().await;
    let config = super::all_to(&upstream.url());
    let gateway = Followed::start(&config).await;
    let mut open = TcpStream::connect(gateway.gateway.address()).await.unwrap();
    open.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n")
        .await
        .unwrap();
    gateway.write(&config.replace(SERVER, &format!("{SERVER}header_timeout = \"50ms\"\n")));
    gateway.until_after(1).await;
    let mut slow = TcpStream::connect(gateway.gateway.address()).await.unwrap();
    slow.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, slow.read_to_end(&mut answer)).await;
    ended.expect("it ends with the new bound").ok();
    // The one before has the 10 s that it began with.
    open.write_all(b"\r\n").await.unwrap();
    let mut byte = [0; 12];
    let read = timeout(Duration::from_secs(5), open.read_exact(&mut byte)).await;
    read.expect("an answer in time").expect("read");
    assert_eq!(&byte, b"HTTP/1.1 200");
}
