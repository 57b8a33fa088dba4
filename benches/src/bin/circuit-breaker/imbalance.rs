//! One of eight instances is bad: how much of that reaches callers, by preset. Time is a number here, so this is counted
//! and not measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_bench_harness::{Args, Budgets};
use portcullis_circuit_breaker::{Circuit, CircuitBuilder, KeyedCircuits};
use portcullis_core::{Backoff, Clock, Jitter, UnixTime};

use crate::simulation::{Came, REQUESTS, Simulation};

const TITLE: &str = "Load imbalance: eight instances, one of which fails after 2 s";
/// One of those that the tests go through.
const SEED: u64 = 1;

/// A clock that is moved by hand.
#[derive(Clone, Debug)]
struct Hands {
    start: Instant,
    passed: Arc<AtomicU64>,
}

pub(crate) fn run(args: &Args, budgets: &mut Budgets) {
    if !args.wants(TITLE) {
        return;
    }
    println!("### {TITLE}\n");
    println!("| circuits | succeed | mean ms | times the healthy mean | calls of the bad one |");
    println!("| --- | --: | --: | --: | --: |");
    let healthy = simulate(false, None).mean_millis();
    let line = |name: &str, came: Came| {
        let (share, mean) = (came.share() * 100.0, came.mean_millis());
        let (times, calls) = (mean / healthy, came.to_the_bad_one);
        println!("| {name} | {share:.2} % | {mean:.1} | {times:.2} | {calls} |");
        (share, times)
    };
    line("none, all healthy", simulate(false, None));
    line("none", simulate(true, None));
    let by_the_row = line(
        "by_the_row",
        simulate(true, Some(Circuit::by_the_row("instances"))),
    );
    let patient = line(
        "by_the_minute, longer waits, one probe",
        simulate(true, Some(patient())),
    );
    let minute = Circuit::by_the_minute("instances");
    line("by_the_minute", simulate(true, Some(minute)));
    let hundred = Circuit::by_the_hundred("instances");
    line("by_the_hundred", simulate(true, Some(hundred)));
    println!(
        "\n<sub>{REQUESTS} requests, one every 10 ms, to the next instance in turn whose circuit admits. Healthy \
         instances answer after 80 ms in the mean. Nothing is tried again.</sub>\n"
    );
    for (name, (share, times)) in [
        ("by_the_row", by_the_row),
        ("by_the_minute, longer waits, one probe", patient),
    ] {
        let name = format!("breaker, load imbalance, {name}");
        budgets.share(&format!("{name}, succeed"), share, 99.5);
        let name = format!("{name}, the mean by the healthy mean");
        budgets.factor(&name, Some((times, times)), 1.1);
    }
}

/// Waits and probes as `by_the_row` has them.
fn patient() -> CircuitBuilder {
    let waits = Backoff::exponential(Duration::from_secs(5), Duration::from_secs(60));
    Circuit::by_the_minute("instances")
        .open_for(waits.with_jitter(Jitter::Equal))
        .probes(1)
}

fn simulate(ill: bool, builder: Option<CircuitBuilder>) -> Came {
    fastrand::seed(SEED);
    let clock = Hands {
        start: Instant::now(),
        passed: Arc::default(),
    };
    let circuits = builder.map(|builder| {
        let builder = builder.clock(clock.clone());
        KeyedCircuits::new(builder, 64).expect("sound numbers")
    });
    let advance = |span: Duration| {
        let nanos = u64::try_from(span.as_nanos()).expect("a few minutes");
        clock.passed.fetch_add(nanos, Ordering::Relaxed);
    };
    Simulation {
        seed: SEED,
        ill,
        circuits: circuits.as_ref(),
        advance: &advance,
    }
    .run()
}

// === impl Hands ===

impl Clock for Hands {
    fn now(&self) -> Instant {
        self.start + Duration::from_nanos(self.passed.load(Ordering::Relaxed))
    }

    fn wall(&self) -> UnixTime {
        UnixTime::EPOCH
    }
}
