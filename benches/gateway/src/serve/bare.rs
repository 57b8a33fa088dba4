//! The proxy library as its documentation has it: in an axum server, with a client of hyper-util.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::serve::ListenerExt as _;
use axum_reverse_proxy::{ProxyPolicy, ReverseProxy};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;

/// Forwards everything to `upstream`. Client and policy are set as the gateway sets its own.
pub(super) async fn serve(own: SocketAddr, upstream: SocketAddr, http2: bool) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_keepalive(Some(Duration::from_secs(60)));
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(64)
        .http2_only(http2)
        .build(connector);
    let policy = ProxyPolicy::new()
        .with_public_scheme("http")
        .with_upstream_timeout(Duration::from_secs(60));
    let proxy =
        ReverseProxy::new_with_client("", format!("http://{upstream}"), client).with_policy(policy);
    let listener = TcpListener::bind(own).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = Router::from(proxy);
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}
