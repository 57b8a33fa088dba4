//! The ready client over real sockets and real TLS.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]
#![cfg(feature = "client")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis_auth::client::{Builder, default_client};
use portcullis_auth::jwks::{FetchError, Jwks, JwksBuilder, JwksTimes};
use portcullis_testing::{FakeIssuer, Mode, SigningKey};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Times for a test that has only real time.
fn quick() -> JwksTimes {
    let mut times = JwksTimes::default();
    times.attempt = Duration::from_millis(500);
    times.retry_first = Duration::from_millis(20);
    times.retry_max = Duration::from_millis(100);
    times
}

/// Polls until something is so.
async fn until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it never happens"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn plain(issuer: &FakeIssuer) -> JwksBuilder {
    Jwks::builder(issuer.issuer()).with_times(quick())
}

#[tokio::test]
async fn discovery_alone_works_over_sockets() {
    let issuer = FakeIssuer::start().await;
    let jwks = plain(&issuer).build().unwrap();
    until(|| jwks.status().is_healthy()).await;
    assert_eq!(jwks.load().keys()[0].kid(), issuer.key().kid());
}

#[tokio::test]
async fn every_outage_of_a_real_server_is_named_and_healed() {
    for (mode, error) in [
        (Mode::Error500, FetchError::Status(500)),
        (Mode::Garbage, FetchError::NotJson),
        (Mode::Oversize, FetchError::TooLarge),
        (Mode::EmptySet, FetchError::NoUsableKey),
        (Mode::Hang, FetchError::Timeout),
        (Mode::Reset, FetchError::Connect),
        (Mode::Refuse, FetchError::Connect),
        (Mode::Slow(Duration::from_secs(5)), FetchError::Timeout),
        (
            Mode::Redirect("http://127.0.0.2".into()),
            FetchError::Redirect,
        ),
        (
            Mode::Custom(StatusCode::NOT_FOUND, Bytes::new()),
            FetchError::Status(404),
        ),
    ] {
        let issuer = FakeIssuer::start().await;
        issuer.mode(mode.clone());
        let jwks = plain(&issuer)
            .with_jwks_url(issuer.jwks_url())
            .build()
            .unwrap();
        until(|| jwks.status().failures >= 2).await;
        assert_eq!(jwks.status().last_error, Some(error), "{mode:?}");
        issuer.mode(Mode::Ok);
        until(|| jwks.status().is_healthy()).await;
    }
}

#[tokio::test]
async fn a_server_that_stalls_in_the_middle_of_a_body_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":";
            tokio::io::AsyncWriteExt::write_all(&mut stream, head)
                .await
                .unwrap();
            held.push(stream);
        }
    });
    let jwks = Jwks::builder("https://id.example")
        .with_jwks_url(format!("http://{address}/jwks"))
        .with_times(quick())
        .build()
        .unwrap();
    until(|| jwks.status().last_error == Some(FetchError::Timeout)).await;
}

// --- TLS ---

struct Server {
    address: SocketAddr,
    ca_pem: String,
    key: SigningKey,
    connections: Arc<AtomicUsize>,
    versions: Arc<std::sync::Mutex<Vec<Version>>>,
}

impl Server {
    /// A server with a certificate of its own authority, for `localhost`.
    async fn start(protocols: &[&[u8]]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let own_key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&own_key, &authority)
            .unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(own_key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            ca_pem: authority.pem(),
            key: SigningKey::es256(),
            connections: Arc::default(),
            versions: Arc::default(),
        };
        let document = Bytes::from(portcullis_testing::jwks([&server.key]).to_string());
        let (connections, versions) = (server.connections.clone(), server.versions.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, document) = (acceptor.clone(), document.clone());
                let (connections, versions) = (connections.clone(), versions.clone());
                tokio::spawn(async move {
                    // A client that does not trust us hangs up here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                        versions.lock().unwrap().push(request.version());
                        let response = Response::builder()
                            .header("cache-control", "no-store")
                            .body(Full::new(document.clone()));
                        async move { response }
                    });
                    let io = TokioIo::new(stream);
                    // It ends when the client hangs up, whichever way.
                    let _ = if h2 {
                        let serving = http2::Builder::new(TokioExecutor::new());
                        serving.serve_connection(io, answer).await
                    } else {
                        http1::Builder::new().serve_connection(io, answer).await
                    };
                });
            }
        });
        server
    }

    fn jwks(&self, host: &str, client: Builder) -> Jwks {
        self.jwks_at(self.address, host, client)
    }

    fn jwks_at(&self, way: SocketAddr, host: &str, client: Builder) -> Jwks {
        let mut times = quick();
        times.soft_min = Duration::from_millis(50);
        Jwks::builder("https://id.example")
            .with_jwks_url(format!("https://{host}:{}/jwks", way.port()))
            .with_http_client(client.build().unwrap())
            .with_times(times)
            .build()
            .unwrap()
    }

    fn trusted(&self) -> Builder {
        Builder::new()
            .without_system_roots()
            .with_ca_pem(self.ca_pem.as_bytes())
    }
}

