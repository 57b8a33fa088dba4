//! Open, and what is told of a circuit: how long, and what comes after.

use std::time::Duration;

use portcullis_circuit_breaker::Circuit;
use portcullis_core::CircuitState::{Closed, Disabled, Open};
use portcullis_core::{Backoff, Outcome};

use crate::kit::{Stand, base, count, secs};

#[test]
fn s05_at_the_end_of_its_time_it_is_open_and_a_millisecond_later_it_probes() {
    let stand = Stand::new(base());
    stand.run("FFFFF x");
    stand.pass(3.0);
    stand.run("x");
    assert_eq!(stand.circuit.snapshot().rejected, 2);
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(2.0)));
    stand.pass(2.0);
    stand.run("x");
    stand.is(Open);
    assert!(!stand.circuit.admits());
    stand.pass(0.001);
    assert!(stand.circuit.admits());
    stand.is(Open);
    stand.run("A");
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[test]
fn s06_the_time_that_it_is_open_grows_and_begins_anew_after_it_was_closed() {
    let backoff = Backoff::exponential_by(1.5, secs(5.0), secs(60.0)).unwrap();
    let backoff = backoff.with_jitter(portcullis_core::Jitter::None);
    let stand = Stand::new(base().open_for(backoff).probes(1));
    stand.run("FFFFF");
    stand.pass(5.0);
    stand.run("x.F");
    stand.is(Open);
    stand.pass(7.5);
    stand.run("x.F");
    stand.pass(11.25);
    stand.run("x.S");
    stand.is(Closed);
    stand.run("FFFFF");
    stand.pass(5.0);
    stand.run("x.S");
    stand.is(Closed);
}

#[test]
fn s07_jitter_stays_below_the_wait_and_never_makes_nothing_of_it() {
    let backoff = Backoff::exponential(secs(1.0), secs(8.0));
    let stand = Stand::new(base().open_for(backoff).probes(1));
    stand.run("FFFFF");
    for _ in 0..200 {
        let left = stand.circuit.snapshot().open_for.unwrap();
        assert!(
            left <= secs(8.0) && left >= Duration::from_millis(1),
            "{left:?}"
        );
        stand.pass(8.001);
        stand.run("F");
        stand.is(Open);
    }
}

#[test]
fn s29_overload_is_a_failure_and_may_keep_it_open_for_longer() {
    let stand = Stand::new(count(10, 1));
    let permit = stand.circuit.try_acquire().unwrap();
    permit.overload(Some(secs(40.0)));
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(40.0)));
    let stand = Stand::new(count(10, 1));
    let permit = stand.circuit.try_acquire().unwrap();
    let retry_after = Some(Duration::MAX);
    permit.settle(Outcome::Overload { retry_after });
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(300.0)));
}

#[test]
fn s36_a_circuit_that_nobody_asked_for_months_has_not_wedged() {
    let stand = Stand::new(base());
    stand.run("FFFFF");
    stand.pass(86_400.0 * 180.0);
    stand.run("SSSS");
    stand.is(Closed);
}

#[test]
fn s49_a_dependency_that_never_gets_ready_fails() {
    let stand = Stand::new(base());
    for _ in 0..5 {
        stand.circuit.fail();
    }
    stand.is(Open);
    stand.circuit.fail();
    assert_eq!(stand.circuit.snapshot().rejected, 0);
    stand.pass(5.001);
    (0..4).for_each(|_| stand.circuit.fail());
    stand.is(Open);
}

#[test]
fn s51_health_is_a_closed_circuit_that_nothing_speaks_against() {
    let stand = Stand::new(base().consecutive_failures(10));
    assert!(stand.circuit.is_healthy());
    stand.run("SSS");
    assert!(stand.circuit.is_healthy());
    stand.run("F");
    assert!(!stand.circuit.is_healthy());
    stand.run("S");
    stand.pass(20.1);
    assert!(stand.circuit.is_healthy());
    let hung = stand.run("A");
    stand.pass(5.0);
    assert!(!stand.circuit.is_healthy());
    drop(hung);
    stand.circuit.move_to(Disabled).unwrap();
    assert!(!stand.circuit.is_healthy());
}

#[test]
fn an_observer_may_ask_the_circuit_that_it_is_told_of() {
    use portcullis_core::{CircuitEvent, Observer};
    use std::sync::{Arc, OnceLock};

    #[derive(Clone, Default)]
    struct Curious(Arc<OnceLock<Circuit>>);
    impl Observer for Curious {
        fn circuit(&self, event: &CircuitEvent<'_>) {
            let circuit = self.0.get().unwrap();
            assert_eq!(circuit.name(), event.name);
            let _ = (circuit.snapshot(), circuit.admits());
            if circuit.state() == Open {
                circuit.reset();
            }
        }
    }
    let curious = Curious::default();
    let builder = Circuit::builder("curious").consecutive_failures(1);
    let circuit = builder.observer(curious.clone()).build().unwrap();
    curious.0.set(circuit.clone()).unwrap();
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), Closed);
}
