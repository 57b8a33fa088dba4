//! The way to an upstream and back.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum_reverse_proxy::{
    HostBehaviour, ProxyError, ProxyPolicy, ReverseProxy, TunnelCancellation, XForwardedFor,
};
use http::header::UPGRADE;
use http::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::{Protocol, Refusal, RefusalKind, ResponseBody};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::config::{HostToUpstream, Route, UpstreamProtocol};

/// What every route shares: a client for each protocol, so that connections are shared too, and the end
/// of upgraded connections.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    tunnels: CancellationToken,
    http1: Client<HttpConnector, Body>,
    http2: Client<HttpConnector, Body>,
}

/// Forwards the requests of one route.
///
/// The path goes as it came, and so do the headers, which are cleaned and told before. Transport,
/// hop-by-hop headers, WebSocket upgrades and trailers are the work of `axum-reverse-proxy`; here are the
/// answers after it.
///
/// # Clone
/// Clones share the upstreams and whose turn it is.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    upstreams: Vec<Ways>,
    http2: bool,
    tunnels: CancellationToken,
    turn: AtomicUsize,
    unreachable: Refusal,
    late: Refusal,
}

/// One upstream, by protocol.
struct Ways {
    http1: ReverseProxy<HttpConnector>,
    http2: ReverseProxy<HttpConnector>,
}

// === impl Clients ===

impl Clients {
    pub(crate) fn new(connect_timeout: Duration, tunnels: &CancellationToken) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_keepalive(Some(Duration::from_secs(60)));
        let builder = || {
            let mut builder = Client::builder(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(60))
                .pool_max_idle_per_host(64);
            builder
        };
        Self {
            tunnels: tunnels.clone(),
            http1: builder().build(connector.clone()),
            http2: builder()
                .http2_only(true)
                // A connection that went silent is noticed, although nobody closed it.
                .http2_keep_alive_interval(Duration::from_secs(20))
                .http2_keep_alive_timeout(Duration::from_secs(10))
                .build(connector),
        }
    }
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn new(route: &Route, clients: &Clients) -> Self {
        let policy = ProxyPolicy::new()
            // Both are said before: see `forwarded`.
            .with_x_forwarded_for(XForwardedFor::Preserve)
            .with_upstream_timeout(route.timeout);
        let kept = match route.host {
            HostToUpstream::Preserve => HostBehaviour::Preserve,
            HostToUpstream::Upstream => HostBehaviour::Replace,
        };
        // `Upstream` holds only what this accepts: it panics on anything but an origin.
        let to = |origin: &str, client: &Client<HttpConnector, Body>, host| {
            ReverseProxy::new_with_client("", origin, client.clone())
                .with_policy(policy.clone().with_host_behaviour(host))
        };
        let upstreams = route
            .upstreams
            .iter()
            .map(|upstream| Ways {
                http1: to(upstream.as_str(), &clients.http1, kept),
                // There `:authority` names the connection, and `Host` must not say otherwise
                // (RFC 9113 section 8.3.1).
                http2: to(upstream.as_str(), &clients.http2, HostBehaviour::Replace),
            })
            .collect();
        Self {
            shared: Arc::new(Shared {
                upstreams,
                http2: route.protocol == UpstreamProtocol::Http2,
                tunnels: clients.tunnels.clone(),
                turn: AtomicUsize::new(0),
                unreachable: Refusal::builder(RefusalKind::BadGateway, "upstream_unreachable")
                    .detail("The service behind the gateway could not be reached.")
                    .build(),
                late: Refusal::builder(RefusalKind::GatewayTimeout, "upstream_timeout")
                    .detail("The service behind the gateway did not answer in time.")
                    .build(),
            }),
        }
    }
}

impl Service<Request<Body>> for Proxy {
    type Response = Response<ResponseBody<Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let protocol = Protocol::of(request.headers());
        if request.headers().contains_key(UPGRADE) {
            let end = TunnelCancellation(self.shared.tunnels.clone());
            request.extensions_mut().insert(end);
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            // gRPC is HTTP/2 by definition, whatever else the upstream speaks.
            let Some(upstream) = shared.next(shared.http2 || protocol == Protocol::Grpc) else {
                return Ok(shared.unreachable.response(protocol));
            };
            let response = match upstream.proxy_request(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            Ok(shared.judge(response, protocol))
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// The upstream whose turn it is.
    fn next(&self, http2: bool) -> Option<&ReverseProxy<HttpConnector>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let ways = self
            .upstreams
            .get(turn.checked_rem(self.upstreams.len())?)?;
        Some(if http2 { &ways.http2 } else { &ways.http1 })
    }

    /// The response of the upstream, or what is said in its place.
    fn judge(&self, response: Response<Body>, protocol: Protocol) -> Response<ResponseBody<Body>> {
        if response.extensions().get::<ProxyError>().is_none() {
            return response.map(ResponseBody::inner);
        }
        let refusal = if response.status() == StatusCode::GATEWAY_TIMEOUT {
            &self.late
        } else {
            &self.unreachable
        };
        refusal.response(protocol)
    }
}
