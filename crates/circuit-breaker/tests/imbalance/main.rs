//! One of eight instances is bad: how much of that reaches callers.
//!
//! What a circuit for each instance cannot help is known from the numbers. The first failure is known after 2 s, and 25
//! calls are under way to the bad instance by then. What comes on top is for the preset to decide:
//!
//! | | opens after | then |
//! |---|---|---|
//! | `by_the_row` | three failures: at once | one probe, after longer and longer waits: six in 100 s |
//! | `by_the_minute` | twenty calls that take longer than a second, while they do | three probes every 7 s: forty |
//! | `by_the_hundred` | twenty failures | the same |
//!
//! So `by_the_row` is for choosing between instances; and the others are with `open_for` that gets longer, and one probe:
//! what costs is not to detect, but to ask again.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod simulation;

use std::time::Duration;

use portcullis_circuit_breaker::{Circuit, CircuitBuilder, KeyedCircuits};
use portcullis_core::{Backoff, Jitter};
use portcullis_testing::TestClock;

use simulation::{Came, Simulation};

const SEEDS: std::ops::Range<u64> = 0..20;

/// Requests with a circuit for each instance, or with none.
fn run(seed: u64, ill: bool, circuits: Option<CircuitBuilder>) -> Came {
    // Circuits take the jitter of their waits from the thread.
    fastrand::seed(seed);
    let clock = TestClock::new();
    let circuits = circuits.map(|builder| {
        let builder = builder.clock(clock.clone());
        KeyedCircuits::new(builder, 64).unwrap()
    });
    let advance = |span| clock.advance_sync(span);
    Simulation {
        seed,
        ill,
        circuits: circuits.as_ref(),
        advance: &advance,
    }
    .run()
}

/// With circuits as they are made by `builder`; and how many times as long as with healthy instances a request takes.
#[track_caller]
fn meets(builder: impl Fn() -> CircuitBuilder, least: f64, most: f64) {
    for seed in SEEDS {
        let healthy = run(seed, false, None);
        let came = run(seed, true, Some(builder()));
        let (share, times) = (came.share(), came.mean_millis() / healthy.mean_millis());
        assert!(share >= least, "{share} with {seed}: {came:?}");
        assert!(times <= most, "{times} with {seed}: {came:?}");
        assert_eq!(came.refused, 0, "seven are well");
    }
}

#[test]
fn without_circuits_one_request_in_eight_waits_two_seconds_and_fails() {
    for seed in SEEDS {
        let (healthy, came) = (run(seed, false, None), run(seed, true, None));
        assert_eq!(healthy.succeeded, simulation::REQUESTS);
        assert!((79.0..81.0).contains(&healthy.mean_millis()), "{healthy:?}");
        assert_eq!(came.share(), 0.875);
        assert!((315.0..325.0).contains(&came.mean_millis()), "{came:?}");
    }
}

#[test]
fn by_the_row_995_in_1000_succeed_and_take_hardly_longer() {
    meets(|| Circuit::by_the_row("instances"), 0.995, 1.1);
}

#[test]
fn by_the_minute_995_in_1000_succeed_where_waits_get_longer_and_one_probe_is_enough() {
    let patient = || {
        let (first, most) = (Duration::from_secs(5), Duration::from_secs(60));
        let waits = Backoff::exponential(first, most).with_jitter(Jitter::Equal);
        let circuit = Circuit::by_the_minute("instances");
        circuit.open_for(waits).probes(1)
    };
    meets(patient, 0.995, 1.1);
}

/// Three probes every 7 s are 40 of the 50 failures that there may be.
#[test]
fn the_presets_that_ask_again_every_five_seconds_pay_for_it() {
    meets(|| Circuit::by_the_minute("instances"), 0.992, 1.2);
    meets(|| Circuit::by_the_hundred("instances"), 0.990, 1.25);
    for seed in SEEDS {
        let came = run(seed, true, Some(Circuit::by_the_minute("instances")));
        assert!(came.share() < 0.995, "then the preset can be recommended");
    }
}

#[test]
fn the_same_seed_comes_to_the_same() {
    let one = || run(7, true, Some(Circuit::by_the_row("instances")));
    assert_eq!(one(), one());
}
