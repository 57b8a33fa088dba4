//! What runs in the background ends with its last handle.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use portcullis_core::{KeysEvent, Observer};
use portcullis_testing::{Endpoint, FakeIssuer, Mode};
use portcullis_tests::outage::{World, issuer, quick, until};
use tokio::runtime::{Builder, Runtime};

const SOON: Duration = Duration::from_secs(10);

/// Lives as long as anything of the key source does.
#[derive(Default)]
struct Attempts(AtomicUsize);

impl Observer for Attempts {
    fn keys(&self, _: &KeysEvent<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A runtime of the service alone, so that its tasks can be counted.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn start(runtime: &Runtime, issuer: &FakeIssuer) -> (World, Weak<Attempts>) {
    let attempts = Arc::new(Attempts::default());
    let observed = Arc::downgrade(&attempts);
    let issuer = issuer.clone();
    let world = runtime
        .spawn(async move {
            let configure = |jwks: portcullis_auth::jwks::JwksBuilder| {
                jwks.with_times(quick()).with_observer(attempts)
            };
            World::start(issuer, configure).await
        })
        .await
        .expect("a world");
    (world, observed)
}

async fn until_nothing_is_left(runtime: &Runtime, observed: &Weak<Attempts>) {
    let gone = || (observed.strong_count() == 0).then_some(());
    until("the key source is gone", SOON, gone).await;
    let idle = || (runtime.metrics().num_alive_tasks() == 0).then_some(());
    until("every task has ended", SOON, idle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refresh_ends_with_the_last_handle() {
    let (issuer, runtime) = (issuer().await, runtime());
    let (world, observed) = start(&runtime, &issuer).await;
    // It refreshes by itself.
    issuer.wait_for_requests(Endpoint::Jwks, 4, SOON).await;
    let token = world.token();
    assert!(world.caller.get("/api", &token).await.is_ok());

    let World {
        jwks,
        verifier,
        service,
        caller,
        ..
    } = world;
    drop((jwks, verifier, caller));
    // The service holds a layer, which holds the keys.
    let so_far = issuer.requests(Endpoint::Jwks);
    issuer
        .wait_for_requests(Endpoint::Jwks, so_far + 2, SOON)
        .await;
    assert!(observed.strong_count() > 0);

    runtime.spawn(service.end()).await.expect("an end");
    until_nothing_is_left(&runtime, &observed).await;
    // With no task and no state left nobody could ask; and nobody does, for five times as long as usual.
    let asked = issuer.requests(Endpoint::Jwks);
    tokio::time::sleep(5 * quick().soft_default).await;
    assert_eq!(issuer.requests(Endpoint::Jwks), asked);
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_retries_of_an_outage_end_with_the_last_handle() {
    for mode in [Mode::Refuse, Mode::Error500, Mode::Hang] {
        let (issuer, runtime) = (issuer().await, runtime());
        issuer.mode(mode.clone());
        let (world, observed) = start(&runtime, &issuer).await;
        if mode == Mode::Hang {
            // In the middle of an attempt.
            issuer
                .wait_for_requests(Endpoint::OpenIdConfiguration, 1, SOON)
                .await;
        } else {
            world.until_failing(2, SOON).await;
        }
        let World {
            jwks,
            verifier,
            service,
            caller,
            ..
        } = world;
        drop((jwks, verifier, caller));
        runtime.spawn(service.end()).await.expect("an end");
        until_nothing_is_left(&runtime, &observed).await;
        runtime.shutdown_background();
    }
}
