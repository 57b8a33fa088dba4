//! One need, one call: whoever asks, however many, and whoever leaves.

use std::time::Duration;

use http::StatusCode;
use portcullis_auth::jwks::JwksLimits;
use portcullis_testing::{Endpoint, Mode};
use portcullis_tests::outage::{Caller, Flood, World, good, issuer, until};

const SOON: Duration = Duration::from_secs(10);

fn tokens(world: &World, count: usize) -> Vec<String> {
    (0..count).map(|_| good(&world.issuer)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_requests_of_a_cold_service_make_one_fetch_and_all_pass() {
    let issuer = issuer().await;
    issuer.mode(Mode::Hold);
    let world = World::start(issuer, |jwks| jwks).await;
    let flood = Flood::start(world.service.base(), "/api", tokens(&world, 200));
    world
        .issuer
        .wait_for_requests(Endpoint::OpenIdConfiguration, 1, SOON)
        .await;
    world.issuer.mode(Mode::Slow(Duration::from_millis(100)));
    flood.finish().await.assert_all_ok();
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::Jwks] {
        assert_eq!(world.issuer.requests(endpoint), 1, "{endpoint:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_for_whom_there_is_no_place_to_wait_are_answered_at_once() {
    let issuer = issuer().await;
    issuer.mode(Mode::Hold);
    let mut limits = JwksLimits::default();
    limits.max_waiters = 10;
    let world = World::start(issuer, |jwks| jwks.with_limits(limits)).await;
    let flood = Flood::start(world.service.base(), "/api", tokens(&world, 500));
    // The fetch is held until all but ten are answered.
    let answered = || (flood.answered() == 490).then_some(());
    until("those who do not wait", SOON, answered).await;
    world.issuer.mode(Mode::Ok);
    let tally = flood.finish().await;
    tally.assert_ok_or_unavailable();
    assert_eq!(tally.count(StatusCode::OK), 10, "{tally:?}");
    assert_eq!(world.issuer.requests(Endpoint::Jwks), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_does_not_end_the_fetch_for_the_others() {
    let world = World::warm().await;
    world.issuer.rotate_keeping_old();
    world.issuer.mode(Mode::Hold);
    let before = world.issuer.requests(Endpoint::Jwks);
    // Who began it…
    let (leader, token) = (Caller::http1(world.service.base()), world.token());
    let leaving = tokio::spawn(async move { leader.get("/api", &token).await });
    world
        .issuer
        .wait_for_requests(Endpoint::Jwks, before + 1, SOON)
        .await;
    // … those who joined…
    let staying = Flood::start(world.service.base(), "/api", tokens(&world, 50));
    // … and who left.
    leaving.abort();
    assert!(leaving.await.expect_err("it was aborted").is_cancelled());
    let waiting = || (world.service.in_flight() == 50).then_some(());
    until("all but one to wait", SOON, waiting).await;
    world.issuer.mode(Mode::Ok);
    staying.finish().await.assert_all_ok();
    assert_eq!(world.issuer.requests(Endpoint::Jwks), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_everybody_left_ends_for_those_who_come_later() {
    let world = World::warm().await;
    world.issuer.rotate_keeping_old();
    world.issuer.mode(Mode::Hold);
    let before = world.issuer.requests(Endpoint::Jwks);
    let (leader, token) = (Caller::http1(world.service.base()), world.token());
    let leaving = tokio::spawn(async move { leader.get("/api", &token).await });
    world
        .issuer
        .wait_for_requests(Endpoint::Jwks, before + 1, SOON)
        .await;
    leaving.abort();
    let nobody = || (world.service.in_flight() == 0).then_some(());
    until("nobody to wait", SOON, nobody).await;
    world.issuer.mode(Mode::Ok);
    let arrived = || (world.jwks.load().keys().len() == 2).then_some(());
    until("the key that nobody waits for", SOON, arrived).await;
    let answer = world.caller.get("/api", &world.token()).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(world.issuer.requests(Endpoint::Jwks), before + 1);
}
