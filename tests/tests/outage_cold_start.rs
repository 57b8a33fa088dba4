//! A service that starts while its issuer is down: it says so, and is well as soon as the issuer is.

use std::time::Duration;

use portcullis_auth::jwks::{FetchError, Freshness};
use portcullis_testing::{Mode, SigningKey, forge};
use portcullis_tests::outage::{UnknownKey, World, issuer, quick, until_async};

const LONGEST: Duration = Duration::from_millis(2_500);
const AT_ONCE: Duration = Duration::from_millis(800);
const SOON: Duration = Duration::from_secs(10);

async fn started_while(mode: Mode, error: FetchError) {
    let times = quick();
    let issuer = issuer().await;
    issuer.mode(mode);
    let world = World::start(issuer, |jwks| jwks.with_times(times)).await;
    let good = world.token();
    let tokens = [
        good.clone(),
        forge::tampered(&good),
        forge::bad_signature(&good),
        UnknownKey::of(&world.issuer).token("nobody's"),
        world
            .issuer
            .token()
            .client("app")
            .subject("alice")
            .sign(&SigningKey::es256().without_kid()),
    ];

    // Before the first attempt has failed: those who wait do so within the deadline.
    let answer = world.caller.get("/api", &good).await;
    answer.assert_unavailable();
    assert!(answer.took < LONGEST, "{answer:?}");
    world.until_failing(1, SOON).await;
    for token in &tokens {
        let answer = world.caller.get("/api", token).await;
        answer.assert_unavailable();
        assert!(answer.took < AT_ONCE, "{answer:?}");
    }
    assert!(world.caller.get_open("/open").await.is_ok());

    let status = world.jwks.status();
    assert_eq!(status.freshness, Freshness::Cold);
    assert_eq!(status.last_error, Some(error));
    assert_eq!((status.keys, status.age), (0, None));
    assert!(!status.is_healthy() && status.failures > 0, "{status:?}");

    world.issuer.mode(Mode::Ok);
    let accepted = || async {
        let answer = world.caller.get("/api", &good).await;
        if !answer.is_ok() {
            answer.assert_unavailable();
        }
        answer.is_ok().then_some(())
    };
    let bound = times.retry_max + 2 * times.attempt;
    until_async("the same token", bound, accepted).await;
    let status = world.jwks.status();
    assert_eq!(status.freshness, Freshness::Fresh);
    assert!(status.is_healthy() && status.keys == 1, "{status:?}");
    for forged in &tokens[1..3] {
        world
            .caller
            .get("/api", forged)
            .await
            .assert_invalid("bad_signature");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_connections_are_refused_it_answers_503_and_heals() {
    started_while(Mode::Refuse, FetchError::Connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_the_issuer_hangs_it_answers_503_and_heals() {
    started_while(Mode::Hang, FetchError::Timeout).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_the_issuer_answers_500_it_answers_503_and_heals() {
    started_while(Mode::Error500, FetchError::Status(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_the_issuer_answers_garbage_it_answers_503_and_heals() {
    started_while(Mode::Garbage, FetchError::NotJson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_the_set_is_empty_it_answers_503_and_heals() {
    started_while(Mode::EmptySet, FetchError::NoUsableKey).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_the_issuer_is_down_a_token_that_is_bad_without_its_key_is_still_401() {
    let issuer = issuer().await;
    issuer.mode(Mode::Refuse);
    let world = World::start(issuer, |jwks| jwks).await;
    let token = || world.issuer.token().subject("alice").client("app");
    for (token, reason) in [
        (token().expired(Duration::from_secs(600)).issue(), "expired"),
        (token().audience("another").issue(), "wrong_audience"),
        (
            token().issuer("https://evil.example").issue(),
            "issuer_not_trusted",
        ),
        ("a.b.c".to_owned(), "malformed_token"),
    ] {
        world
            .caller
            .get("/api", &token)
            .await
            .assert_invalid(reason);
    }
}
