//! Floods of tokens whose key nobody has: they cost the issuer a handful of fetches, and others nothing.

use std::time::{Duration, Instant};

use http::StatusCode;
use portcullis_auth::jwks::{FetchBudget, JwksLimits};
use portcullis_testing::{Endpoint, Mode, SigningKey};
use portcullis_tests::outage::{Flood, Load, UnknownKey, World, good, until, until_async};

const LONGEST: Duration = Duration::from_millis(2_500);
const SOON: Duration = Duration::from_secs(20);

/// What unknown keys may cause in this time.
fn permitted(budget: FetchBudget, elapsed: Duration) -> usize {
    budget.burst() as usize + (elapsed.as_secs() / budget.period().as_secs()) as usize
}

fn random_kids(unknown: &UnknownKey, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| unknown.token(&format!("{:032x}", fastrand::u128(..))))
        .collect()
}

/// Good requests: cached ones, and ones never seen before.
fn known(world: &World) -> Load {
    let (caller, issuer, key) = (
        world.caller.clone(),
        world.issuer.clone(),
        world.issuer.key(),
    );
    let hot = good(&issuer);
    Load::start(8, Duration::from_millis(2), move |worker| {
        let token = match worker % 2 {
            0 => hot.clone(),
            _ => issuer.token().subject("alice").client("app").sign(&key),
        };
        let caller = caller.clone();
        async move { caller.get("/api", &token).await }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_random_kids_at_once_cost_two_fetches_and_no_good_request() {
    let world = World::warm().await;
    let before = world.issuer.requests(Endpoint::Jwks);
    let tokens = random_kids(&UnknownKey::of(&world.issuer), 10_000);
    let known = known(&world);
    let start = Instant::now();
    let flood = Flood::start(world.service.base(), "/api", tokens);
    let mut served = 0;
    for answered in [2_500, 5_000, 7_500] {
        let more = || (flood.answered() >= answered).then_some(());
        until("the flood", SOON, more).await;
        let now = known.answered();
        assert!(now > served, "known keys are served meanwhile");
        served = now;
    }
    let flood = flood.finish().await;
    known.stop().await.assert_all_ok();
    let fetched = world.issuer.requests(Endpoint::Jwks) - before;
    let permitted = permitted(FetchBudget::DEFAULT, start.elapsed());
    assert!((1..=permitted).contains(&fetched), "{fetched}");
    // Nobody passes; to be told that there is no such key takes a fetch that began later.
    let told = flood.count(StatusCode::UNAUTHORIZED) + flood.count(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(told, 10_000, "{flood:?}");
    assert_eq!(world.issuer.requests(Endpoint::OpenIdConfiguration), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_keys_are_served_while_a_flood_waits_for_a_fetch() {
    let world = World::warm().await;
    let before = world.issuer.requests(Endpoint::Jwks);
    let tokens = random_kids(&UnknownKey::of(&world.issuer), 1_000);
    // Who depended on a fetch now would not be served now.
    world.issuer.mode(Mode::Hold);
    let known = known(&world);
    let flood = Flood::start(world.service.base(), "/api", tokens);
    let most = 1_000 - JwksLimits::default().max_waiters;
    let answered = || (flood.answered() >= most).then_some(());
    until("those who do not wait", SOON, answered).await;
    let served = known.answered();
    let more = || (known.answered() > served + 20).then_some(());
    until("known keys", SOON, more).await;
    // Those who waited waited for as long as a request may.
    let flood = flood.finish().await;
    known.stop().await.assert_all_ok();
    flood.assert_all_unavailable();
    assert_eq!(world.issuer.requests(Endpoint::Jwks), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_token_with_a_new_key_during_a_flood_is_never_401_and_passes_in_the_end() {
    let period = Duration::from_secs(2);
    let budget = FetchBudget::new(period, 2);
    let world = World::warm_with(|jwks| jwks.with_fetch_budget(budget)).await;
    let before = world.issuer.requests(Endpoint::Jwks);
    let start = Instant::now();
    let known = known(&world);
    // The flood goes on until the end, and it is there first.
    let unknown = UnknownKey::of(&world.issuer);
    let attack = Load::start(100, Duration::ZERO, {
        let caller = portcullis_tests::outage::Caller::http2(world.service.base());
        move |_| {
            let token = unknown.token(&format!("{:032x}", fastrand::u128(..)));
            let caller = caller.clone();
            async move { caller.get("/api", &token).await }
        }
    });
    let spent = || (world.issuer.requests(Endpoint::Jwks) >= before + 2).then_some(());
    until("a budget that is spent", SOON, spent).await;

    world.issuer.rotate_keeping_old();
    let token = world.token();
    let mut unavailable = 0;
    loop {
        let answer = world.caller.get("/api", &token).await;
        assert!(answer.took < LONGEST, "{answer:?}");
        if answer.is_ok() {
            break;
        }
        answer.assert_unavailable();
        assert!(
            answer.retry_after() <= Some(1 + 2 * period.as_secs()),
            "{answer:?}"
        );
        unavailable += 1;
        assert!(start.elapsed() < SOON, "it never passes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(unavailable > 0, "the budget was spent");
    let attack = attack.stop().await;
    known.stop().await.assert_all_ok();
    assert_eq!(attack.count(StatusCode::OK), 0, "{attack:?}");
    let permitted = permitted(budget, start.elapsed());
    let fetched = world.issuer.requests(Endpoint::Jwks) - before;
    assert!(fetched <= permitted, "{fetched} of {permitted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_the_id_of_the_next_key_first_keeps_nobody_out_when_it_comes() {
    let period = Duration::from_secs(1);
    let world = World::warm_with(|jwks| jwks.with_fetch_budget(FetchBudget::new(period, 2))).await;
    let next = SigningKey::es256().with_kid("2030-02");
    // Issued an hour ago, by their own word: what a fetch of now says is final for them.
    let unknown = UnknownKey::of(&world.issuer).aged(Duration::from_secs(3_600));
    let token = unknown.token("2030-02");
    let refused = || async {
        let answer = world.caller.get("/api", &token).await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(answer)
    };
    let (answer, _) = until_async("a refusal", SOON, refused).await;
    answer.assert_invalid("unknown_key");
    // And it goes on, with all the ages that there are.
    let attack = Load::start(20, Duration::from_millis(1), {
        let (caller, issuer) = (world.caller.clone(), world.issuer.clone());
        move |_| {
            let age = Duration::from_secs([0, 1, 31, 3_600][fastrand::usize(..4)]);
            let token = UnknownKey::of(&issuer).aged(age).token("2030-02");
            let caller = caller.clone();
            async move { caller.get("/api", &token).await }
        }
    });
    let attacked = || (attack.answered() > 500).then_some(());
    until("the attack", SOON, attacked).await;

    world.issuer.publish(&next);
    world.issuer.sign_with(&next);
    let start = Instant::now();
    let mut accepted = 0;
    while accepted < 20 {
        let answer = world.caller.get("/api", &world.token()).await;
        if answer.is_ok() {
            accepted += 1;
        } else {
            assert_eq!(accepted, 0, "once in, always in: {answer:?}");
            answer.assert_unavailable();
        }
        assert!(start.elapsed() < SOON, "it never passes");
    }
    assert!(
        start.elapsed() < 2 * period + LONGEST,
        "{:?}",
        start.elapsed()
    );
    let attack = attack.stop().await;
    assert_eq!(attack.count(StatusCode::OK), 0, "{attack:?}");
}
