//! A listener, the connections it accepts, and their end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// What a server can serve.
pub(crate) trait Serves:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Serves for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// How long connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The head of a request; also the first sign of life of a connection.
    pub(crate) header: Duration,
    /// Requests in flight, once the end was announced.
    pub(crate) drain: Duration,
}

/// A listening port with its task, which ends with it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<bool>>,
}

/// The most connections at a time; those beyond wait in the queue of the kernel.
const MOST_CONNECTIONS: usize = 20_000;

/// The most requests at a time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 200;

// === impl Server ===

impl Server {
    /// Binds `address` and serves it. Requests come with the address of their peer, as
    /// [`ConnectInfo`].
    pub(crate) async fn start<S>(address: SocketAddr, service: S, times: Times) -> io::Result<Self>
    where
        S: Serves,
        S::Future: Send,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, service, times, stop.clone()));
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
    pub(crate) async fn shut_down(mut self) -> bool {
        self.stop.cancel();
        match self.task.take() {
            Some(task) => task.await.unwrap_or(false),
            None => true,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn serve<S>(listener: TcpListener, service: S, times: Times, stop: CancellationToken) -> bool
where
    S: Serves,
    S::Future: Send,
{
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    // Owned here: dropped with this future, so that no connection outlives its server.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no more file descriptors. Waiting gives connections time to end.
                tracing::warn!(target: "portcullis::server", %error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let service = service.clone();
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, peer, service, times, watcher).await;
        });
    }
    drop(listener);
    let drained = tokio::time::timeout(times.drain, graceful.shutdown()).await;
    drained.is_ok()
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

async fn connection<S>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    times: Times,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: Serves,
    S::Future: Send,
{
    let _ = stream.set_nodelay(true);
    let alive = Arc::new(Notify::new());
    let first = Arc::clone(&alive);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        first.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        service.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(times.header);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        // Clients that vanished are noticed.
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut served = pin!(watcher.watch(served.into_owned()));
    // Which protocol is spoken is told by the first bytes, and hyper waits for those without a bound.
    let result = tokio::select! {
        result = &mut served => result,
        first = tokio::time::timeout(times.header, alive.notified()) => match first {
            Ok(()) => served.await,
            Err(_) => return,
        },
    };
    if let Err(error) = result {
        tracing::debug!(target: "portcullis::server", %error, "connection ended");
    }
}
