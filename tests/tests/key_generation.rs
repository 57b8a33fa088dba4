//! A reader sees the keys of one generation, whatever is swapped meanwhile.
//!
//! Every set has the same two key ids and keys of its own for them, so that an id says nothing about the
//! generation: a verdict that was made with a mixture, or remembered beyond its set, shows.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use portcullis_auth::jwks::{HttpClient, Jwks, JwksTimes, KeySet};
use portcullis_auth::key::Algorithm;
use portcullis_auth::{Attempt, Issuer, JwtVerifier, Reason, Verdict};
use portcullis_core::{Clock, SystemClock};
use portcullis_testing::{SigningKey, TestClock, TokenBuilder, jwks};
use proptest::prelude::*;
use serde_json::Value;

const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "https://api.example.com";
const KIDS: [&str; 2] = ["first", "second"];
/// Sets of keys that take turns.
const SETS: usize = 4;

/// One set of keys, and a token by each of them that says which set it is of.
struct Generation {
    document: Bytes,
    tokens: [String; 2],
    keys: [SigningKey; 2],
}

fn generations(clock: &impl Clock) -> Vec<Generation> {
    (0..SETS)
        .map(|number| {
            let keys = KIDS.map(|kid| SigningKey::es256().with_kid(kid));
            let token = |key: &SigningKey| {
                TokenBuilder::at(clock.wall())
                    .issuer(ISSUER)
                    .audience(AUDIENCE)
                    .subject(&format!("of set {number}"))
                    .expires_in(Duration::from_secs(36_000))
                    .claim("set", number)
                    .sign(key)
            };
            Generation {
                document: jwks(&keys).to_string().into(),
                tokens: [token(&keys[0]), token(&keys[1])],
                keys,
            }
        })
        .collect()
}

/// An issuer that publishes whatever it is told to.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Bytes>>);

impl Published {
    fn publish(&self, document: &Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = document.clone();
    }

    fn client(&self) -> HttpClient {
        let published = self.clone();
        HttpClient::new(tower::service_fn(move |_: Request<Full<Bytes>>| {
            let document = published.0.lock().unwrap_or_else(PoisonError::into_inner);
            let response = Response::new(Full::new(document.clone()));
            async { Ok::<_, Infallible>(response) }
        }))
    }

    fn jwks<C: Clock>(&self, clock: &C, refresh: Duration) -> Jwks<C> {
        let mut times = JwksTimes::default();
        times.soft_min = refresh;
        times.soft_max = refresh;
        times.soft_default = refresh;
        times.retry_first = refresh.min(times.retry_first);
        Jwks::builder(ISSUER)
            .with_jwks_url("https://idp.example.com/jwks")
            .with_clock(clock.clone())
            .with_http_client(self.client())
            .with_times(times)
            .build()
            .expect("a good configuration")
    }
}

fn verifier<C: Clock>(clock: &C, jwks: &Jwks<C>) -> JwtVerifier<C> {
    let issuer = Issuer::published(jwks.clone())
        .audience(AUDIENCE)
        .dangerously_any_token();
    JwtVerifier::builder_with_clock(clock.clone())
        .issuer(issuer)
        .build()
        .expect("a good configuration")
}

/// Whether a token of this set is valid now; all that a valid one says is of its own set.
fn is_valid<C: Clock>(verifier: &JwtVerifier<C>, token: &str, set: usize) -> bool {
    match verifier.explain(token) {
        Attempt::Done(Verdict::Valid(identity)) => {
            let claims = identity.claims::<Value>().expect("claims");
            assert_eq!(claims["set"], set);
            assert_eq!(identity.subject(), Some(&*format!("of set {set}")));
            true
        }
        // The id is known, and its key is another.
        Attempt::Done(Verdict::Invalid(Reason::Signature)) => false,
        other => panic!("{other:?} for a token of set {set}"),
    }
}

/// The set that a snapshot is of: every key in it is, and none of any other is live.
fn set_of(keys: &KeySet, generations: &[Generation]) -> Option<usize> {
    let material = |kid| {
        let found = keys.find(Some(kid), Algorithm::ES256);
        found.ok().map(|key| key.material_id())
    };
    let of = |key: &SigningKey| {
        portcullis_auth::key::VerifyingKey::from_jwk(
            &key.jwk().to_string(),
            &portcullis_auth::key::KeySpec::new(),
        )
        .expect("a good key")
        .material_id()
    };
    let sets = KIDS.map(|kid| {
        let material = material(kid)?;
        let position = KIDS.iter().position(|one| *one == kid)?;
        generations
            .iter()
            .position(|generation| of(&generation.keys[position]) == material)
    });
    assert_eq!(sets[0], sets[1], "a mixture");
    for (number, generation) in generations.iter().enumerate() {
        for key in &generation.keys {
            assert_eq!(keys.is_live(&of(key)), sets[0] == Some(number));
        }
    }
    sets[0]
}

