//! A node: a service behind the layer, which follows the log through a proxy of its own.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use portcullis_auth::{Auth, AuthLayer, Degrade, JwtVerifier, Revocations};
use portcullis_core::{Identity, Provenance, Secret};
use portcullis_redis::{RedisConfig, RedisLog};
use portcullis_revocation::{Health, Revocation, Revoker, Secrets};
use portcullis_testing::FaultProxy;
use tower::{Layer as _, Service as _, ServiceExt as _};

use crate::kit;
use crate::log::Watched;

/// P, as services have it.
pub(crate) const POLL_EVERY: Duration = Duration::from_millis(500);
/// How long a poll may take, as services have it.
pub(crate) const POLL_DEADLINE: Duration = Duration::from_millis(250);

/// How a node is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) freshness: Duration,
    pub(crate) grace: Option<Duration>,
    pub(crate) leeway: Duration,
    pub(crate) page: usize,
    pub(crate) hints: bool,
    pub(crate) replicas: Option<u32>,
}

/// A service behind the layer, and what it stands on.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) proxy: FaultProxy,
    pub(crate) log: Watched,
    pub(crate) revocation: Revocation,
    service: Auth<Inner, JwtVerifier>,
    inner: Inner,
}

/// The service inside. Counts who passed for want of knowledge.
#[derive(Clone, Debug, Default)]
struct Inner {
    degraded: Arc<AtomicU64>,
}

// === impl Setup ===

impl Setup {
    pub(crate) fn new(freshness: Duration) -> Self {
        Self {
            freshness,
            grace: None,
            leeway: Duration::from_secs(30),
            page: 1000,
            hints: false,
            replicas: None,
        }
    }
}

// === impl Node ===

impl Node {
    /// A node that has read the log of this server.
    ///
    /// # Panics
    /// If it does not come to that.
    pub(crate) async fn start(server: SocketAddr, jwk: &str, setup: &Setup) -> Self {
        let proxy = FaultProxy::start(server).await;
        let config =
            RedisConfig::parse(&format!("redis://{}", proxy.address())).expect("an address");
        let mut log = RedisLog::builder(config);
        if let Some(replicas) = setup.replicas {
            log = log.with_replicas(replicas);
        }
        let log = Watched::new(log.start().expect("a good configuration"), setup.hints);
        let revocation = Revocation::builder(secrets(), log.clone())
            .with_poll_every(POLL_EVERY)
            .with_poll_deadline(POLL_DEADLINE)
            .with_max_age(setup.freshness)
            .with_page(setup.page)
            .start()
            .expect("a good configuration");
        let fresh = Revocations::new(revocation.view()).with_freshness(setup.freshness);
        let mut layer = AuthLayer::new(kit::verifier(jwk, setup.leeway))
            .with_standing(fresh.expect("a freshness within bounds"));
        if let Some(grace) = setup.grace {
            layer = layer.with_degrade(Degrade::allow_for(grace).expect("a grace within bounds"));
        }
        let inner = Inner::default();
        let node = Self {
            service: layer.layer(inner.clone()),
            inner,
            proxy,
            log,
            revocation,
        };
        node.until("synced", |health| health.synced).await;
        // While it connected there was nobody to answer.
        node.log.forget();
        node
    }

    /// Presents a token.
    pub(crate) async fn ask(&self, bearer: &HeaderValue) -> StatusCode {
        let mut service = self.service.clone();
        let mut request = Request::new(());
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let Ok(ready) = service.ready().await;
        let Ok(response) = ready.call(request).await;
        response.status()
    }

    /// How many requests passed for want of knowledge.
    pub(crate) fn degraded(&self) -> u64 {
        self.inner.degraded.load(Ordering::Relaxed)
    }

    pub(crate) fn health(&self) -> Health {
        self.revocation.health()
    }

    pub(crate) fn revoker(&self) -> Revoker {
        let patience = Duration::from_secs(10);
        self.revocation.revoker().with_patience(patience)
    }

    /// Waits until its health is as wanted.
    ///
    /// # Panics
    /// If it is not within half a minute.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Health) -> bool) {
        let begun = Instant::now();
        while !holds(&self.health()) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "never {what}: {:?}",
                self.health()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn secrets() -> Secrets {
    Secrets::new(&Secret::new(vec![7; 32])).expect("a long secret")
}

// === impl Inner ===

impl tower::Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let caller = Identity::of(request.extensions()).expect("whoever passed has a name");
        if matches!(caller.provenance(), Provenance::Degraded(_)) {
            self.degraded.fetch_add(1, Ordering::Relaxed);
        }
        ready(Ok(Response::new(())))
    }
}
