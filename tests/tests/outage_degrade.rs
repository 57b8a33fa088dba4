//! What routes let pass in a real outage, and what they never do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use portcullis_auth::jwks::{Jwks, JwksTimes};
use portcullis_auth::{AuthLayer, Degrade, Issuer, JwtVerifier, OutageBudget};
use portcullis_core::{Clock, Head, Observer, OutageCause, VerdictEvent, VerdictOutcome};
use portcullis_testing::{Algorithm, FakeIssuer, Mode, TestClock, forge};
use portcullis_tests::outage::{
    Answer, Caller, Service, UnknownKey, World, guarded, http_client, quick, until_async,
};

const SOON: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Counts requests that a policy let pass.
#[derive(Clone, Default)]
struct Degraded(Arc<[AtomicUsize; 2]>);

impl Observer for Degraded {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        if event.outcome == VerdictOutcome::Indeterminate && event.refused.is_none() {
            let row = usize::from(event.degraded().is_none());
            self.0[row].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Degraded {
    /// With an identity, and without.
    fn counts(&self) -> (usize, usize) {
        let count = |row: usize| self.0[row].load(Ordering::Relaxed);
        (count(0), count(1))
    }
}

/// The same service with a policy for each path: `/POLICY/api`.
struct Policies {
    caller: Caller,
    degraded: Degraded,
    _service: Service,
}

impl Policies {
    async fn start<C: Clock>(verifier: &JwtVerifier<C>) -> Self {
        let degraded = Degraded::default();
        let reads = Degrade::allow_for(MINUTE).expect("short enough");
        let layer = || AuthLayer::new(verifier.clone()).with_observer(degraded.clone());
        let with = |policy: Degrade| guarded(layer().with_degrade(policy));
        let budget = OutageBudget::new(3, SOON).expect("not zero");
        let router = Router::new()
            .nest("/deny", guarded(layer()))
            .nest("/reads", with(reads.clone()))
            .nest("/writes", with(reads.clone().with_unsafe_methods()))
            .nest("/anonymous", with(Degrade::anonymous()))
            .nest(
                "/capped",
                guarded(
                    layer()
                        .with_degrade(reads.clone())
                        .with_outage_budget(budget),
                ),
            )
            .nest(
                "/chosen",
                guarded(layer().with_degrade_by(move |head: Head<'_>| {
                    match head.headers.contains_key("host") {
                        true => reads.clone(),
                        false => Degrade::deny(),
                    }
                })),
            );
        let service = Service::start(router).await;
        Self {
            caller: Caller::http1(service.base()),
            degraded,
            _service: service,
        }
    }

    async fn get(&self, policy: &str, token: &str) -> Answer {
        self.caller.get(&format!("/{policy}/api"), token).await
    }

    async fn post(&self, policy: &str, token: &str) -> Answer {
        self.caller.post(&format!("/{policy}/api"), token).await
    }
}

#[track_caller]
fn assert_passed(answer: &Answer, provenance: &str) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.provenance(), Some(provenance), "{answer:?}");
    let subject = if provenance == "anonymous" {
        ""
    } else {
        "alice"
    };
    assert_eq!(answer.body, subject);
}

/// A service whose issuer went down, long ago by the clock: its keys are 10 s beyond their hard age.
struct Stale {
    clock: TestClock,
    world: World<TestClock>,
    policies: Policies,
    /// Seen valid long ago, a moment before the hard age, and never.
    tokens: [String; 3],
}

