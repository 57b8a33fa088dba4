//! Connections to upstreams.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use crate::sockets;

/// Connects to upstreams, in the clear or by TLS: name, address and handshake within one bound.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    bound: Duration,
    http2: bool,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectError {
    Late,
    /// The upstream did not choose HTTP/2 by ALPN.
    NoHttp2,
}

type BoxError = Box<dyn Error + Send + Sync>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

// === impl Connector ===

impl Connector {
    pub(super) fn new(tls: ClientConfig, bound: Duration, http2: bool) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Of the addresses of a name each gets its share.
        tcp.set_connect_timeout(Some(bound));
        // A machine that is gone tells nobody: idle connections to it are found out by probes, and those
        // with bytes under way by the missing acknowledgement.
        tcp.set_keepalive(Some(Duration::from_secs(15)));
        tcp.set_keepalive_interval(Some(Duration::from_secs(5)));
        tcp.set_keepalive_retries(Some(3));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(Duration::from_secs(20)));
        let mut tls = tls;
        // HTTP/1.1 is what is spoken without a word about it; HTTP/2 must be agreed on (RFC 9113 section 3.2).
        tls.alpn_protocols = if http2 {
            vec![b"h2".to_vec()]
        } else {
            Vec::new()
        };
        Self {
            inner: HttpsConnector::from((tcp, Arc::new(tls))),
            bound,
            http2,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.bound, self.inner.call(target));
        let http2 = self.http2;
        Box::pin(async move {
            let stream = connecting.await.map_err(|_| ConnectError::Late)??;
            sockets::prepare(match &stream {
                MaybeHttpsStream::Http(tcp) => tcp.inner(),
                MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner(),
            });
            if http2
                && let MaybeHttpsStream::Https(tls) = &stream
                && tls.inner().get_ref().1.alpn_protocol() != Some(b"h2")
            {
                return Err(ConnectError::NoHttp2.into());
            }
            Ok(stream)
        })
    }
}

// === impl ConnectError ===

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "no connection within connect_timeout",
            Self::NoHttp2 => "the upstream did not agree to HTTP/2",
        })
    }
}

impl Error for ConnectError {}
