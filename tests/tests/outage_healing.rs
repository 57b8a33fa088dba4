//! How soon a service is right again after its issuer returned: within 30 s, with the default times.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks, Missing, Wanted};
use portcullis_auth::key::Algorithm;
use portcullis_core::Clock as _;
use portcullis_testing::{Endpoint, FakeIssuer, Mode, SigningKey, TestClock};
use portcullis_tests::outage::{World, until_async};

/// The promise.
const HEALED: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_with_a_new_key_is_accepted_within_30_s_of_the_return_with_default_times() {
    let world = World::warm().await;
    let old = world.token();
    world.issuer.mode(Mode::Refuse);
    world.issuer.rotate_and_drop_old();
    let new = world.token();
    // It is this request that finds out.
    world.caller.get("/api", &new).await.assert_unavailable();
    world.until_failing(3, HEALED).await;
    world.caller.get("/api", &new).await.assert_unavailable();
    assert!(world.caller.get("/api", &old).await.is_ok());

    world.issuer.mode(Mode::Ok);
    let accepted = || async {
        let answer = world.caller.get("/api", &new).await;
        if !answer.is_ok() {
            answer.assert_unavailable();
        }
        answer.is_ok().then_some(())
    };
    let ((), healed) = until_async("the new key", HEALED, accepted).await;
    assert!(healed < HEALED, "{healed:?}");
    let status = world.jwks.status();
    assert!(status.is_healthy(), "{status:?}");
    assert_eq!(status.failures, 0);
    let answer = world.caller.get("/api", &old).await;
    answer.assert_invalid("unknown_key");
}

/// The default times over hours of outage, so the clock is the test's and the wire is in memory.
#[tokio::test(start_paused = true)]
async fn keys_are_back_within_30_s_however_and_however_long_the_issuer_was_gone() {
    for mode in [
        Mode::Refuse,
        Mode::Hang,
        Mode::Reset,
        Mode::Error500,
        Mode::Slow(Duration::from_secs(6)),
    ] {
        for gone in [0, 1, 7, 64, 601, 3_600] {
            let healed = healed_after(mode.clone(), Duration::from_secs(gone)).await;
            assert!(healed < HEALED, "{mode:?} for {gone} s: {healed:?}");
        }
    }
}

/// Metadata and keys take 3 s each: too long for one attempt of 5 s, and neither is beyond it.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_takes_3_s_for_each_answer_is_no_outage_for_ever() {
    let (clock, issuer, jwks) = in_memory();
    issuer.mode(Mode::Slow(Duration::from_secs(3)));
    let start = clock.now();
    while !ask(&jwks, &issuer.key(), &clock).await {
        assert!(clock.now() - start < HEALED, "{:?}", jwks.status());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn in_memory() -> (TestClock, FakeIssuer, Jwks<TestClock>) {
    let clock = TestClock::following_tokio();
    let issuer = FakeIssuer::builder()
        .clock(clock.clone())
        .algorithm(portcullis_testing::Algorithm::Es256)
        .without_sockets();
    let client = HttpClient::new::<_, Full<Bytes>, _>(issuer.client());
    let jwks = Jwks::builder(issuer.issuer())
        .with_clock(clock.clone())
        .with_http_client(client)
        .build()
        .expect("a good configuration");
    (clock, issuer, jwks)
}

async fn healed_after(mode: Mode, gone: Duration) -> Duration {
    let (clock, issuer, jwks) = in_memory();
    issuer
        .wait_for_requests(Endpoint::Jwks, 1, Duration::from_secs(1))
        .await;
    issuer.mode(mode);
    let key = issuer.rotate_and_drop_old();
    ask(&jwks, &key, &clock).await;
    tokio::time::sleep(gone).await;
    let tried = jwks.status().failures;
    assert!(gone < Duration::from_secs(7) || tried > 0, "it was noticed");
    issuer.mode(Mode::Ok);
    let returned = clock.now();
    while !ask(&jwks, &key, &clock).await && clock.now() - returned < 2 * HEALED {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    clock.now() - returned
}

/// Asks for `key` as a request would; says whether it is there.
async fn ask(jwks: &Jwks<TestClock>, key: &SigningKey, clock: &TestClock) -> bool {
    if jwks.load().find(key.kid(), Algorithm::ES256).is_ok() {
        return true;
    }
    let wanted = Wanted::new(key.kid(), Algorithm::ES256);
    let deadline = clock.now() + Duration::from_secs(2);
    let found = jwks.find_missing(&wanted, deadline).await;
    assert!(
        !matches!(found, Missing::Absent),
        "a good key is never denied"
    );
    matches!(found, Missing::LookAgain)
}
