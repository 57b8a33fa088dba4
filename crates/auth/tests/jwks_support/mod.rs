//! An issuer in memory, a clock that follows tokio's paused one, and a log of what was observed.

#![allow(dead_code, reason = "each test uses its part")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks, JwksBuilder, Wanted};
use portcullis_auth::key::Algorithm;
use portcullis_core::{KeysEvent, KeysOutcome, Observer};
use portcullis_testing::{Endpoint, FakeIssuer, IssuerClient, TestClock};
use tower::{Service, ServiceExt};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const ALGORITHM: Algorithm = Algorithm::ES256;

pub(crate) struct Rig {
    pub(crate) issuer: FakeIssuer,
    pub(crate) clock: TestClock,
    pub(crate) log: Log,
    /// Alive while anything holds the HTTP client.
    pub(crate) client: Weak<()>,
    token: Option<Arc<()>>,
}

/// What the observer was told.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<KeysOutcome>>>);

impl Observer for Log {
    fn keys(&self, event: &KeysEvent<'_>) {
        assert_eq!(event.issuer, portcullis_testing::ISSUER);
        self.0.lock().unwrap().push(event.outcome);
    }
}

impl Log {
    pub(crate) fn take(&self) -> Vec<KeysOutcome> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn errors(&self) -> Vec<&'static str> {
        let error = |outcome| match outcome {
            KeysOutcome::Failed { error } => Some(error),
            _ => None,
        };
        self.take().into_iter().filter_map(error).collect()
    }
}

impl Rig {
    pub(crate) fn new() -> Self {
        let clock = TestClock::following_tokio();
        let issuer = FakeIssuer::builder()
            .algorithm(portcullis_testing::Algorithm::Es256)
            .clock(clock.clone())
            .without_sockets();
        let token = Arc::new(());
        Self {
            issuer,
            clock,
            log: Log::default(),
            client: Arc::downgrade(&token),
            token: Some(token),
        }
    }

    /// Keys by their URL, so that each attempt is one request.
    pub(crate) fn builder(&mut self) -> JwksBuilder<TestClock> {
        let client = self.http();
        Jwks::builder(self.issuer.issuer())
            .with_jwks_url(self.issuer.jwks_url())
            .with_http_client(client)
            .with_clock(self.clock.clone())
            .with_observer(Arc::new(self.log.clone()))
    }

    pub(crate) fn jwks(&mut self) -> Jwks<TestClock> {
        self.builder().build().unwrap()
    }

    /// A key source that has fetched its first set.
    pub(crate) async fn warm(&mut self) -> Jwks<TestClock> {
        let jwks = self.jwks();
        settle().await;
        assert!(!jwks.load().is_cold());
        jwks
    }

    pub(crate) fn http(&mut self) -> HttpClient {
        let token = self.token.take();
        let client: IssuerClient = self.issuer.client();
        HttpClient::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
            let _held = &token;
            client.clone().oneshot(request)
        }))
    }

    pub(crate) fn fetches(&self) -> usize {
        self.issuer.requests(Endpoint::Jwks)
    }
}

/// A key id that is nowhere.
pub(crate) fn unknown(kid: &str) -> Wanted<'_> {
    Wanted::new(Some(kid), ALGORITHM)
}

/// Lets everything run that can: paused time moves only when all tasks wait.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Waits until something is so, in paused time, and says how long it took.
pub(crate) async fn until(deadline: Duration, mut so: impl FnMut() -> bool) -> Duration {
    let start = tokio::time::Instant::now();
    while !so() {
        assert!(start.elapsed() < deadline, "not within {deadline:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    start.elapsed()
}

/// A client that answers with this document.
pub(crate) fn canned(document: impl Fn() -> Bytes + Clone + Send + Sync + 'static) -> HttpClient {
    HttpClient::new(service(document))
}

fn service(
    document: impl Fn() -> Bytes + Clone + Send + Sync + 'static,
) -> impl Service<
    Request<Full<Bytes>>,
    Response = http::Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync {
    tower::service_fn(move |_| {
        let response = http::Response::new(Full::new(document()));
        async move { Ok(response) }
    })
}
