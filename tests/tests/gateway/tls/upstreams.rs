//! TLS on the side of the upstreams.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use crate::stand::{Answer, gateway, send};

/// An upstream behind TLS, which says what it was asked with: the version, the name in the handshake, and
/// whether the client showed a certificate.
struct Upstream {
    port: u16,
    task: JoinHandle<()>,
}

impl Upstream {
    async fn start(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let (_, session) = tls.get_ref();
                    let name = session.server_name().unwrap_or("nobody").to_owned();
                    let shown = session.peer_certificates().is_some();
                    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                        let two = request.version() == Version::HTTP_2;
                        let text = format!("{} {name} {shown}", if two { 2 } else { 1 });
                        async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text))) }
                    });
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                });
            }
        });
        Self { port, task }
    }

    /// Asks it through a gateway.
    async fn ask(&self, tls: &str, route: &str) -> Answer {
        let gateway = gateway(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[upstream_tls]\n{tls}\n\
             [[route]]\npath = \"/\"\nauth = \"none\"\nupstream = [\"https://localhost:{}\"]\n{route}",
            self.port
        ))
        .await;
        let request = Request::get(format!("http://{}/x", gateway.address()));
        send(request.body(Full::default()).expect("a request")).await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn trusting(authority: &Authority) -> String {
    format!("ca = {:?}", authority.file().display().to_string())
}

#[tokio::test]
async fn the_name_of_an_upstream_is_verified() {
    let authority = Authority::new();
    let right = authority.server(&authority.sign("localhost"), &[], false);
    let right = Upstream::start(right).await;
    let answer = right.ask(&trusting(&authority), "").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"1 localhost false"[..])
    );
    // Another name, and another authority.
    let wrong = authority.server(&authority.sign("other.example"), &[], false);
    let wrong = Upstream::start(wrong).await;
    let stranger = Authority::new();
    for answer in [
        wrong.ask(&trusting(&authority), "").await,
        right.ask(&trusting(&stranger), "").await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (502, "upstream_unreachable")
        );
    }
}

#[tokio::test]
async fn without_a_ca_the_roots_of_the_platform_count_and_no_others() {
    let authority = Authority::new();
    let upstream = authority.server(&authority.sign("localhost"), &[], false);
    let upstream = Upstream::start(upstream).await;
    if rustls_native_certs_are_here() {
        assert_eq!(upstream.ask("", "").await.status, 502);
    }
}

/// Whether this machine has any roots: where it has none, the configuration is refused.
fn rustls_native_certs_are_here() -> bool {
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[[route]]\npath = \"/\"\nauth = \"none\"\n\
         upstream = [\"https://localhost:1\"]";
    let config = portcullis_gateway::Config::parse(text).expect("a configuration");
    match config.check() {
        Ok(()) => true,
        Err(error) => {
            let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
            assert_eq!(paths, ["upstream_tls.ca"], "{error}");
            false
        }
    }
}

#[tokio::test]
async fn http2_is_agreed_on_in_the_handshake_or_not_spoken() {
    let authority = Authority::new();
    let pair = authority.sign("localhost");
    for (offered, route, expected) in [
        (&["h2", "http/1.1"][..], "", Some("1")),
        (&["h2", "http/1.1"], "protocol = \"http2\"", Some("2")),
        (&["h2"], "protocol = \"http2\"", Some("2")),
        (&["http/1.1"], "protocol = \"http2\"", None),
        (&[], "protocol = \"http2\"", None),
    ] {
        let upstream = Upstream::start(authority.server(&pair, offered, false)).await;
        let answer = upstream.ask(&trusting(&authority), route).await;
        match expected {
            Some(version) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                assert_eq!(
                    body,
                    format!("{version} localhost false"),
                    "{offered:?} {route}"
                );
            }
            None => assert_eq!(
                answer.reason(),
                "upstream_unreachable",
                "{offered:?} {route}"
            ),
        }
    }
}

#[tokio::test]
async fn the_gateway_shows_its_certificate_to_upstreams() {
    let authority = Authority::new();
    let strict = authority.server(&authority.sign("localhost"), &["h2", "http/1.1"], true);
    let strict = Upstream::start(strict).await;
    let own = format!(
        "{}\n{}",
        trusting(&authority),
        authority.sign("gateway").keys()
    );
    for (route, expected) in [
        ("", "1 localhost true"),
        ("protocol = \"http2\"", "2 localhost true"),
    ] {
        let answer = strict.ask(&own, route).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (200, expected.as_bytes())
        );
    }
    let answer = strict.ask(&trusting(&authority), "").await;
    assert_eq!(answer.status, 502, "it had nothing to show");
}