#[tokio::test]
async fn own_authority_is_trusted_and_the_connection_kept() {
    for (protocols, version) in [
        (&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        (&[b"http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let server = Server::start(protocols).await;
        let jwks = server.jwks("localhost", server.trusted());
        until(|| server.versions.lock().unwrap().len() >= 3).await;
        assert_eq!(jwks.load().keys()[0].kid(), server.key.kid());
        assert!(
            server
                .versions
                .lock()
                .unwrap()
                .iter()
                .all(|seen| *seen == version)
        );
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    }
}

/// A way to a server that a firewall forgets: what is open stays open and carries nothing.
async fn forgetful(server: SocketAddr) -> (SocketAddr, watch::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (forget, forgotten) = watch::channel(());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut forgotten = forgotten.clone();
            forgotten.mark_unchanged();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = forgotten.changed() => std::future::pending().await,
                }
            });
        }
    });
    (address, forget)
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_replaced() {
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let server = Server::start(&[protocol]).await;
        let (way, forget) = forgetful(server.address).await;
        let ping = Duration::from_millis(100);
        let jwks = server.jwks_at(way, "localhost", server.trusted().with_ping(ping, ping));
        until(|| jwks.status().is_healthy()).await;
        forget.send(()).unwrap();
        until(|| jwks.status().failures > 0).await;
        until(|| jwks.status().is_healthy()).await;
        assert_eq!(server.connections.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn whom_we_do_not_trust_gives_no_keys() {
    let server = Server::start(&[b"http/1.1"]).await;
    let other = Server::start(&[]).await;
    for (host, client) in [
        // Another authority, and a name that is not on the certificate.
        ("localhost", other.trusted()),
        ("127.0.0.1", server.trusted()),
    ] {
        let jwks = server.jwks(host, client);
        until(|| jwks.status().failures >= 2).await;
        assert_eq!(jwks.status().last_error, Some(FetchError::Tls), "{host}");
        assert!(jwks.load().is_cold());
    }
}

#[tokio::test]
async fn a_handshake_that_hangs_has_a_deadline() {
    // It takes connections and says nothing.
    let other = Server::start(&[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let jwks = Jwks::builder("https://id.example")
        .with_jwks_url(format!("https://{address}/jwks"))
        .with_http_client(
            other
                .trusted()
                .with_connect_deadline(Duration::from_millis(50))
                .build()
                .unwrap(),
        )
        .with_times(quick())
        .build()
        .unwrap();
    until(|| jwks.status().failures >= 2).await;
    assert_eq!(jwks.status().last_error, Some(FetchError::Connect));
}

#[tokio::test]
async fn the_default_client_is_used_where_none_is_given() {
    let issuer = FakeIssuer::start().await;
    let jwks = Jwks::builder(issuer.issuer())
        .with_times(quick())
        .build()
        .unwrap();
    until(|| jwks.status().is_healthy()).await;
}

#[test]
fn a_machine_without_certificates_is_told_so() {
    if let Err(error) = default_client() {
        assert!(error.to_string().contains("roots"), "{error}");
        let error = Jwks::builder("https://id.example").build().unwrap_err();
        assert!(
            error.to_string().starts_with("http_client.roots"),
            "{error}"
        );
    }
}
