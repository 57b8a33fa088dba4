//! What happens while a verdict is awaited is seen when it comes.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use portcullis_auth::{AuthLayer, Verdict};
use portcullis_core::Clock as _;
use portcullis_revocation::Target;
use portcullis_testing::{ISSUER, StubVerifier, identity};
use portcullis_tests::api::bearer;
use portcullis_tests::revocation::Stand;
use tower::{Layer as _, ServiceExt as _, service_fn};

const SOON: Duration = Duration::from_secs(10);

/// The status of a request whose verdict waits until `meanwhile` is over.
async fn meanwhile(stand: &Stand, meanwhile: impl AsyncFnOnce(&Stand)) -> u16 {
    let now = stand.clock.wall();
    let caller = identity("alice").session("session-1").issued_at(now);
    let caller = caller.expires_at(now + Duration::from_secs(3_600)).build();
    let verifier = StubVerifier::new().slow("token", Verdict::Valid(caller));
    verifier.hold();
    let layer = AuthLayer::new(verifier.clone())
        .with_deadline(Duration::from_secs(3_600))
        .with_standing(stand.revocations.clone());
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
    let asked = tokio::spawn(layer.layer(inner).oneshot(bearer("token")));
    verifier.wait_for_slow_calls(1, SOON).await;
    meanwhile(stand).await;
    verifier.release();
    asked.await.unwrap().unwrap().status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_comes_while_the_verdict_is_awaited_is_seen() {
    let stand = Stand::synced().await;
    assert_eq!(meanwhile(&stand, async |_: &Stand| {}).await, 200);
    let revoke = async |stand: &Stand| {
        stand.revoke(Target::session(ISSUER, "session-1")).await;
    };
    assert_eq!(meanwhile(&stand, revoke).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_grows_old_while_the_verdict_is_awaited_is_too_old() {
    let stand = Stand::synced().await;
    let cut_off = async |stand: &Stand| stand.cut_off_for(2 * SOON).await;
    assert_eq!(meanwhile(&stand, cut_off).await, 503);
    // And young again, if it was so only meanwhile.
    let and_back = async |stand: &Stand| {
        stand.cut_off_for(2 * SOON).await;
        stand.log.switch(true);
        stand.until_synced().await;
    };
    assert_eq!(meanwhile(&stand, and_back).await, 200);
}
