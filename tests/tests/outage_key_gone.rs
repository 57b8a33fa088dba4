//! A cached verdict does not outlive its key, nor its token.

use std::time::Duration;

use portcullis_core::Clock as _;
use portcullis_testing::{Algorithm, Endpoint, FakeIssuer, TestClock};
use portcullis_tests::outage::{World, good, quick, until};

const SOON: Duration = Duration::from_secs(10);

/// A service with a token that is known and cached.
async fn cached(world: &World) -> String {
    let token = world.token();
    for provenance in ["fresh", "cached", "cached"] {
        let answer = world.caller.get("/api", &token).await;
        assert_eq!(answer.provenance(), Some(provenance), "{answer:?}");
    }
    token
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_token_is_refused_on_its_next_request_after_a_new_token_brought_a_set_without_its_key()
 {
    let world = World::warm().await;
    let old = cached(&world).await;
    world.issuer.rotate_and_drop_old();
    // The service does not know yet.
    assert!(world.caller.get("/api", &old).await.is_ok());
    let answer = world.caller.get("/api", &world.token()).await;
    assert!(answer.is_ok(), "{answer:?}");
    // One fetch more confirms it.
    world
        .caller
        .get("/api", &old)
        .await
        .assert_invalid("unknown_key");
    assert_eq!(world.issuer.requests(Endpoint::Jwks), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_token_is_refused_on_its_next_request_after_a_scheduled_refresh_without_its_key() {
    let world = World::warm_with(|jwks| jwks.with_times(quick())).await;
    let old = cached(&world).await;
    let generation = world.jwks.status().generation;
    world.issuer.rotate_and_drop_old();
    let swapped = || (world.jwks.status().generation != generation).then_some(());
    until("the new set", SOON, swapped).await;
    world
        .caller
        .get("/api", &old)
        .await
        .assert_invalid("unknown_key");
    world
        .caller
        .get("/api", &old)
        .await
        .assert_invalid("unknown_key");
    assert!(world.caller.get("/api", &world.token()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_token_survives_a_rotation_that_keeps_its_key() {
    let world = World::warm().await;
    let old = cached(&world).await;
    let generation = world.jwks.status().generation;
    world.issuer.rotate_keeping_old();
    assert!(world.caller.get("/api", &world.token()).await.is_ok());
    assert_ne!(world.jwks.status().generation, generation);
    let answer = world.caller.get("/api", &old).await;
    assert_eq!(answer.provenance(), Some("cached"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_token_whose_key_was_replaced_under_its_kid_is_refused() {
    let world = World::warm_with(|jwks| jwks.with_times(quick())).await;
    let old = cached(&world).await;
    let key = world.issuer.key();
    let kid = key.kid().expect("a named key");
    let generation = world.jwks.status().generation;
    let other = portcullis_testing::SigningKey::es256().with_kid(kid);
    world.issuer.publish(&other);
    world.issuer.sign_with(&other);
    // Two keys of one id: such a set is not used.
    let broken = || world.jwks.status().last_error;
    until("the double id", SOON, broken).await;
    assert!(world.caller.get("/api", &old).await.is_ok());

    world.issuer.withdraw(kid);
    world.issuer.publish(&other);
    let swapped = || (world.jwks.status().generation != generation).then_some(());
    until("the new set", SOON, swapped).await;
    world
        .caller
        .get("/api", &old)
        .await
        .assert_invalid("bad_signature");
    assert!(world.caller.get("/api", &world.token()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_token_is_refused_from_the_second_it_expires_also_while_the_issuer_is_down() {
    let clock = TestClock::following_tokio();
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(clock.clone())
        .lifetime(Duration::from_secs(60))
        .start()
        .await;
    let world = World::start_at(issuer, clock.clone(), |jwks| jwks).await;
    world.until_healthy(SOON).await;
    let expires = clock.wall().as_secs() + 60;
    let token = good(&world.issuer);
    for provenance in ["fresh", "cached"] {
        let answer = world.caller.get("/api", &token).await;
        assert_eq!(answer.provenance(), Some(provenance), "{answer:?}");
    }
    world.issuer.mode(portcullis_testing::Mode::Refuse);
    // 30 s of leeway, and nothing beyond.
    clock.advance_sync(Duration::from_secs(80));
    assert!(
        clock.wall().as_secs() < expires + 30,
        "this machine is too slow"
    );
    let answer = world.caller.get("/api", &token).await;
    assert_eq!(answer.provenance(), Some("cached"), "{answer:?}");
    clock.advance_sync(Duration::from_secs(11));
    world
        .caller
        .get("/api", &token)
        .await
        .assert_invalid("expired");
}
