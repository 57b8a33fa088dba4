//! Keys that are missing: found, refused by evidence, or "could not find out"; and never a storm.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::time::Duration;

use futures_util::future::join_all;
use jwks_support::{ALGORITHM, HOUR, MINUTE, Rig, SECOND, settle, unknown, until};
use portcullis_auth::jwks::{FetchBudget, Jwks, JwksLimits, Missing, Wanted};
use portcullis_core::{Clock, OutageCause, UnixTime};
use portcullis_testing::{Mode, SigningKey, TestClock};
use tokio::time::{Instant, sleep};

const LEEWAY: Duration = Duration::from_secs(30);

/// What was answered, and after how long.
async fn find(rig: &Rig, jwks: &Jwks<TestClock>, wanted: Wanted<'_>) -> (Missing, Duration) {
    let start = Instant::now();
    let deadline = rig.clock.now() + 2 * SECOND;
    let missing = jwks.find_missing(&wanted, deadline).await;
    (missing, start.elapsed())
}

/// The delay that an outage asks for.
fn retry_after(missing: &Missing) -> Duration {
    match missing {
        Missing::Outage(outage) => {
            assert_eq!(outage.cause, OutageCause::KeyUnavailable);
            assert!(outage.held.is_none());
            outage.retry_after.unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn at(kid: &str, issued: UnixTime) -> Wanted<'_> {
    unknown(kid).issued_at(Some(issued), LEEWAY)
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_one_fetch() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let new = rig.issuer.rotate();
    let wanted = unknown(new.kid().unwrap());
    assert!(jwks.miss_now(&wanted).is_none(), "it would wait");
    assert_eq!(rig.fetches(), 1, "and it starts nothing");
    let (missing, _) = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    assert!(jwks.load().find(new.kid(), ALGORITHM).is_ok());
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
    assert_eq!(rig.fetches(), 2);
    let asked = rig
        .issuer
        .last_headers(portcullis_testing::Endpoint::Jwks)
        .unwrap();
    assert_eq!(
        asked["cache-control"], "no-cache",
        "caches on the way must look again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_without_an_id_is_found_by_its_algorithm() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let new = SigningKey::ed25519();
    rig.issuer.publish(&new);
    let wanted = Wanted::new(None, portcullis_auth::key::Algorithm::EdDSA);
    let (missing, _) = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    // The one that is there is not missing.
    let held = Wanted::new(None, ALGORITHM);
    assert!(matches!(jwks.miss_now(&held), Some(Missing::LookAgain)));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_exist_costs_one_fetch_and_then_none() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let issued = rig.clock.wall() - MINUTE;
    let (missing, _) = find(&rig, &jwks, at("none", issued)).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    for _ in 0..100 {
        let again = jwks.miss_now(&at("none", issued));
        assert!(matches!(again, Some(Missing::Absent)), "{again:?}");
    }
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_cause_two_fetches() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(Mode::Slow(SECOND / 2));
    let start = Instant::now();
    let kids: Vec<_> = (0..10_000).map(|kid| kid.to_string()).collect();
    let found = join_all(kids.iter().map(|kid| find(&rig, &jwks, unknown(kid)))).await;
    assert!(start.elapsed() <= 2 * SECOND + Duration::from_millis(10));
    let (mut absent, mut outages) = (0, 0);
    for (missing, _) in &found {
        match missing {
            Missing::Absent => absent += 1,
            Missing::LookAgain => panic!("nobody published a key"),
            outage => {
                outages += 1;
                assert!(retry_after(outage) >= SECOND);
            }
        }
    }
    // The first fetch is evidence for whoever came before it began, the one who caused it; the others who
    // got a place waited for the second. Nobody else waits.
    assert_eq!(absent + outages, 10_000);
    assert!((1..=257).contains(&absent), "{absent}");
    assert_eq!(rig.fetches(), 3);
    // Another flood half a minute long gets what the budget has.
    for second in 0..30 {
        let kids: Vec<_> = (0..300).map(|kid| format!("{second}-{kid}")).collect();
        join_all(kids.iter().map(|kid| find(&rig, &jwks, unknown(kid)))).await;
        sleep(SECOND).await;
    }
    let minutes = start.elapsed().as_secs() / 30;
    assert!(rig.fetches() as u64 <= 1 + 2 + minutes, "{}", rig.fetches());
}

#[tokio::test(start_paused = true)]
async fn known_keys_never_notice_a_fetch_that_hangs() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let known = rig.issuer.key();
    rig.issuer.mode(Mode::Hang);
    let waiting = tokio::spawn({
        let (jwks, deadline) = (jwks.clone(), rig.clock.now() + 2 * SECOND);
        async move { jwks.find_missing(&unknown("a"), deadline).await }
    });
    settle().await;
    assert!(jwks.status().fetching);
    let start = Instant::now();
    for _ in 0..1000 {
        assert!(jwks.load().find(known.kid(), ALGORITHM).is_ok());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Whoever waits is let go at the deadline, not at that of the fetch.
    let missing = waiting.await.unwrap();
    assert!(start.elapsed() <= 2 * SECOND);
    assert!(retry_after(&missing) <= 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_down_nobody_waits_and_nobody_fetches() {
    for mode in [Mode::Refuse, Mode::Hang, Mode::Error500] {
        let mut rig = Rig::new();
        let jwks = rig.warm().await;
        rig.issuer.mode(mode.clone());
        let (missing, took) = find(&rig, &jwks, unknown("first")).await;
        assert!(took <= 2 * SECOND, "the one who finds out");
        assert!(retry_after(&missing) >= SECOND);
        until(6 * SECOND, || jwks.status().last_error.is_some()).await;
        for round in 0..600 {
            let kid = round.to_string();
            let now = jwks.miss_now(&unknown(&kid)).expect("no wait");
            assert!(retry_after(&now) <= 18 * SECOND, "{mode:?}: {now:?}");
            let (missing, took) = find(&rig, &jwks, unknown(&kid)).await;
            retry_after(&missing);
            assert_eq!(took, Duration::ZERO);
            sleep(SECOND / 10).await;
        }
        let refused = mode == Mode::Refuse;
        assert!(
            rig.fetches() <= 1 + 2 + 600 / 75,
            "{mode:?}: {}",
            rig.fetches()
        );
        assert!(refused || rig.fetches() > 3, "retries go on");
        rig.issuer.mode(Mode::Ok);
        until(30 * SECOND, || jwks.status().is_healthy()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_cold_start_the_first_fetch_is_waited_for() {
    let mut rig = Rig::new();
    rig.issuer.mode(Mode::Slow(SECOND));
    let jwks = rig.jwks();
    let key = rig.issuer.key();
    let (missing, took) = find(&rig, &jwks, unknown(key.kid().unwrap())).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
    assert!(took <= SECOND + Duration::from_millis(10));
    assert_eq!(rig.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_in_an_outage_is_an_outage() {
    let mut rig = Rig::new();
    rig.issuer.mode(Mode::Refuse);
    let jwks = rig.jwks();
    settle().await;
    let key = rig.issuer.key();
    let wanted = at(key.kid().unwrap(), rig.clock.wall());
    retry_after(&jwks.miss_now(&wanted).expect("no wait"));
    rig.issuer.mode(Mode::Ok);
    until(30 * SECOND, || !jwks.load().is_cold()).await;
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_survives_whoever_started_it() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(Mode::Slow(SECOND));
    let new = rig.issuer.rotate();
    let wanted = unknown(new.kid().unwrap());
    let impatient = tokio::time::timeout(SECOND / 2, find(&rig, &jwks, wanted)).await;
    assert!(impatient.is_err());
    sleep(SECOND).await;
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::LookAgain)));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_an_outage_until_it_is_not() {
    for (budget, burst, period) in [
        (FetchBudget::DEFAULT, 2, 30 * SECOND),
        (FetchBudget::ENTRA, 1, 5 * MINUTE),
    ] {
        let mut rig = Rig::new();
        rig.issuer.cache_control(Some("max-age=21600"));
        let jwks = rig.builder().with_fetch_budget(budget).build().unwrap();
        settle().await;
        for kid in ["a", "b"].iter().take(burst) {
            sleep(Duration::from_millis(10)).await;
            let (missing, _) = find(&rig, &jwks, unknown(kid)).await;
            assert!(matches!(missing, Missing::Absent), "{missing:?}");
        }
        // A key that is published just now has to wait, and its owner is told for how long.
        sleep(Duration::from_millis(10)).await;
        let new = rig.issuer.rotate();
        let wanted = unknown(new.kid().unwrap());
        let wait = retry_after(&jwks.miss_now(&wanted).expect("no wait"));
        assert!(
            wait > period - SECOND && wait <= period * 12 / 10,
            "{wait:?}"
        );
        sleep(wait).await;
        let (missing, _) = find(&rig, &jwks, wanted).await;
        assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
        assert_eq!(rig.fetches(), 1 + burst + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_looked_for_once_and_then_refused() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let old = rig.issuer.key();
    let issued = rig.clock.wall();
    rig.issuer.rotate_and_drop_old();
    sleep(14 * MINUTE).await;
    assert_eq!(rig.fetches(), 2);
    let wanted = at(old.kid().unwrap(), issued);
    let (missing, _) = find(&rig, &jwks, wanted).await;
    assert!(matches!(missing, Missing::Absent), "{missing:?}");
    assert_eq!(rig.fetches(), 3, "a replica may have lagged behind");
    assert!(matches!(jwks.miss_now(&wanted), Some(Missing::Absent)));
}

#[tokio::test(start_paused = true)]
async fn an_id_sent_ahead_does_not_make_the_first_good_token_invalid() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let next = SigningKey::es256().with_kid("2030-02");
    // The attacker knows how ids are made, and spends the budget on this one.
    for _ in 0..3 {
        sleep(SECOND).await;
        find(&rig, &jwks, at("2030-02", rig.clock.wall() - HOUR)).await;
    }
    assert_eq!(rig.fetches(), 2, "the third was refused by evidence");
    sleep(MINUTE).await;
    rig.issuer.publish(&next);
    let (missing, _) = find(&rig, &jwks, at("2030-02", rig.clock.wall())).await;
    assert!(matches!(missing, Missing::LookAgain), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn in_a_flood_a_new_key_is_found_or_unavailable_but_never_absent() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    let mut known = rig.issuer.key();
    let mut found = 0;
    for round in 0..120_u32 {
        for junk in 0..200 {
            let kid = format!("{round}-{junk}");
            let _ = jwks.miss_now(&at(&kid, rig.clock.wall()));
        }
        find(&rig, &jwks, unknown(&format!("{round}"))).await;
        if round % 20 == 0 {
            // Published and used at once, in the middle of it.
            known = rig.issuer.rotate();
        }
        if jwks.load().find(known.kid(), ALGORITHM).is_err() {
            let wanted = at(known.kid().unwrap(), rig.clock.wall());
            match find(&rig, &jwks, wanted).await.0 {
                Missing::LookAgain => found += 1,
                outage => drop(retry_after(&outage)),
            }
        }
        sleep(SECOND).await;
    }
    assert!(found > 0);
    assert!(rig.fetches() <= 1 + 2 + 120 / 30, "{}", rig.fetches());
    // Whoever keeps to the delay that he is told gets in.
    let wanted = at(known.kid().unwrap(), rig.clock.wall());
    if let (outage @ Missing::Outage(_), _) = find(&rig, &jwks, wanted).await {
        sleep(retry_after(&outage)).await;
        find(&rig, &jwks, wanted).await;
    }
    assert!(jwks.load().find(known.kid(), ALGORITHM).is_ok());
}

#[tokio::test(start_paused = true)]
async fn places_to_wait_are_bounded() {
    let mut rig = Rig::new();
    let mut limits = JwksLimits::default();
    limits.max_waiters = 3;
    let jwks = rig.builder().with_limits(limits).build().unwrap();
    settle().await;
    rig.issuer.mode(Mode::Hold);
    let kids: Vec<_> = (0..10).map(|kid| kid.to_string()).collect();
    let found = join_all(kids.iter().map(|kid| find(&rig, &jwks, unknown(kid)))).await;
    // The one who started it, and three more.
    let waited = found.iter().filter(|(_, took)| *took >= 2 * SECOND).count();
    assert_eq!(waited, 4);
    assert!(
        found
            .iter()
            .all(|(missing, _)| retry_after(missing) >= SECOND)
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_answered_at_once() {
    let mut rig = Rig::new();
    let jwks = rig.warm().await;
    rig.issuer.mode(Mode::Hold);
    let start = Instant::now();
    let missing = jwks
        .find_missing(&unknown("a"), rig.clock.now() - SECOND)
        .await;
    assert!(retry_after(&missing) >= SECOND);
    assert!(start.elapsed() <= Duration::from_millis(1));
}

#[test]
fn outside_a_runtime_it_is_an_outage_not_a_panic() {
    let mut rig = Rig::new();
    let jwks = rig.jwks();
    assert!(jwks.miss_now(&unknown("a")).is_none());
    let deadline = rig.clock.now() + SECOND;
    let missing = futures_executor(jwks.find_missing(&unknown("a"), deadline));
    assert!(retry_after(&missing) >= SECOND);
    assert_eq!(rig.fetches(), 0);
}

/// Polls once, without any runtime.
fn futures_executor<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Waker};
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something that cannot come"),
    }
}
