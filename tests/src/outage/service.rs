//! A real service round which the auth layer stands.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::any;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis_auth::{Anonymous, AuthLayer, Verifier};
use portcullis_core::{Identity, Observer, Provenance, RequestExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A server on a port of its own. Dropped, it and everything that its routes hold is gone.
#[derive(Debug)]
pub struct Service {
    base: String,
    acceptor: JoinHandle<()>,
    /// One more for each request that is being worked on.
    in_flight: Arc<()>,
}

/// More than any scenario has in the air, so that all of them are.
const STREAMS: u32 = 20_000;

// === impl Service ===

impl Service {
    /// Serves `router`, HTTP/1.1 and HTTP/2.
    ///
    /// # Panics
    /// If no port of 127.0.0.1 can be bound.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let in_flight = Arc::new(());
        let watched = Arc::downgrade(&in_flight);
        let router = router.layer(from_fn(move |request: Request, next: Next| {
            let present = watched.upgrade();
            async move {
                let response = next.run(request).await;
                drop(present);
                response
            }
        }));
        Self {
            base: format!("http://{address}"),
            acceptor: tokio::spawn(accept(listener, router)),
            in_flight,
        }
    }

    /// How many requests are being worked on: neither answered nor given up.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        Arc::strong_count(&self.in_flight) - 1
    }

    /// Where it is, no slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Ends it, its connections, and what its routes hold.
    pub async fn end(mut self) {
        self.acceptor.abort();
        let _ = (&mut self.acceptor).await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, router: Router) {
    // In this task, so that they end with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, router.clone()));
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS);
    // An error is a client that left.
    let _ = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

/// Routes: `/api` behind `layer`, and `/open` behind nothing.
pub fn guarded<V, O>(layer: AuthLayer<V, O>) -> Router
where
    V: Verifier,
    O: Observer + Clone,
{
    Router::new()
        .route("/api", any(echo).layer(layer))
        .route("/open", any(echo))
}

/// Tells whom it sees, and how that is known.
async fn echo(request: Request) -> impl IntoResponse {
    let anonymous = request.extensions().get::<Anonymous>().is_some();
    let identity = request.identity();
    let provenance = match identity.map(Identity::provenance) {
        Some(Provenance::Fresh) => "fresh".to_owned(),
        Some(Provenance::Cached) => "cached".to_owned(),
        Some(Provenance::Degraded(cause)) => format!("degraded {}", cause.as_str()),
        Some(other) => format!("{other:?}"),
        None if anonymous => "anonymous".to_owned(),
        None => "nobody".to_owned(),
    };
    let subject = identity.and_then(Identity::subject).unwrap_or_default();
    ([("x-provenance", provenance)], subject.to_owned())
}
