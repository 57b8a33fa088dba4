//! The pass in which time is taken. The allocator is the system's, untouched.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::Args;
use crate::case::{Case, Lane};
use crate::group::{Samples, prepare};

/// Warms all cases, then samples each once in every round.
pub(crate) fn measure(_title: &str, cases: &mut [Case], warm: u64, args: &Args) -> Vec<Samples> {
    let mut samples: Vec<Samples> = Vec::with_capacity(cases.len());
    let mut operations = Vec::with_capacity(cases.len());
    for case in &mut *cases {
        samples.push(prepare(case, warm));
        let lane = case.lanes.first_mut();
        operations.push(lane.map_or(1, |lane| fill(lane, args.sample)));
    }
    for round in 0..args.rounds {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let case = &mut cases[index];
            if case.absent.is_none() {
                let nanos = sample(case, operations[index]);
                samples[index].nanos.push(nanos);
            }
        }
    }
    samples
}

/// How many operations take as long as `sample`.
fn fill(lane: &mut Lane, sample: Duration) -> u64 {
    let mut operations = 1;
    loop {
        let took = timed(lane, operations);
        // Two milliseconds are enough to tell; the rest is proportion.
        if took >= sample.min(Duration::from_millis(2)) {
            let each = took.as_secs_f64() / operations as f64;
            return ((sample.as_secs_f64() / each) as u64).max(1);
        }
        operations *= 2;
    }
}

/// One sample of a case: nanoseconds per operation, the mean over its threads.
fn sample(case: &mut Case, operations: u64) -> f64 {
    let threads = case.lanes.len();
    let took: Duration = if let [lane] = case.lanes.as_mut_slice() {
        timed(lane, operations)
    } else {
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            let running: Vec<_> = case
                .lanes
                .iter_mut()
                .map(|lane| {
                    scope.spawn(|| {
                        start.wait();
                        timed(lane, operations)
                    })
                })
                .collect();
            let took = running.into_iter().map(|thread| match thread.join() {
                Ok(took) => took,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            took.sum()
        })
    };
    took.as_secs_f64() * 1e9 / (operations as f64 * threads as f64)
}

fn timed(lane: &mut Lane, operations: u64) -> Duration {
    let start = Instant::now();
    let tally = std::hint::black_box(lane.run(operations));
    tally.took.unwrap_or_else(|| start.elapsed())
}
