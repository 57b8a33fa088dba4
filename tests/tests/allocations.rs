//! How often the middlewares allocate, asserted.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::convert::Infallible;
use std::future::{Future as _, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use allocation_counter::measure;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use portcullis_auth::{
    Anonymous, Attempt, AuthLayer, Gate, Presented, Reason, RequireLayer, Verdict, Verifier,
};
use portcullis_core::{Identity, Observer, RequestContext, Secret, VerdictEvent};
use portcullis_testing::identity;
use tower_layer::Layer as _;
use tower_service::Service;

/// Answers at once, and judges by the first byte of the token: `g` is good.
#[derive(Clone)]
struct Instantly(Identity);

impl Verifier for Instantly {
    fn try_verify(&self, token: Presented<'_>, _: &Gate<'_>) -> Attempt {
        Attempt::Done(match token.as_bytes().first() {
            Some(b'g') => Verdict::Valid(self.0.clone()),
            _ => Verdict::Invalid(Reason::Malformed),
        })
    }

    async fn verify(self, _: Secret) -> Verdict {
        Verdict::Invalid(Reason::Malformed)
    }
}

/// Looks at each event, as metrics do.
#[derive(Clone, Copy)]
struct Looking;

impl Observer for Looking {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        black_box((event.reason, event.issuer));
    }
}

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
        drop(black_box(request));
        ready(Ok(Response::new(())))
    }
}

fn auth() -> AuthLayer<Instantly, Looking> {
    let caller = identity("alice").scopes("orders").build();
    AuthLayer::new(Instantly(caller)).with_observer(Looking)
}

fn request(token: Option<&'static str>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(token) = token {
        let value = HeaderValue::from_static(token);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    request
}

/// Allocations of one call, from the request to the head of the answer; the status with it.
fn count<S, B>(service: &mut S, request: Request<()>) -> (u64, u16)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut request = Some(request);
    let mut response = None;
    let counted = measure(|| {
        let future = service.call(request.take().unwrap());
        if let Poll::Ready(Ok(answer)) = pin!(future).poll(&mut cx) {
            response = Some(answer);
        }
    });
    (counted.count_total, response.unwrap().status().as_u16())
}

/// The second call, for the first may set something up for good.
fn steady<S, B>(service: &mut S, request: impl Fn() -> Request<()>) -> (u64, u16)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    count(service, request());
    count(service, request())
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| {
        black_box(Box::new(1_u64));
    });
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_refused_request_costs_at_most_four_allocations() {
    let mut service = auth().layer(Inner);
    for (token, status) in [
        (None, 401),
        (Some("Bearer junk"), 401),
        (Some("Basic YTpi"), 401),
        (Some("Bearer"), 400),
    ] {
        for grpc in [false, true] {
            let asked = || {
                let mut asked = request(token);
                if grpc {
                    let value = HeaderValue::from_static("application/grpc");
                    asked.headers_mut().insert("content-type", value);
                }
                asked
            };
            let (allocations, answered) = steady(&mut service, asked);
            assert_eq!(answered, if grpc { 200 } else { status }, "{token:?}");
            assert!(allocations <= 4, "{token:?} {grpc}: {allocations}");
        }
    }
}

#[test]
fn a_good_token_costs_the_insert_of_its_identity_and_nothing_more() {
    let mut service = auth().layer(Inner);
    let (allocations, status) = steady(&mut service, || request(Some("Bearer good")));
    assert_eq!(status, 200);
    assert!(allocations <= 3, "{allocations}");

    // The bare insert, as the measure of it.
    let mut bare = request(None);
    let caller = identity("alice").build();
    let insert = measure(|| caller.attach(bare.extensions_mut()));
    assert_eq!(allocations, insert.count_total);
}

#[test]
fn with_a_request_context_a_good_token_costs_no_allocation() {
    let mut service = auth().layer(Inner);
    let (allocations, status) = steady(&mut service, || {
        let mut request = request(Some("Bearer good"));
        RequestContext::ensure(request.extensions_mut(), Instant::now);
        request
    });
    assert_eq!((allocations, status), (0, 200));
}

#[test]
fn a_requirement_that_is_met_costs_no_allocation() {
    let layer = RequireLayer::new()
        .with_scopes(["orders"])
        .and_then(|layer| layer.with_any_scope(["other", "orders"]))
        .and_then(|layer| layer.with_roles(["clerk"]))
        .and_then(|layer| layer.with_acr(["gold", "silver"]))
        .and_then(|layer| layer.with_max_auth_age(std::time::Duration::from_secs(300)))
        .unwrap()
        .with_observer(Looking);
    let now = portcullis_core::Clock::wall(&portcullis_core::SystemClock);
    let caller = identity("alice")
        .scopes("api orders")
        .roles(["clerk"])
        .acr("silver")
        .auth_time(now);
    let mut service = layer.layer(Inner);
    let (allocations, status) = steady(&mut service, || {
        let mut request = request(None);
        caller.clone().build().attach(request.extensions_mut());
        request
    });
    assert_eq!((allocations, status), (0, 200));

    // Nor does a refusal cost more than that of the auth layer.
    let (allocations, status) = steady(&mut service, || {
        let mut request = request(None);
        let nobody = identity("bob").build();
        nobody.attach(request.extensions_mut());
        request
    });
    assert_eq!(status, 403);
    assert!(allocations <= 4, "{allocations}");
    let (allocations, status) = steady(&mut service, || {
        let mut request = request(None);
        request.extensions_mut().insert(Anonymous::new());
        request
    });
    assert_eq!(status, 401);
    assert!(allocations <= 4, "{allocations}");
}
