//! A listener, the connections it accepts, and their end.
//!
//! HTTP/1.1 and HTTP/2, in the clear or by TLS. Whatever a client does or fails to do has a bound, in
//! number, bytes and time:
//!
//! | what | bound |
//! |---|---|
//! | connections, TLS handshakes and upgraded ones included | `max_connections`; for more, those leave that have been idle for longest |
//! | a TLS handshake, the first sign of life, the head of a request | `header_timeout` |
//! | a connection without a request | `idle_timeout` |
//! | a head | `max_header_bytes` and `max_headers` lines, else 431 |
//! | HTTP/2 | 200 streams at a time, 256 KiB unread of one and 512 KiB of all, 100 more given up within a second than answered |
//! | an answer that is not read | whatever it [says](watch::Watched) itself |

mod accept;
pub(crate) mod alarm;
mod asked;
mod connection;
mod graceful;
mod guests;
mod held;
mod io;
mod limits;
mod linger;
mod place;
mod protocol;
mod pulse;
mod settings;
mod streams;
mod tls;
pub(crate) mod watch;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Service;

pub(crate) use self::limits::Limits;
pub(crate) use self::settings::Settings;
pub(crate) use self::tls::tls;

/// What a server can serve.
pub(crate) trait Serves:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Serves for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A listening port with its task, which ends with it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<bool>>,
}

// === impl Server ===

impl Server {
    /// Binds `address` and serves it. Requests come with the address of their peer, as
    /// [`ConnectInfo`](axum::extract::ConnectInfo). There are at most `most` at a time, whatever the
    /// settings say. Upgraded connections are those that end with
    /// `tunnels`: the last step of shutting down.
    pub(crate) async fn start<S>(
        address: SocketAddr,
        service: S,
        settings: Settings,
        most: usize,
        tunnels: CancellationToken,
    ) -> std::io::Result<Self>
    where
        S: Serves,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = accept::serve(listener, service, settings, most, stop.clone(), tunnels);
        let task = tokio::spawn(serving);
        Ok(Self {
            address,
            stop,
            task: Some(task),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, and lets requests in flight end within the bound. Returns whether all did.
    ///
    /// # Cancel safety
    /// What is open then is cut off.
    pub(crate) async fn shut_down(mut self) -> bool {
        self.stop.cancel();
        let drained = match &mut self.task {
            Some(task) => task.await.unwrap_or(false),
            None => true,
        };
        self.task = None;
        drained
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
