//! The issuer in each way to be broken, while requests run.
//!
//! | request, while the issuer is broken | answer |
//! |---|---|
//! | a good token with a known key, seen before or not | 200, without a wait |
//! | a good token with a key of after the break, a token with a key that nobody has | 503 with `Retry-After`, no challenge; at once as soon as the issuer is known to be down |
//! | a route without auth | 200 |
//!
//! And the new key is accepted soon after the issuer is back.

use std::time::Duration;

use portcullis_testing::{Endpoint, FakeIssuer, Mode};
use portcullis_tests::outage::{Caller, Load, UnknownKey, World, good, issuer, quick, until_async};

/// The deadline of a request, and what a busy machine adds.
const LONGEST: Duration = Duration::from_millis(2_500);
/// No wait, on a busy machine. A wait would be 2 s, and a call of the issuer 1.5 s.
const AT_ONCE: Duration = Duration::from_millis(800);
const PACE: Duration = Duration::from_millis(10);
const SOON: Duration = Duration::from_secs(20);

/// The loads that run all the time.
struct Loads {
    hot: Load,
    fresh: Load,
    open: Load,
}

impl Loads {
    fn start(world: &World) -> Self {
        let (caller, issuer) = (world.caller.clone(), world.issuer.clone());
        let hot = good(&issuer);
        let known = issuer.key();
        Self {
            hot: Load::start(3, PACE, {
                let caller = caller.clone();
                move |_| {
                    let (caller, hot) = (caller.clone(), hot.clone());
                    async move { caller.get("/api", &hot).await }
                }
            }),
            fresh: Load::start(3, PACE, {
                let caller = caller.clone();
                move |_| {
                    let token = issuer.token().subject("alice").client("app").sign(&known);
                    let caller = caller.clone();
                    async move { caller.get("/api", &token).await }
                }
            }),
            open: Load::start(2, PACE, move |_| {
                let caller = caller.clone();
                async move { caller.get_open("/open").await }
            }),
        }
    }

    /// Nobody who needs nothing of the issuer has noticed anything.
    async fn stop(self) {
        for load in [self.hot, self.fresh, self.open] {
            let tally = load.stop().await;
            tally.assert_all_ok();
            assert!(tally.slowest < AT_ONCE, "{tally:?}");
        }
    }
}

/// Requests with keys that nobody has.
fn unknown(caller: &Caller, issuer: &FakeIssuer, workers: usize) -> Load {
    let (caller, unknown) = (caller.clone(), UnknownKey::of(issuer));
    Load::start(workers, PACE, move |_| {
        let (caller, token) = (
            caller.clone(),
            unknown.token(&fastrand::u64(..).to_string()),
        );
        async move { caller.get("/api", &token).await }
    })
}

/// Waits until a token of now is accepted, and says how long that took. Until then it is never 401.
async fn until_healed(world: &World, bound: Duration) -> Duration {
    let accepted = || async {
        let answer = world.caller.get("/api", &world.token()).await;
        if !answer.is_ok() {
            answer.assert_unavailable();
        }
        answer.is_ok().then_some(())
    };
    until_async("a token with the new key", bound, accepted)
        .await
        .1
}

async fn broken(mode: Mode) {
    let times = quick();
    let world = World::warm_with(|jwks| jwks.with_times(times)).await;
    let loads = Loads::start(&world);

    world.issuer.mode(mode);
    // From the very moment on: not known to be down yet.
    let early = unknown(&world.caller, &world.issuer, 4);
    world.until_failing(1, SOON).await;
    let early = early.stop().await;
    early.assert_all_unavailable();
    assert!(early.slowest < LONGEST, "{early:?}");

    // Known to be down, whatever attempt is going on meanwhile.
    let late = unknown(&world.caller, &world.issuer, 4);
    world.issuer.rotate_keeping_old();
    let rotated = world.token();
    let failures = world.jwks.status().failures;
    while world.jwks.status().failures < failures + 2 {
        let answer = world.caller.get("/api", &rotated).await;
        answer.assert_unavailable();
        assert!(answer.took < AT_ONCE, "{answer:?}");
    }
    let late = late.stop().await;
    late.assert_all_unavailable();
    assert!(late.slowest < AT_ONCE, "{late:?}");
    let held = world.jwks.load().keys().len();
    assert_eq!(held, 1, "nothing was learned while it was down");

    world.issuer.mode(Mode::Ok);
    // What `JwksTimes::retry_max` promises: it, and an attempt on either side.
    let healed = until_healed(&world, times.retry_max + 2 * times.attempt).await;
    assert!(healed < Duration::from_secs(30));
    loads.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_refuses_connections_breaks_no_good_token() {
    broken(Mode::Refuse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_hangs_breaks_no_good_token() {
    broken(Mode::Hang).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_slower_than_its_deadline_breaks_no_good_token() {
    broken(Mode::Slow(Duration::from_secs(4))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_answers_500_breaks_no_good_token() {
    broken(Mode::Error500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_answers_garbage_breaks_no_good_token() {
    broken(Mode::Garbage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_answers_without_end_breaks_no_good_token() {
    broken(Mode::Oversize).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_with_an_empty_set_breaks_no_good_token() {
    broken(Mode::EmptySet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_resets_connections_breaks_no_good_token() {
    broken(Mode::Reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_redirects_elsewhere_breaks_no_good_token() {
    let elsewhere = issuer().await;
    broken(Mode::Redirect(elsewhere.url().to_owned())).await;
    for endpoint in [Endpoint::Jwks, Endpoint::OpenIdConfiguration] {
        assert_eq!(elsewhere.requests(endpoint), 0, "nobody went there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_slow_within_its_deadline_delays_only_those_with_a_new_key() {
    let world = World::warm_with(|jwks| jwks.with_times(quick())).await;
    let loads = Loads::start(&world);
    world.issuer.mode(Mode::Slow(Duration::from_millis(300)));
    for _ in 0..2 {
        world.issuer.rotate_keeping_old();
        let answer = world.caller.get("/api", &world.token()).await;
        assert!(answer.is_ok(), "{answer:?}");
        assert!(answer.took < LONGEST, "{answer:?}");
    }
    loads.stop().await;
}
