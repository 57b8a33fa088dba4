//! The deadline of the slow path, in paused time.

use std::time::Duration;

use portcullis_auth::{AuthLayer, Verdict};
use portcullis_testing::{StubVerifier, identity};
use tokio::time::Instant;

use crate::kit::{request, send};

fn held() -> StubVerifier {
    let alice = identity("alice").build();
    let verifier = StubVerifier::new()
        .valid("fast", alice.clone())
        .slow("slow", Verdict::Valid(alice));
    verifier.hold();
    verifier
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_does_not_come_is_503_after_two_seconds() {
    let layer = AuthLayer::new(held());
    let began = Instant::now();
    let answer = send(&layer, request(Some("slow"))).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("key_unavailable"), "{}", answer.body);
    assert!(matches!(
        answer.header("retry-after"),
        Some("1" | "2" | "3")
    ));
    assert_eq!(answer.challenge(), None);
    assert!(answer.reached.is_none());
    let took = began.elapsed();
    let default = Duration::from_secs(2);
    // The timer of the runtime has a resolution of one millisecond.
    assert!(
        (default..default + Duration::from_millis(2)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_configured_one() {
    let deadline = Duration::from_millis(300);
    let layer = AuthLayer::new(held()).with_deadline(deadline);
    let began = Instant::now();
    assert_eq!(send(&layer, request(Some("slow"))).await.status, 503);
    let took = began.elapsed();
    assert!(
        (deadline..deadline + Duration::from_millis(2)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_comes_in_time_is_used_and_others_do_not_wait_for_it() {
    let verifier = held();
    let layer = AuthLayer::new(verifier.clone());
    let waiting = tokio::spawn({
        let layer = layer.clone();
        async move { send(&layer, request(Some("slow"))).await.status }
    });
    verifier
        .wait_for_slow_calls(1, Duration::from_secs(1))
        .await;

    let began = Instant::now();
    assert_eq!(send(&layer, request(Some("fast"))).await.status, 204);
    assert_eq!(send(&layer, request(Some("unknown"))).await.status, 401);
    assert_eq!(began.elapsed(), Duration::ZERO);

    tokio::time::advance(Duration::from_millis(1_990)).await;
    assert!(!waiting.is_finished());
    verifier.release();
    assert_eq!(waiting.await.unwrap(), 204);
}