/// How often the set changes under the readers.
const SWAPS: usize = 60;

/// The turns that a reader may see: from the one that is in force for certain when it begins, to the last
/// that was published when it ends.
struct Turns {
    in_force: AtomicUsize,
    published: AtomicUsize,
    done: AtomicBool,
}

#[test]
fn a_verdict_is_that_of_one_generation_while_sets_are_swapped() {
    let generations = generations(&SystemClock);
    let published = Published::default();
    published.publish(&generations[0].document);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let jwks = published.jwks(&SystemClock, Duration::from_millis(10));
    let verifier = verifier(&SystemClock, &jwks);
    let await_set = |set: usize| {
        while set_of(&jwks.load(), &generations) != Some(set) {
            thread::yield_now();
        }
    };
    await_set(0);

    let turns = Turns {
        in_force: AtomicUsize::new(0),
        published: AtomicUsize::new(0),
        done: AtomicBool::new(false),
    };
    let (valid, invalid) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for reader in 0..2 {
            let (verifier, generations, turns) = (&verifier, &generations, &turns);
            let (valid, invalid) = (&valid, &invalid);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(reader);
                while !turns.done.load(Ordering::Acquire) {
                    let (set, kid) = (random.usize(..SETS), random.usize(..KIDS.len()));
                    let from = turns.in_force.load(Ordering::Acquire);
                    let is_valid = is_valid(verifier, &generations[set].tokens[kid], set);
                    let to = turns.published.load(Ordering::Acquire);
                    let agrees = |turn: usize| (turn % SETS == set) == is_valid;
                    assert!(
                        (from..=to).any(agrees),
                        "set {set} is valid: {is_valid}, in turns {from} to {to}"
                    );
                    let count = if is_valid { valid } else { invalid };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for turn in 1..=SWAPS {
            turns.published.store(turn, Ordering::Release);
            published.publish(&generations[turn % SETS].document);
            await_set(turn % SETS);
            turns.in_force.store(turn, Ordering::Release);
        }
        turns.done.store(true, Ordering::Release);
    });
    let (valid, invalid) = (valid.into_inner(), invalid.into_inner());
    assert!(
        valid > SWAPS && invalid > SWAPS,
        "{valid} valid, {invalid} invalid"
    );
}

/// One step of a story.
#[derive(Clone, Debug)]
enum Step {
    /// The issuer publishes this set, and it is fetched.
    Swap(usize),
    /// Somebody comes with the token of this set and key.
    Ask(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0..SETS).prop_map(Step::Swap),
        4 => (0..SETS, 0..KIDS.len()).prop_map(|(set, kid)| Step::Ask(set, kid)),
    ];
    prop::collection::vec(step, 1..60)
}

/// Plays a story in a runtime whose time is paused, against the plain rule: a token is valid if, and
/// only if, the set in force is its own.
async fn play(steps: Vec<Step>) {
    const REFRESH: Duration = Duration::from_secs(1);
    let clock = TestClock::following_tokio();
    let generations = generations(&clock);
    let published = Published::default();
    published.publish(&generations[0].document);
    let jwks = published.jwks(&clock, REFRESH);
    let verifier = verifier(&clock, &jwks);
    let mut in_force = 0;
    // Time is paused: this takes as many turns of the runtime as the first fetch needs.
    while jwks.load().is_cold() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for step in steps {
        match step {
            Step::Swap(set) => {
                published.publish(&generations[set].document);
                in_force = set;
                // Sooner than anything in the caches forgets by itself.
                tokio::time::sleep(2 * REFRESH).await;
                assert_eq!(set_of(&jwks.load(), &generations), Some(set));
            }
            Step::Ask(set, kid) => {
                let valid = is_valid(&verifier, &generations[set].tokens[kid], set);
                assert_eq!(
                    valid,
                    set == in_force,
                    "set {set} while {in_force} is in force"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 64,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_token_is_valid_if_and_only_if_the_set_in_force_is_its_own(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(play(steps));
    }
}
