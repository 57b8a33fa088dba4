//! How often a request allocates with the verifier of JWTs in it, asserted.
//!
//! Each is counted with configured keys and with keys that an issuer publishes.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::convert::Infallible;
use std::future::{Future as _, Ready, poll_fn, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use portcullis_auth::{Auth, AuthLayer, Issuer, JwtVerifier, Keys};
use portcullis_core::{Identity, Observer, RequestContext, VerdictEvent};
use portcullis_testing::{AUDIENCE, FakeIssuer, TestClock, TokenBuilder, forge};
use portcullis_tests::api::{fixed, published};
use portcullis_tests::outage::until;
use tower_layer::Layer as _;
use tower_service::Service;

/// Looks at each event, as metrics do.
#[derive(Clone, Copy)]
struct Looking;

impl Observer for Looking {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        black_box((event.reason, event.issuer, event.provenance));
    }
}

/// Answers 200 to whoever is let in, and lets the request go.
#[derive(Clone, Copy)]
struct Inner;

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(Identity::of(request.extensions()).is_some());
        ready(Ok(Response::new(())))
    }
}

/// A service behind the layer, and the issuer of its tokens.
struct Stand {
    issuer: FakeIssuer,
    service: Auth<Inner, JwtVerifier<TestClock>, Looking>,
    name: &'static str,
}

impl Stand {
    fn new(
        name: &'static str,
        issuer: &FakeIssuer,
        clock: &TestClock,
        keys: Keys<TestClock>,
    ) -> Self {
        let trusted = Issuer::new(issuer.issuer(), keys)
            .audience(AUDIENCE)
            .scope_required();
        let verifier = JwtVerifier::builder_with_clock(clock.clone())
            .issuer(trusted)
            .build()
            .unwrap();
        Self {
            issuer: issuer.clone(),
            service: AuthLayer::new(verifier).with_observer(Looking).layer(Inner),
            name,
        }
    }

    /// Allocations from the request to the head of the answer.
    fn count(&mut self, request: Request<()>, status: u16) -> u64 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut cx).is_ready());
        let mut request = Some(request);
        let mut response = None;
        let counted = measure(|| {
            let future = self.service.call(request.take().unwrap());
            // Nothing is waited for: neither a lock nor the network.
            if let Poll::Ready(Ok(answer)) = pin!(future).poll(&mut cx) {
                response = Some(answer);
            }
        });
        assert_eq!(response.unwrap().status(), status, "{}", self.name);
        counted.count_total
    }

    /// Sends a request that may wait, for instance for newer keys.
    async fn send(&mut self, request: Request<()>, status: u16) {
        let Ok(()) = poll_fn(|cx| self.service.poll_ready(cx)).await;
        let Ok(response) = self.service.call(request).await;
        assert_eq!(response.status(), status, "{}", self.name);
    }

    fn token(&self) -> String {
        sized(self.issuer.token())
    }
}

/// Once with each source of keys.
async fn stands() -> [Stand; 2] {
    let clock = TestClock::following_tokio();
    let issuer = FakeIssuer::builder().clock(clock.clone()).without_sockets();
    let jwks = published(&issuer, &clock);
    let warm = || (!jwks.load().is_cold()).then_some(());
    until("keys", Duration::from_secs(5), warm).await;
    [
        Stand::new("fixed", &issuer, &clock, fixed(&[&issuer.key()])),
        Stand::new("published", &issuer, &clock, jwks.into()),
    ]
}

/// A token with all that RFC 9068 requires, scopes, and what providers add.
fn sized(token: TokenBuilder) -> String {
    let token = token
        .subject("248289761001")
        .session("c0ffee00-1d2c-4e5f-8a9b")
        .scope("openid profile email orders:read orders:write")
        .claim("roles", ["editor", "reviewer"])
        .claim("email", "alice@example.com")
        .claim("tenant", "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9fa")
        .issue();
    assert!((700..=900).contains(&token.len()), "{}", token.len());
    token
}

fn bearer(token: &str) -> Request<()> {
    let mut request = Request::new(());
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn with_context(mut request: Request<()>) -> Request<()> {
    RequestContext::ensure(request.extensions_mut(), Instant::now);
    request
}

#[tokio::test(start_paused = true)]
async fn a_cached_verdict_costs_at_most_three_allocations() {
    for mut stand in stands().await {
        let token = stand.token();
        stand.send(bearer(&token), 200).await;
        for _ in 0..3 {
            let count = stand.count(bearer(&token), 200);
            assert!(count <= 3, "{}: {count}", stand.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_request_context_a_cached_verdict_costs_no_allocation() {
    for mut stand in stands().await {
        let token = stand.token();
        stand.send(bearer(&token), 200).await;
        let count = stand.count(with_context(bearer(&token)), 200);
        assert_eq!(count, 0, "{}", stand.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_rs256_token_costs_at_most_twelve_allocations() {
    for mut stand in stands().await {
        // The cache grows in steps, at first often: what a step costs is shared by the tokens it is for.
        for _ in 0..100 {
            let token = stand.token();
            stand.send(bearer(&token), 200).await;
        }
        let mut counts = Vec::new();
        for _ in 0..63 {
            let token = stand.token();
            counts.push(stand.count(bearer(&token), 200));
        }
        counts.sort_unstable();
        let (sum, median) = (counts.iter().sum::<u64>(), counts[counts.len() / 2]);
        assert!(median <= 12, "{}: {counts:?}", stand.name);
        assert!(sum <= 12 * 63, "{}: {counts:?}", stand.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_forged_token_again_costs_at_most_four_allocations() {
    for mut stand in stands().await {
        let token = stand.token();
        stand.send(bearer(&token), 200).await;
        let forged = forge::bad_signature(&token);
        stand.send(bearer(&forged), 401).await;
        for _ in 0..3 {
            let count = stand.count(bearer(&forged), 401);
            assert!(count <= 4, "{}: {count}", stand.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_costs_at_most_four_allocations() {
    for mut stand in stands().await {
        stand.send(Request::new(()), 401).await;
        let count = stand.count(Request::new(()), 401);
        assert!(count <= 4, "{}: {count}", stand.name);
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_costs_at_most_four_allocations() {
    for mut stand in stands().await {
        let good = stand.token();
        let long = "e".repeat(good.len());
        let cut = &good[..good.len() / 2];
        for garbage in ["junk", "a.b.c", &long, cut] {
            stand.send(bearer(garbage), 401).await;
            let count = stand.count(bearer(garbage), 401);
            assert!(count <= 4, "{} {garbage}: {count}", stand.name);
        }
    }
}
