//! One circuit, four threads, the clock of the system.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use portcullis_circuit_breaker::{Cancelled, Circuit, Permit, Window};
use portcullis_core::CircuitState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};
use portcullis_core::{Backoff, CircuitEvent, CircuitEventKind, CircuitState, Observer, Outcome};

const THREADS: u64 = 4;
const MILLI: Duration = Duration::from_millis(1);

#[derive(Clone, Default)]
struct Moves(Arc<Mutex<Vec<(CircuitState, CircuitState)>>>);

impl Observer for Moves {
    fn circuit(&self, event: &CircuitEvent<'_>) {
        if let CircuitEventKind::Moved { from, to, .. } = event.kind {
            self.0.lock().unwrap().push((from, to));
        }
    }
}

/// Runs four threads, each with chance of its own that is the same every time.
fn threads<T: Send>(work: impl Fn(Rng) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| scope.spawn(move || work(Rng::with_seed(seed))))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Looks until it is so; not for ever.
#[track_caller]
fn soon(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "not in ten seconds"
        );
        thread::yield_now();
    }
}

fn outcome(rng: &mut Rng) -> Outcome {
    match rng.u8(0..10) {
        0..5 => Outcome::Success,
        5..8 => Outcome::Failure,
        8 => Outcome::Overload { retry_after: None },
        _ => Outcome::Ignore,
    }
}

/// What a caller does with a call, or with one of those that it holds.
fn settle_one(rng: &mut Rng, held: &mut Vec<Permit>) {
    if held.len() > 4 || (!held.is_empty() && rng.bool()) {
        let mut call = held.swap_remove(rng.usize(0..held.len()));
        let upload = if rng.u8(0..4) == 0 {
            call.uploading()
        } else {
            None
        };
        match rng.u8(0..8) {
            0 => call.answered(),
            1 => drop(upload),
            _ => {}
        }
        if rng.u8(0..8) == 0 {
            drop(call);
        } else {
            call.settle(outcome(rng));
        }
    }
}

#[test]
fn moves_are_legal_and_follow_from_one_another_and_a_healthy_dependency_closes_it() {
    for window in [Window::Count(20), Window::Time(10 * MILLI)] {
        let moves = Moves::default();
        let circuit = Circuit::builder("stress")
            .window(window)
            .minimum_calls(5)
            .slow_calls(MILLI, 0.5)
            .consecutive_failures(8)
            .cancelled(Cancelled::FailedAfter(MILLI))
            .open_for(Backoff::exponential(MILLI, 3 * MILLI))
            .probe_wait(2 * MILLI)
            .observer(moves.clone())
            .build()
            .unwrap();
        let end = Instant::now() + 200 * MILLI;
        threads(|mut rng| {
            let mut held = Vec::new();
            while Instant::now() < end {
                held.extend(circuit.try_acquire().ok());
                settle_one(&mut rng, &mut held);
                match rng.u16(0..2000) {
                    0 => circuit.reset(),
                    1 => drop(circuit.open_for(MILLI)),
                    2..20 => circuit.fail(),
                    by_hand @ 20..26 => {
                        let all = [Closed, Open, HalfOpen, ForcedOpen, Disabled, MetricsOnly];
                        // Where it is illegal it changes nothing.
                        let _ = circuit.move_to(all[usize::from(by_hand) - 20]);
                    }
                    26..30 => assert!(circuit.snapshot().calls <= 1 << 20),
                    _ => {}
                }
            }
        });
        // Each is told by who moved it, so two may be told of in another order. In any order each state is left as
        // often as it was entered, but for the first and the last.
        let mut balance = HashMap::from([(Closed, 1)]);
        *balance.entry(circuit.state()).or_insert(0) -= 1;
        let told = moves.0.lock().unwrap().clone();
        assert!(!told.is_empty());
        for (from, to) in told {
            assert_ne!(from, to);
            assert!(
                !matches!(
                    (from, to),
                    (Closed, HalfOpen) | (MetricsOnly, Open | HalfOpen)
                ),
                "{from:?} to {to:?}"
            );
            *balance.entry(from).or_insert(0) -= 1;
            *balance.entry(to).or_insert(0) += 1;
        }
        assert!(balance.values().all(|balance| *balance == 0), "{balance:?}");
        // The dependency is well again, and nobody keeps the circuit open by hand.
        if matches!(circuit.state(), ForcedOpen | Disabled | MetricsOnly) {
            circuit.move_to(ForcedOpen).unwrap();
            circuit.move_to(Open).unwrap();
        }
        soon(|| {
            if let Ok(call) = circuit.try_acquire() {
                call.success();
            }
            circuit.state() == Closed
        });
        soon(|| {
            let _ = circuit.try_acquire().map(Permit::success);
            circuit.snapshot().overdue == 0
        });
    }
}

