//! The pools of connections to upstreams.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::ConfigError;
use tokio_util::sync::CancellationToken;

use super::connect::Connector;
use super::lanes::{LANES, Traffic};
use super::tls;
use super::upload::Upload;

use crate::config::UpstreamTls;

/// A pool.
pub(super) type Pool = Client<Connector, Upload>;

/// What every route shares: the pools, so that connections are shared too, and the end of upgraded
/// connections.
#[derive(Clone)]
pub(crate) struct Clients {
    shared: Arc<Shared>,
}

struct Shared {
    http1: Pool,
    http2: [Pool; LANES],
    traffic: Traffic,
    tunnels: CancellationToken,
}

/// How connections that went silent are found out, although nobody closed them.
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// How long an HTTP/1.1 connection is kept without a request.
    keep: Duration,
    /// How often an HTTP/2 connection is pinged, and how long the answer may take.
    ping: Duration,
    pong: Duration,
}

const SILENCE: Silence = Silence {
    keep: Duration::from_secs(60),
    ping: Duration::from_secs(10),
    pong: Duration::from_secs(5),
};

/// What an upstream may send before its client reads: of one answer, and of one connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// What waits to be sent, of one stream and of one connection over HTTP/1.1.
const STREAM_SEND_BUFFER: usize = 64 << 10;
const HTTP1_BUFFER: usize = 256 << 10;

/// The largest head of an answer over HTTP/2. Over HTTP/1.1 the buffer is the bound.
const HTTP2_HEAD: u32 = 64 << 10;

// === impl Clients ===

impl Clients {
    /// `https` says whether anybody is spoken to by TLS: where nobody is, the machine need not have roots.
    ///
    /// # Errors
    /// If `tls` cannot be used.
    pub(crate) fn new(
        connect_timeout: Duration,
        tls: &UpstreamTls,
        https: bool,
        tunnels: &CancellationToken,
    ) -> Result<Self, ConfigError> {
        Self::noticing(SILENCE, connect_timeout, tls, https, tunnels)
    }

    fn noticing(
        silence: Silence,
        connect_timeout: Duration,
        tls: &UpstreamTls,
        https: bool,
        tunnels: &CancellationToken,
    ) -> Result<Self, ConfigError> {
        let tls = tls::config(tls, https)?;
        let http1 = Connector::new(tls.clone(), connect_timeout, false);
        let http2 = Connector::new(tls, connect_timeout, true);
        Ok(Self {
            shared: Arc::new(Shared {
                http1: silence.http1(http1),
                http2: std::array::from_fn(|_| silence.http2(http2.clone())),
                traffic: Traffic::default(),
                tunnels: tunnels.clone(),
            }),
        })
    }

    pub(super) fn http1(&self) -> &Pool {
        &self.shared.http1
    }

    /// The pool of a lane, each of which has one connection to an upstream.
    pub(super) fn http2(&self, lane: usize) -> &Pool {
        &self.shared.http2[lane % LANES]
    }

    /// Which lanes are how full.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.shared.traffic
    }

    /// What upgraded connections end with.
    pub(super) fn tunnels(&self) -> &CancellationToken {
        &self.shared.tunnels
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

// === impl Silence ===

impl Silence {
    fn http1(&self, connector: Connector) -> Pool {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.keep)
            .pool_max_idle_per_host(256)
            .http1_max_buf_size(HTTP1_BUFFER)
            .build(connector)
    }

    fn http2(&self, connector: Connector) -> Pool {
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.keep)
            .http2_only(true)
            .http2_keep_alive_interval(self.ping)
            .http2_keep_alive_timeout(self.pong)
            // A request that gave up leaves the connection idle.
            .http2_keep_alive_while_idle(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_send_buf_size(STREAM_SEND_BUFFER)
            .http2_max_header_list_size(HTTP2_HEAD)
            .build(connector)
    }
}

#[cfg(test)]
#[path = "clients_tests.rs"]
mod tests;