impl Stale {
    async fn start() -> Self {
        let hard = JwksTimes::default().hard;
        let clock = TestClock::following_tokio();
        let issuer = FakeIssuer::builder()
            .algorithm(Algorithm::Es256)
            .clock(clock.clone())
            .lifetime(2 * hard)
            .start()
            .await;
        let world = World::start_at(issuer, clock.clone(), |jwks| jwks).await;
        world.until_healthy(SOON).await;
        let tokens = [world.token(), world.token(), world.token()];
        world.issuer.mode(Mode::Refuse);
        for (token, wait) in [(&tokens[0], hard - 20 * SECOND), (&tokens[1], 30 * SECOND)] {
            assert!(world.caller.get("/api", token).await.is_ok());
            clock.advance_sync(wait);
        }
        let policies = Policies::start(&world.verifier).await;
        Self {
            clock,
            world,
            policies,
            tokens,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_beyond_their_hard_age_pass_reads_for_the_grace_and_nothing_else() {
    let Stale {
        clock,
        world,
        policies,
        tokens,
    } = Stale::start().await;
    for token in &tokens {
        policies.get("deny", token).await.assert_unavailable();
        assert_passed(&policies.get("reads", token).await, "degraded keys_stale");
        assert_passed(&policies.get("chosen", token).await, "degraded keys_stale");
        policies.post("reads", token).await.assert_unavailable();
        assert_passed(&policies.post("writes", token).await, "degraded keys_stale");
    }
    assert_eq!(policies.degraded.counts(), (9, 0));
    assert!(policies.caller.get_open("/reads/open").await.is_ok());

    clock.advance_sync(MINUTE);
    for token in &tokens {
        for policy in ["deny", "reads", "chosen", "writes", "capped"] {
            policies.get(policy, token).await.assert_unavailable();
            policies.post(policy, token).await.assert_unavailable();
        }
    }

    // A token with a new key is what makes it ask again.
    world.issuer.mode(Mode::Ok);
    world.issuer.rotate_keeping_old();
    let accepted = || async {
        let answer = policies.get("deny", &world.token()).await;
        answer.is_ok().then_some(())
    };
    until_async("the new key", SOON, accepted).await;
    for token in &tokens {
        let answer = policies.get("deny", token).await;
        assert!(
            matches!(answer.provenance(), Some("fresh" | "cached")),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_beyond_their_hard_age_pass_anonymous_reads_if_the_route_says_so() {
    let Stale {
        policies,
        tokens,
        clock,
        ..
    } = Stale::start().await;
    for wait in [Duration::ZERO, MINUTE, 60 * MINUTE] {
        clock.advance_sync(wait);
        for token in &tokens {
            assert_passed(&policies.get("anonymous", token).await, "anonymous");
            policies.post("anonymous", token).await.assert_unavailable();
        }
    }
    assert_eq!(policies.degraded.counts(), (0, 9));
    // Without a token there is nothing that could not be found out.
    let answer = policies.caller.get_open("/anonymous/api").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_to_be_bad_is_never_a_matter_of_degrading() {
    let Stale {
        world,
        policies,
        tokens,
        clock,
    } = Stale::start().await;
    let now = || world.issuer.token().subject("alice").client("app");
    let known = &tokens[1];
    let bad = [
        (forge::tampered(known), "bad_signature"),
        (forge::with_claim(known, "sub", "root"), "bad_signature"),
        (now().expired(10 * MINUTE).issue(), "expired"),
        (now().audience("another").issue(), "wrong_audience"),
        ("garbage".to_owned(), "malformed_token"),
    ];
    for policy in ["deny", "reads", "writes", "anonymous", "capped", "chosen"] {
        for (token, reason) in &bad {
            policies.get(policy, token).await.assert_invalid(reason);
            policies.post(policy, token).await.assert_invalid(reason);
        }
    }
    // Also one that was known to be good.
    clock.advance_sync(3 * JwksTimes::default().hard);
    for policy in ["reads", "writes", "anonymous"] {
        policies.get(policy, known).await.assert_invalid("expired");
    }
    assert_eq!(policies.degraded.counts(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_nobody_has_passes_nobody_but_anonymous_reads() {
    let Stale {
        world, policies, ..
    } = Stale::start().await;
    let junk = UnknownKey::of(&world.issuer).token("nobody's");
    world.issuer.rotate_keeping_old();
    for token in [junk, world.token()] {
        for policy in ["deny", "reads", "writes", "capped", "chosen"] {
            policies.get(policy, &token).await.assert_unavailable();
            policies.post(policy, &token).await.assert_unavailable();
        }
        assert_passed(&policies.get("anonymous", &token).await, "anonymous");
        policies
            .post("anonymous", &token)
            .await
            .assert_unavailable();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_budget_caps_what_passes() {
    let Stale {
        policies, tokens, ..
    } = Stale::start().await;
    for token in &tokens {
        assert_passed(&policies.get("capped", token).await, "degraded keys_stale");
    }
    for token in &tokens {
        policies.get("capped", token).await.assert_unavailable();
        // It is the budget of that layer alone.
        assert_passed(&policies.get("reads", token).await, "degraded keys_stale");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verifier_replaced_during_an_outage_passes_those_whom_the_cache_knows_for_the_grace() {
    let clock = TestClock::following_tokio();
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(clock.clone())
        .lifetime(10 * MINUTE)
        .start()
        .await;
    let world = World::start_at(issuer, clock.clone(), |jwks| jwks).await;
    world.until_healthy(SOON).await;
    let (seen, unseen) = (world.token(), world.token());
    assert!(world.caller.get("/api", &seen).await.is_ok());

    world.issuer.mode(Mode::Refuse);
    let jwks = Jwks::builder(world.issuer.issuer())
        .with_http_client(http_client())
        .with_clock(clock.clone())
        .build()
        .expect("a good configuration");
    let trusted = Issuer::published(jwks)
        .audience(world.issuer.audience())
        .access_tokens_only();
    let verifier = JwtVerifier::builder_with_clock(clock.clone())
        .issuer(trusted)
        .cache(world.verifier.cache().clone())
        .build()
        .expect("a good configuration");
    let policies = Policies::start(&verifier).await;
    let cause = format!("degraded {}", OutageCause::KeyUnavailable.as_str());
    assert_passed(&policies.get("reads", &seen).await, &cause);
    policies.post("reads", &seen).await.assert_unavailable();
    assert_passed(&policies.post("writes", &seen).await, &cause);
    policies.get("deny", &seen).await.assert_unavailable();
    policies.get("reads", &unseen).await.assert_unavailable();
    policies
        .get("reads", &forge::tampered(&seen))
        .await
        .assert_unavailable();

    clock.advance_sync(MINUTE);
    policies.get("reads", &seen).await.assert_unavailable();
    assert_passed(&policies.get("anonymous", &seen).await, "anonymous");
}

/// No clock of ours: the age of the keys is read round every request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_real_time_answers_go_from_good_to_degraded_to_503_at_the_stated_ages_and_back() {
    let grace = Duration::from_millis(1_200);
    let mut times = quick();
    times.hard = Duration::from_millis(1_200);
    let world = World::warm_with(|jwks| jwks.with_times(times)).await;
    let layer = AuthLayer::new(world.verifier.clone())
        .with_degrade(Degrade::allow_for(grace).expect("short enough"));
    let service = Service::start(guarded(layer)).await;
    let caller = Caller::http1(service.base());
    let token = world.token();
    let age = || world.jwks.status().age.expect("there are keys");

    world.issuer.mode(Mode::Error500);
    let mut phases = Vec::new();
    while phases.last() != Some(&"unavailable") {
        let before = age();
        let read = caller.get("/api", &token).await;
        let write = caller.post("/api", &token).await;
        let after = age();
        let phase = match read.provenance() {
            Some("fresh" | "cached") => {
                assert!(before <= times.hard, "{before:?}: {read:?}");
                "good"
            }
            Some("degraded keys_stale") => {
                assert!(
                    after > times.hard && before <= times.hard + grace,
                    "{before:?}"
                );
                write.assert_unavailable();
                "degraded"
            }
            _ => {
                read.assert_unavailable();
                assert!(after > times.hard + grace, "{after:?}: {read:?}");
                "unavailable"
            }
        };
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        assert!(after < SOON);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(phases, ["good", "degraded", "unavailable"]);

    world.issuer.mode(Mode::Ok);
    let bound = times.retry_max + 2 * times.attempt;
    let back = || async {
        let answer = caller.post("/api", &token).await;
        answer.is_ok().then_some(())
    };
    until_async("the same keys, confirmed", bound, back).await;
}