#[test]
fn half_open_lets_in_as_many_as_there_are_probes_and_decides_once() {
    const PROBES: usize = 3;
    let moves = Moves::default();
    let circuit = Circuit::builder("stress")
        .open_for(Backoff::fixed(Duration::from_secs(60)))
        .probes(3)
        .probe_wait(Duration::from_secs(60))
        .observer(moves.clone())
        .build()
        .unwrap();
    let gate = Barrier::new(usize::try_from(THREADS).unwrap());
    let admitted = AtomicU64::new(0);
    threads(|mut rng| {
        for _ in 0..300 {
            let leads = gate.wait().is_leader();
            if leads {
                circuit.reset();
                circuit.move_to(Open).unwrap();
                circuit.move_to(HalfOpen).unwrap();
                admitted.store(0, Ordering::Relaxed);
                moves.0.lock().unwrap().clear();
            }
            gate.wait();
            let mut held = Vec::new();
            for _ in 0..4 {
                let call = circuit.try_acquire();
                // Some give their place back at once, for another.
                if rng.u8(0..4) == 0 {
                    drop(call);
                } else {
                    held.extend(call.ok());
                }
            }
            admitted.fetch_add(held.len() as u64, Ordering::Relaxed);
            gate.wait();
            assert!(admitted.load(Ordering::Relaxed) <= PROBES as u64);
            gate.wait();
            held.extend(circuit.try_acquire().ok());
            admitted.store(PROBES as u64, Ordering::Relaxed);
            gate.wait();
            // Those that are missing: nobody gives one back now.
            while let Ok(call) = circuit.try_acquire() {
                held.push(call);
            }
            gate.wait();
            assert_eq!(circuit.state(), HalfOpen);
            assert!(!circuit.admits());
            gate.wait();
            held.into_iter().for_each(Permit::success);
            gate.wait();
            assert_eq!(circuit.state(), Closed);
            assert_eq!(*moves.0.lock().unwrap(), [(HalfOpen, Closed)]);
        }
    });
}

#[test]
fn sums_are_what_was_counted_and_nobody_is_left_under_way() {
    let build = |window| {
        Circuit::builder("stress")
            .window(window)
            .minimum_calls(10)
            .without_failure_rate()
            .slow_calls(MILLI, 1.0)
            .build()
            .unwrap()
    };
    // Of a window of hours nothing is lost.
    let circuit = build(Window::Time(Duration::from_secs(24 * 3600)));
    circuit.try_acquire().unwrap().success();
    let counted = threads(|mut rng| {
        let (mut calls, mut failed) = (0, 0);
        for _ in 0..5_000 {
            let call = circuit.try_acquire().unwrap();
            let outcome = outcome(&mut rng);
            // What is ignored counts if it was slow: that is for the clock to say.
            if outcome != Outcome::Ignore {
                calls += 1;
                failed += u64::from(outcome != Outcome::Success);
                call.settle(outcome);
            }
        }
        (calls, failed)
    });
    let snapshot = circuit.snapshot();
    let failed: u64 = counted.iter().map(|counted| counted.1).sum();
    let calls: u64 = counted.iter().map(|counted| counted.0).sum();
    assert_eq!(snapshot.failed, failed);
    let ignored_and_slow = snapshot.calls - calls - 1;
    assert!(ignored_and_slow <= snapshot.slow, "{snapshot:?}");
    assert_eq!(snapshot.late, 0);
    // A ring holds the last ones, whoever wrote before.
    let circuit = build(Window::Count(7));
    threads(|mut rng| {
        for _ in 0..5_000 {
            let mut held = vec![circuit.try_acquire().unwrap()];
            settle_one(&mut rng, &mut held);
        }
    });
    assert_eq!(circuit.snapshot().calls, 7);
    for failures in 0..=7 {
        (0..7_u64).for_each(|n| {
            let call = circuit.try_acquire().unwrap();
            call.settle(if n < failures {
                Outcome::Failure
            } else {
                Outcome::Success
            });
        });
        assert_eq!(circuit.snapshot().failed, failures);
    }
    let begun = Instant::now();
    soon(|| begun.elapsed() > 3 * MILLI);
    assert_eq!(circuit.snapshot().overdue, 0);
}
