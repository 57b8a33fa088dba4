//! Keys over time: refreshed ahead, kept through every failure, healed after it.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use jwks_support::{ALGORITHM, HOUR, MINUTE, Rig, SECOND, settle, until};
use portcullis_auth::jwks::{FetchError, Freshness, HttpClient, JwksTimes};
use portcullis_core::{Clock, KeysEvent, KeysOutcome, Observer};
use portcullis_testing::{Mode, SigningKey};
use tokio::time::{Instant, sleep, sleep_until};
use tower::ServiceExt;

/// Every way to fail, and what it is called.
fn failures() -> Vec<(Mode, &'static str)> {
    let custom = |body: String| Mode::Custom(StatusCode::OK, body.into());
    let key = SigningKey::es256().with_kid("twice");
    let twice = portcullis_testing::jwks([&key, &SigningKey::es256().with_kid("twice")]);
    let many: Vec<_> = (0..257).map(|_| key.jwk()).collect();
    vec![
        (Mode::Error500, "status"),
        (Mode::Garbage, "not_json"),
        (custom("[]".into()), "not_json"),
        (custom("<html></html>".into()), "not_json"),
        (Mode::Oversize, "too_large"),
        (Mode::EmptySet, "no_usable_key"),
        (
            custom(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.into()),
            "symmetric_key",
        ),
        (custom(twice.to_string()), "duplicate_kid"),
        (
            custom(serde_json::json!({ "keys": many }).to_string()),
            "too_many_keys",
        ),
        (Mode::Reset, "connect"),
        (Mode::Refuse, "connect"),
        (Mode::Hang, "timeout"),
        (Mode::Slow(6 * SECOND), "timeout"),
        (
            Mode::Redirect("https://elsewhere.example".into()),
            "redirect",
        ),
        (
            Mode::Custom(StatusCode::NOT_MODIFIED, Bytes::new()),
            "status",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_at_four_fifths_of_their_age_give_or_take_a_tenth() {
    for (cache_control, age) in [
        (None, 15 * MINUTE),
        (Some("max-age=3600"), HOUR),
        (Some("max-age=1"), 5 * MINUTE),
        (Some("no-store"), 5 * MINUTE),
        (Some("no-cache"), 5 * MINUTE),
        (Some("max-age=31536000"), 6 * HOUR),
    ] {
        let mut rig = Rig::new();
        rig.issuer.cache_control(cache_control);
        let start = Instant::now();
        let jwks = rig.warm().await;
        assert_eq!(rig.fetches(), 1);
        sleep_until(start + age * 7 / 10 - SECOND).await;
        assert_eq!(rig.fetches(), 1, "{cache_control:?}: too early");
        sleep_until(start + age * 9 / 10 + SECOND).await;
        assert_eq!(rig.fetches(), 2, "{cache_control:?}: too late");
        assert_eq!(jwks.status().freshness, Freshness::Fresh);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_is_confirmed_by_its_tag() {
    let mut rig = Rig::new();
    rig.issuer.etag(true);
    let jwks = rig.warm().await;
    let (generation, obtained) = (jwks.load().generation(), jwks.load().obtained());
    sleep(14 * MINUTE).await;
    assert_eq!((rig.fetches(), rig.issuer.not_modified()), (2, 1));
    assert_eq!(jwks.load().generation(), generation);
    assert!(jwks.load().obtained() > obtained, "its age starts anew");
    let refreshed = |changed| KeysOutcome::Refreshed {
        keys: 1,
        dropped: 0,
        changed,
    };
    assert_eq!(rig.log.take(), [refreshed(true), refreshed(false)]);
}

#[tokio::test(start_paused = true)]
async fn an_equal_set_without_a_tag_keeps_its_generation() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let generation = jwks.load().generation();
    sleep(14 * MINUTE).await;
    assert_eq!((rig.fetches(), rig.issuer.not_modified()), (2, 0));
    assert_eq!(jwks.load().generation(), generation);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_arrives_and_a_withdrawn_key_is_gone() {
    let mut rig = Rig::new();
    rig.issuer.etag(true);
    let jwks = rig.warm().await;
    let old = rig.issuer.key();
    let before = jwks.load();
    let material = before.find(old.kid(), ALGORITHM).unwrap().material_id();
    let new = rig.issuer.rotate_and_drop_old();
    sleep(14 * MINUTE).await;
    let after = jwks.load();
    assert!(after.find(new.kid(), ALGORITHM).is_ok());
    assert!(after.find(old.kid(), ALGORITHM).is_err());
    assert_ne!(after.generation(), before.generation());
    assert!(before.is_live(&material) && !after.is_live(&material));
    assert!(
        before.find(old.kid(), ALGORITHM).is_ok(),
        "a snapshot never changes"
    );
}

#[tokio::test(start_paused = true)]
async fn one_unusable_key_is_left_out() {
    let mut rig = Rig::new();
    let mut bad = SigningKey::es256().jwk();
    bad["use"] = "enc".into();
    rig.issuer.publish_jwk(bad);
    let status = rig.warm().await.status();
    assert_eq!((status.keys, status.dropped), (1, 1));
    assert!(status.is_healthy());
}

#[tokio::test(start_paused = true)]
async fn no_failure_takes_keys_away_and_every_one_heals_within_30_s() {
    for (mode, label) in failures() {
        let mut rig = Rig::new();
        let jwks = rig.warm().await;
        let kid = rig.issuer.key();
        let generation = jwks.load().generation();
        rig.log.take();
        rig.issuer.mode(mode.clone());
        sleep(HOUR).await;
        assert_eq!(jwks.load().generation(), generation, "{mode:?}");
        assert!(jwks.load().find(kid.kid(), ALGORITHM).is_ok());
        let status = jwks.status();
        assert_eq!(status.freshness, Freshness::Stale, "{mode:?}");
        assert_eq!(
            status.last_error.map(FetchError::as_str),
            Some(label),
            "{mode:?}"
        );
        let errors = rig.log.errors();
        assert_eq!(
            status.failures as usize,
            errors.len(),
            "one event for each attempt"
        );
        assert!(errors.iter().all(|error| *error == label), "{errors:?}");
        rig.issuer.mode(Mode::Ok);
        let took = until(30 * SECOND, || jwks.status().is_healthy()).await;
        assert!(took <= 30 * SECOND);
        assert_eq!(jwks.status().failures, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_the_start_is_fetched_from_when_it_is_up() {
    for (mode, label) in failures() {
        let mut rig = Rig::new();
        rig.issuer.mode(mode.clone());
        let jwks = rig.jwks();
        sleep(10 * MINUTE).await;
        let status = jwks.status();
        assert_eq!(
            (status.freshness, status.keys),
            (Freshness::Cold, 0),
            "{mode:?}"
        );
        assert_eq!(
            status.last_error.map(FetchError::as_str),
            Some(label),
            "{mode:?}"
        );
        rig.issuer.mode(Mode::Ok);
        until(30 * SECOND, || jwks.status().is_healthy()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn retries_slow_down_to_one_in_fifteen_seconds_at_most() {
    let mut rig = Rig::new();
    rig.issuer.mode(Mode::Error500);
    let jwks = rig.jwks();
    sleep(HOUR).await;
    let fetches = rig.fetches();
    // Half of the pause is chance, so that many instances do not come in step.
    assert!(
        (3600 / 15..=3600 * 2 / 15 + 5).contains(&fetches),
        "{fetches}"
    );
    assert!(jwks.status().next_attempt_in <= 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn keys_expire_at_the_hard_age() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(Mode::Refuse);
    let hard = JwksTimes::default().hard;
    sleep(hard - MINUTE).await;
    assert_eq!(jwks.status().freshness, Freshness::Stale);
    sleep(3 * MINUTE).await;
    assert_eq!(jwks.status().freshness, Freshness::Expired);
    let overdue = jwks.load().overdue(rig.clock.wall(), hard).unwrap();
    assert!(overdue >= MINUTE && overdue <= 3 * MINUTE);
    assert!(
        !jwks.load().is_cold(),
        "a degrade policy may still use them"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_back_does_not_make_keys_young() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(Mode::Refuse);
    sleep(10 * HOUR).await;
    rig.clock.jump_wall(rig.clock.wall() - 9 * HOUR);
    sleep(2 * MINUTE).await;
    let age = jwks.status().age.unwrap();
    assert!(age >= 10 * HOUR, "{age:?}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_refreshes_when_it_wakes() {
    let mut rig = Rig::new();
    rig.issuer.cache_control(Some("max-age=3600"));
    let jwks = rig.warm().await;
    // The monotonic clock stands still in a machine that sleeps.
    rig.clock.advance_wall_only(2 * HOUR);
    assert_eq!(jwks.status().freshness, Freshness::Stale);
    sleep(2 * MINUTE).await;
    assert_eq!(rig.fetches(), 2);
    assert_eq!(jwks.status().freshness, Freshness::Fresh);
    // And not again and again.
    sleep(30 * MINUTE).await;
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn everything_ends_with_the_last_handle() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let other = jwks.clone();
    drop(jwks);
    sleep(14 * MINUTE).await;
    assert_eq!(rig.fetches(), 2, "a clone keeps the task");
    assert!(rig.client.upgrade().is_some());
    drop(other);
    settle().await;
    assert!(
        rig.client.upgrade().is_none(),
        "nothing holds the client any more"
    );
    sleep(HOUR).await;
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_may_go_during_a_fetch() {
    let mut rig = Rig::new();
    rig.issuer.mode(Mode::Hang);
    let jwks = rig.jwks();
    settle().await;
    assert_eq!(rig.fetches(), 1);
    drop(jwks);
    sleep(10 * SECOND).await;
    assert!(rig.client.upgrade().is_none());
    assert_eq!(rig.fetches(), 1);
}

#[test]
fn without_a_runtime_the_first_use_inside_one_starts_it() {
    let mut rig = Rig::new();
    let jwks = rig.jwks();
    assert!(jwks.load().is_cold());
    // The second time, the task of the first runtime went down with it.
    for fetches in 1..=2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            drop(jwks.load());
            settle().await;
        });
        assert_eq!(rig.fetches(), fetches);
        assert!(!jwks.load().is_cold());
        rig.clock.advance_sync(HOUR);
    }
}

#[test]
fn a_runtime_without_timers_is_told_about() {
    let mut rig = Rig::new();
    let jwks = rig.jwks();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        assert!(jwks.load().is_cold());
        assert_eq!(jwks.status().last_error, Some(FetchError::NoRuntime));
    });
    assert_eq!(rig.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_one_more_failure() {
    let mut rig = Rig::new();
    let broken = Arc::new(AtomicBool::new(true));
    let (good, switch) = (rig.issuer.client(), Arc::clone(&broken));
    let client = HttpClient::new(tower::service_fn(move |request: Request<Full<Bytes>>| {
        let (good, broken) = (good.clone(), switch.load(Ordering::Relaxed));
        async move {
            assert!(!broken, "a bug");
            good.oneshot(request).await
        }
    }));
    let jwks = rig.builder().with_http_client(client).build().unwrap();
    sleep(MINUTE).await;
    let status = jwks.status();
    assert_eq!(status.last_error, Some(FetchError::Panicked));
    assert!(status.panics > 2 && status.panics == status.failures);
    broken.store(false, Ordering::Relaxed);
    until(30 * SECOND, || jwks.status().is_healthy()).await;
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_costs_no_keys() {
    struct Broken;
    impl Observer for Broken {
        fn keys(&self, _: &KeysEvent<'_>) {
            panic!("a bug");
        }
    }
    let mut rig = Rig::new();
    let jwks = rig
        .builder()
        .with_observer(Arc::new(Broken))
        .build()
        .unwrap();
    sleep(14 * MINUTE).await;
    assert_eq!(rig.fetches(), 2);
    assert!(jwks.status().is_healthy() && jwks.status().panics == 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_does_not_end_the_task() {
    #[derive(Clone)]
    struct Moody(portcullis_testing::TestClock, Arc<AtomicBool>);
    impl Clock for Moody {
        fn now(&self) -> std::time::Instant {
            assert!(!self.1.load(Ordering::Relaxed), "a bug");
            self.0.now()
        }
        fn wall(&self) -> portcullis_core::UnixTime {
            self.0.wall()
        }
    }
    let mut rig = Rig::new();
    let broken = Arc::new(AtomicBool::new(false));
    let clock = Moody(rig.clock.clone(), Arc::clone(&broken));
    let jwks = rig.builder().with_clock(clock).build().unwrap();
    settle().await;
    broken.store(true, Ordering::Relaxed);
    sleep(HOUR).await;
    broken.store(false, Ordering::Relaxed);
    until(30 * SECOND, || rig.fetches() == 2).await;
    assert!(jwks.status().panics > 0);
    assert!(jwks.status().is_healthy());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_longer_than_the_soft_age_is_not_repeated_in_a_circle() {
    let mut rig = Rig::new();
    let mut times = JwksTimes::default();
    times.soft_min = Duration::from_millis(100);
    times.soft_default = times.soft_min;
    rig.issuer.mode(Mode::Slow(2 * SECOND));
    let _jwks = rig.builder().with_times(times).build().unwrap();
    sleep(MINUTE).await;
    assert!(rig.fetches() <= 21, "{}", rig.fetches());
}

#[tokio::test(start_paused = true)]
async fn a_response_may_be_empty_of_everything() {
    let mut rig = Rig::new();
    let client = HttpClient::new(tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::new())))
    }));
    let jwks = rig.builder().with_http_client(client).build().unwrap();
    settle().await;
    assert_eq!(jwks.status().last_error, Some(FetchError::NotJson));
}
