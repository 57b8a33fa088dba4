//! The seven facts that every tower layer must prove, for both middlewares.
//!
//! Passes through; refuses without touching inner; keeps the readied instance; inherits back-pressure;
//! propagates an inner readiness error; a dropped future, and a refusal, release what readiness
//! reserved; `Send + Sync + 'static` and `Clone`.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use portcullis_auth::{
    Anonymous, Auth, AuthLayer, Outage, Reason, Require, RequireLayer, ResourceMetadata, Verdict,
};
use portcullis_core::OutageCause;
use portcullis_testing::contract::{self, Inner};
use portcullis_testing::{StubVerifier, TestClock, identity};
use tower::ServiceBuilder;

type Body = Full<Bytes>;

fn token(token: &'static str) -> Request<Body> {
    let mut request = Request::post("/orders").body(Full::from("body")).unwrap();
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn no_token() -> Request<Body> {
    Request::new(Full::default())
}

/// Knows each verdict by fast token and by slow one.
fn verifier() -> StubVerifier {
    let alice = || Verdict::Valid(identity("alice").build());
    let outage = || Verdict::Indeterminate(Outage::new(OutageCause::KeyUnavailable));
    let verifier = StubVerifier::new();
    verifier.set("good", alice());
    verifier.set("bad", Verdict::Invalid(Reason::Expired));
    verifier.set("lost", outage());
    verifier
        .slow("slow-good", alice())
        .slow("slow-bad", Verdict::Invalid(Reason::UnknownKey))
        .slow("slow-lost", outage())
}

fn auth() -> AuthLayer<StubVerifier> {
    AuthLayer::new(verifier())
}

/// A layer whose slow verdicts never come.
fn waiting() -> AuthLayer<StubVerifier> {
    let verifier = verifier();
    verifier.hold();
    AuthLayer::new(verifier)
}

#[tokio::test]
async fn auth_keeps_the_contract_on_the_fast_path_and_when_it_refuses() {
    contract::of(auth, || token("good"))
        .refuses(StatusCode::UNAUTHORIZED, no_token)
        .refuses(StatusCode::UNAUTHORIZED, || token("bad"))
        .refuses(StatusCode::SERVICE_UNAVAILABLE, || token("lost"))
        .refuses(StatusCode::BAD_REQUEST, || {
            let mut twice = token("good");
            let again = twice.headers()[AUTHORIZATION].clone();
            twice.headers_mut().append(AUTHORIZATION, again);
            twice
        })
        .prove()
        .await;
}

#[tokio::test]
async fn auth_keeps_the_contract_on_the_slow_path() {
    contract::of(auth, || token("slow-good"))
        .refuses(StatusCode::UNAUTHORIZED, || token("slow-bad"))
        .refuses(StatusCode::SERVICE_UNAVAILABLE, || token("slow-lost"))
        .waits_under(waiting, || token("slow-good"))
        .prove()
        .await;
}

/// The deadline of the layer is its own timer: time is paused, so it fires by itself.
#[tokio::test(start_paused = true)]
async fn auth_keeps_the_contract_when_its_deadline_passes() {
    contract::of(auth, || token("slow-good"))
        .refuses_under(waiting, StatusCode::SERVICE_UNAVAILABLE, || {
            token("slow-good")
        })
        .prove()
        .await;
}

#[tokio::test]
async fn auth_keeps_the_contract_for_anonymous_requests() {
    contract::of(|| auth().optional(), no_token)
        .refuses(StatusCode::UNAUTHORIZED, || token("bad"))
        .prove()
        .await;
}

#[tokio::test]
async fn require_keeps_the_contract() {
    fn by(scopes: &str) -> Request<Body> {
        let mut request = no_token();
        let caller = identity("alice").scopes(scopes).build();
        caller.attach(request.extensions_mut());
        request
    }
    let layer = || {
        RequireLayer::new()
            .with_scopes(["orders"])
            .unwrap()
            .with_clock(TestClock::new())
    };
    contract::of(layer, || by("orders"))
        .refuses(StatusCode::FORBIDDEN, || by("other"))
        .refuses(StatusCode::UNAUTHORIZED, || {
            let mut request = no_token();
            request.extensions_mut().insert(Anonymous::new());
            request
        })
        .refuses(StatusCode::INTERNAL_SERVER_ERROR, no_token)
        .refuses_under(
            move || {
                layer()
                    .with_max_auth_age(std::time::Duration::from_secs(60))
                    .unwrap()
            },
            StatusCode::UNAUTHORIZED,
            || by("orders"),
        )
        .prove()
        .await;
}

#[tokio::test]
async fn both_together_keep_the_contract() {
    let stack = || {
        ServiceBuilder::new()
            .layer(auth())
            .layer(RequireLayer::new().with_scopes(["orders"]).unwrap())
            .into_inner()
    };
    let able = || {
        let caller = identity("alice").scopes("orders").build();
        let verifier = verifier().slow("able", Verdict::Valid(caller));
        ServiceBuilder::new()
            .layer(AuthLayer::new(verifier))
            .layer(RequireLayer::new().with_scopes(["orders"]).unwrap())
            .into_inner()
    };
    contract::of(able, || token("able"))
        .refuses_under(stack, StatusCode::FORBIDDEN, || token("good"))
        .refuses_under(stack, StatusCode::FORBIDDEN, || token("slow-good"))
        .refuses_under(stack, StatusCode::UNAUTHORIZED, no_token)
        .prove()
        .await;
}

#[test]
fn layers_services_and_futures_can_go_anywhere() {
    fn anywhere<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    anywhere::<AuthLayer<StubVerifier>>();
    anywhere::<Auth<Inner<Body>, StubVerifier>>();
    anywhere::<RequireLayer>();
    anywhere::<Require<Inner<Body>>>();
    anywhere::<ResourceMetadata>();
    anywhere::<Anonymous>();
    type Answer<S> = <S as tower::Service<Request<Body>>>::Future;
    sent::<Answer<Auth<Inner<Body>, StubVerifier>>>();
    sent::<Answer<Require<Inner<Body>>>>();
}
