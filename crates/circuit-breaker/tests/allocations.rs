//! What a call allocates, counted.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::time::Duration;

use portcullis_circuit_breaker::{Cancelled, Circuit, CircuitBuilder, Window};
use portcullis_core::CircuitState;

const SECOND: Duration = Duration::from_secs(1);

/// Never enough failures to open.
fn circuits() -> [Circuit; 3] {
    let builder = || Circuit::builder("allocations").minimum_calls(16_000);
    let count: CircuitBuilder = builder().window(Window::Count(16_000));
    let time = builder().window(Window::Time(SECOND));
    let all = builder()
        .window(Window::Time(SECOND))
        .slow_calls(SECOND, 0.5)
        .consecutive_failures(100)
        .cancelled(Cancelled::FailedAfter(SECOND));
    [count, time, all].map(|builder| builder.build().unwrap())
}

#[track_caller]
fn allocates_nothing(work: impl FnOnce()) {
    let counted = allocation_counter::measure(work);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn a_call_through_a_closed_circuit_allocates_nothing() {
    for circuit in circuits() {
        allocates_nothing(|| {
            for _ in 0..100 {
                circuit.try_acquire().unwrap().success();
                circuit.try_acquire().unwrap().failure();
                circuit.try_acquire().unwrap().overload(Some(SECOND));
                circuit.try_acquire().unwrap().ignore();
                drop(circuit.try_acquire().unwrap());
                circuit.try_acquire().unwrap().success();
            }
            circuit.fail();
        });
        assert_eq!(circuit.state(), CircuitState::Closed);
    }
}

#[test]
fn a_refusal_allocates_nothing() {
    for circuit in circuits() {
        for state in [CircuitState::Open, CircuitState::ForcedOpen] {
            circuit.move_to(state).unwrap();
            allocates_nothing(|| {
                for _ in 0..100 {
                    let rejected = circuit.try_acquire().unwrap_err();
                    assert_eq!(rejected.state(), state);
                }
                assert!(!circuit.admits());
            });
        }
    }
}

#[test]
fn a_probe_allocates_nothing() {
    for circuit in circuits() {
        circuit.move_to(CircuitState::Open).unwrap();
        circuit.move_to(CircuitState::HalfOpen).unwrap();
        allocates_nothing(|| {
            for _ in 0..3 {
                circuit.try_acquire().unwrap().success();
            }
        });
        assert_eq!(circuit.state(), CircuitState::Closed);
    }
}

#[test]
fn a_look_from_outside_allocates_nothing() {
    for circuit in circuits() {
        allocates_nothing(|| {
            assert_eq!(circuit.snapshot().calls, 0);
            assert!(circuit.is_healthy());
            circuit.reset();
        });
    }
}
