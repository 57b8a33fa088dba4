//! Keys that change while hundreds of requests are in the air.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use portcullis_auth::jwks::FetchBudget;
use portcullis_testing::Endpoint;
use portcullis_tests::outage::{Caller, Load, World, good, until_async};

const LONGEST: Duration = Duration::from_millis(2_500);
const SOON: Duration = Duration::from_secs(10);
const WORKERS: usize = 300;

/// Requests without a pause: those of even number with a token of the key that signs at the moment,
/// the others with the first one there ever was.
fn load(world: &World) -> Load {
    let callers: Vec<_> = (0..4)
        .map(|_| Caller::http2(world.service.base()))
        .collect();
    let (issuer, first) = (world.issuer.clone(), Arc::<str>::from(world.token()));
    Load::start(WORKERS, Duration::ZERO, move |worker| {
        let token = match worker % 2 {
            0 => good(&issuer),
            _ => first.to_string(),
        };
        let caller = callers[worker % callers.len()].clone();
        async move { caller.get("/api", &token).await }
    })
}

/// Waits until a token of now is accepted; it is never 401.
async fn until_accepted(world: &World) {
    let token = world.token();
    let accepted = || async {
        let answer = world.caller.get("/api", &token).await;
        if !answer.is_ok() {
            answer.assert_unavailable();
        }
        answer.is_ok().then_some(())
    };
    until_async("the new key", SOON, accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_under_load_refuse_nobody_and_cost_one_fetch_each() {
    let world = World::warm().await;
    let load = load(&world);
    let before = world.issuer.requests(Endpoint::Jwks);
    // As many as the default budget has at once.
    for rotation in 1..=2 {
        let answered = load.answered();
        world.issuer.rotate_keeping_old();
        until_accepted(&world).await;
        let more = || async { (load.answered() > answered + WORKERS).then_some(()) };
        until_async("load under the new key", SOON, more).await;
        assert_eq!(world.issuer.requests(Endpoint::Jwks), before + rotation);
    }
    let tally = load.stop().await;
    tally.assert_ok_or_unavailable();
    assert!(tally.slowest < LONGEST, "{tally:?}");
    assert!(tally.count(StatusCode::OK) > 2 * WORKERS, "{tally:?}");
    assert_eq!(world.jwks.load().keys().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_faster_than_the_budget_refuse_nobody_and_never_exceed_it() {
    let period = Duration::from_secs(1);
    let budget = FetchBudget::new(period, 2);
    let world = World::warm_with(|jwks| jwks.with_fetch_budget(budget)).await;
    let before = world.issuer.requests(Endpoint::Jwks);
    let start = Instant::now();
    let load = load(&world);
    for _ in 0..5 {
        world.issuer.rotate_keeping_old();
        until_accepted(&world).await;
    }
    let tally = load.stop().await;
    let permitted = 2 + start.elapsed().as_secs() as usize;
    let fetched = world.issuer.requests(Endpoint::Jwks) - before;
    assert!(fetched <= permitted, "{fetched} of {permitted}");
    assert!(fetched >= 5, "each rotation was found out about: {fetched}");
    tally.assert_ok_or_unavailable();
    assert!(tally.slowest < LONGEST, "{tally:?}");
    // The old tokens alone are half of it.
    assert!(tally.count(StatusCode::OK) > tally.total() / 3, "{tally:?}");
    assert_eq!(world.jwks.load().keys().len(), 6);
}
