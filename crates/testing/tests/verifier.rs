//! The stub verifier under the real layer, and the layer under the probe.

#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use portcullis_auth::{AuthLayer, Outage, Reason, Verdict};
use portcullis_core::{Admission, Head, OutageCause, Refusal, RefusalKind, Work};
use portcullis_testing::{StubVerifier, contract, identity};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

const DEADLINE: Duration = Duration::from_secs(5);

fn request(token: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    request
}

fn verifier() -> StubVerifier {
    let alice = identity("alice").build();
    StubVerifier::new()
        .valid("good", alice.clone())
        .invalid("old", Reason::Expired)
        .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable))
        .slow("slow", Verdict::Valid(alice))
}

async fn status(layer: &AuthLayer<StubVerifier>, token: Option<&str>) -> StatusCode {
    let inner =
        service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    layer
        .layer(inner)
        .oneshot(request(token))
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn the_script_decides_and_every_token_is_counted() {
    let verifier = verifier();
    let layer = AuthLayer::new(verifier.clone());
    for (token, expected) in [
        (Some("good"), 200),
        (Some("old"), 401),
        (Some("unheard-of"), 401),
        (Some("lost"), 503),
        (Some("slow"), 200),
        (None, 401),
    ] {
        assert_eq!(status(&layer, token).await, expected, "{token:?}");
    }
    assert_eq!((verifier.calls(), verifier.slow_calls()), (5, 1));
    verifier.set("good", Verdict::Invalid(Reason::Revoked));
    assert_eq!(status(&layer, Some("good")).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_held_gate_keeps_the_slow_path_waiting_until_it_is_released() {
    let verifier = verifier();
    verifier.hold();
    let layer = AuthLayer::new(verifier.clone()).with_deadline(DEADLINE);
    let waiting = tokio::spawn({
        let layer = layer.clone();
        async move { status(&layer, Some("slow")).await }
    });
    verifier
        .wait_for_slow_calls(1, Duration::from_secs(1))
        .await;
    assert!(!waiting.is_finished());
    assert_eq!(status(&layer, Some("good")).await, 200);
    verifier.release();
    assert_eq!(waiting.await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "0 tokens went on to I/O within 1s, not 1")]
async fn waiting_for_a_slow_call_that_does_not_come_fails_at_the_deadline() {
    verifier()
        .wait_for_slow_calls(1, Duration::from_secs(1))
        .await;
}

#[tokio::test]
async fn a_token_that_asks_is_refused_as_the_admission_hook_says() {
    #[derive(Clone, Default)]
    struct Never(Arc<AtomicUsize>);
    impl Admission for Never {
        fn admit(&self, _: &Head<'_>, work: Work) -> Result<(), Refusal> {
            assert_eq!(work, Work::Signature);
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(Refusal::builder(RefusalKind::TooManyRequests, "busy").build())
        }
    }
    let never = Never::default();
    let verifier = verifier().asking("good", Work::Signature);
    let layer = AuthLayer::new(verifier).with_admission(never.clone());
    assert_eq!(status(&layer, Some("good")).await, 429);
    assert_eq!(never.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_auth_layer_proves_the_seven_facts() {
    let held = || {
        let verifier = verifier();
        verifier.hold();
        AuthLayer::new(verifier)
    };
    contract::of(|| AuthLayer::new(verifier()), || request(Some("good")))
        .refuses(StatusCode::UNAUTHORIZED, || request(None))
        .refuses(StatusCode::UNAUTHORIZED, || request(Some("old")))
        .refuses(StatusCode::SERVICE_UNAVAILABLE, || request(Some("lost")))
        .waits_under(held, || request(Some("slow")))
        .prove()
        .await;
    // And once more with a request that passes by way of I/O.
    contract::of(|| AuthLayer::new(verifier()), || request(Some("slow")))
        .never_refuses()
        .prove()
        .await;
}
