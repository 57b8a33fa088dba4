//! The bounds of a server.

use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;

use super::streams::Streams;
use crate::config;

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most connections at a time, upgraded ones included.
    pub(crate) connections: usize,
    /// The most header lines of a request.
    pub(crate) headers: usize,
    /// The largest head of a request.
    pub(crate) header_bytes: usize,
    /// How long a TLS handshake may take, and the head of a request; also the first sign of life.
    pub(crate) header: Duration,
    /// How long a connection may stay open without a request.
    pub(crate) idle: Duration,
    /// How long requests in flight may take to end, once the end was announced.
    pub(crate) drain: Duration,
}

/// The most requests at a time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 200;

/// How many streams that a client opened and reset may wait to be looked at (CVE-2023-44487).
const MOST_PENDING_RESETS: usize = 20;

/// How many streams may be reset for a fault of the client before its connection is closed.
const MOST_ERROR_RESETS: usize = 128;

/// What a client may send before it is read: of one request, and of one connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;

/// What waits to be sent, of one HTTP/2 stream and of one HTTP/1 connection.
const STREAM_SEND_BUFFER: usize = 64 << 10;
const HTTP1_BUFFER: usize = 64 << 10;

/// hyper parses so many header lines without an allocation.
const HEADERS_OF_HYPER: usize = 100;

// === impl Limits ===

impl Limits {
    /// Those of a configuration.
    pub(crate) fn of(server: &config::Server) -> Self {
        Self {
            connections: server.max_connections,
            headers: server.max_headers,
            header_bytes: server.max_header_bytes,
            header: server.header_timeout,
            idle: server.idle_timeout,
            drain: server.shutdown_timeout,
        }
    }

    /// A server of HTTP/1.
    ///
    /// It has no timeouts of its own: they would not tell a head from an idle connection.
    pub(super) fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .header_read_timeout(None)
            .max_header_size(self.header_bytes)
            .max_buf_size(self.header_bytes.max(HTTP1_BUFFER));
        if self.headers != HEADERS_OF_HYPER {
            builder.max_headers(self.headers);
        }
        builder
    }

    /// A server of HTTP/2.
    pub(super) fn http2(&self) -> http2::Builder<Streams> {
        let mut builder = http2::Builder::new(Streams);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_pending_accept_reset_streams(MOST_PENDING_RESETS)
            .max_local_error_reset_streams(MOST_ERROR_RESETS)
            .max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(STREAM_SEND_BUFFER)
            // Clients that vanished are noticed.
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        builder
    }
}
