//! Circuits by key: bounded, and never forgetting what is not well.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod kit;

use kit::{Told, base, secs};
use portcullis_circuit_breaker::{Circuit, KeyedCircuits};
use portcullis_core::{CircuitEventKind, CircuitState};
use portcullis_testing::TestClock;

struct Stand {
    circuits: KeyedCircuits<String, TestClock>,
    clock: TestClock,
    told: Told,
}

fn stand(most: usize) -> Stand {
    let (clock, told) = (TestClock::new(), Told::default());
    let builder = base().observer(told.clone()).clock(clock.clone());
    Stand {
        circuits: KeyedCircuits::new(builder, most).unwrap(),
        clock,
        told,
    }
}

impl Stand {
    fn fail(&self, key: &str, times: usize) {
        for _ in 0..times {
            self.circuits.get(key).try_acquire().unwrap().failure();
        }
    }

    fn is_known(&self, key: &str) -> bool {
        self.circuits.find(key).is_some()
    }
}

#[test]
fn each_key_has_a_circuit_of_its_own() {
    let stand = stand(10);
    stand.fail("a", 5);
    assert_eq!(stand.circuits.get("a").state(), CircuitState::Open);
    assert_eq!(stand.circuits.get("b").state(), CircuitState::Closed);
    assert_eq!(stand.circuits.all().len(), 2);
    assert_eq!(stand.circuits.get("a").name(), "base");
}

#[test]
fn a_healthy_one_that_was_not_used_lately_makes_room() {
    let stand = stand(3);
    for key in ["a", "b", "c"] {
        stand.circuits.get(key);
    }
    // The hand goes round once and finds all used; from now on those that are used stay.
    stand.circuits.get("d");
    assert!(!stand.is_known("a") && stand.is_known("b") && stand.is_known("d"));
    stand.circuits.get("e");
    assert!(stand.is_known("b") && !stand.is_known("c"));
    assert_eq!(stand.circuits.all().len(), 3);
    assert_eq!(stand.circuits.overflowed(), 0);
}

#[test]
fn what_is_not_well_is_never_given_up() {
    let stand = stand(3);
    stand.fail("open", 5);
    stand.fail("failing", 1);
    let hung = stand.circuits.get("hanging").try_acquire().unwrap();
    stand.clock.advance_sync(secs(5.0));
    for n in 0..200 {
        let circuit = stand.circuits.get(&format!("new-{n}"));
        assert_eq!(circuit.name(), "base (overflow)");
    }
    for key in ["open", "failing", "hanging"] {
        assert!(stand.is_known(key), "{key}");
    }
    assert_eq!(stand.circuits.overflowed(), 200);
    let told = stand.told.0.lock().unwrap();
    let overflowed = told
        .iter()
        .filter(|kind| **kind == CircuitEventKind::Overflowed);
    assert_eq!(overflowed.count(), 200);
    drop(hung);
}

#[test]
fn the_circuit_that_is_shared_is_a_circuit() {
    let stand = stand(1);
    stand.fail("one", 1);
    stand.fail("another", 5);
    assert_eq!(stand.circuits.overflow().state(), CircuitState::Open);
    assert!(stand.circuits.get("a third").try_acquire().is_err());
    assert!(stand.circuits.get("one").try_acquire().is_ok());
}

#[test]
fn bad_numbers_are_refused_all_at_once() {
    let error = KeyedCircuits::<String>::new(Circuit::builder("x").probes(0), 0).unwrap_err();
    let paths: Vec<&str> = error
        .problems()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(paths, ["most", "circuit.probes"]);
    assert!(KeyedCircuits::<String>::new(Circuit::builder("x"), 100_001).is_err());
}

#[test]
fn of_many_who_come_first_at_once_all_get_the_same() {
    let stand = stand(100);
    let gate = std::sync::Barrier::new(16);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                gate.wait();
                stand.circuits.get("key").try_acquire().unwrap().success();
            });
        }
    });
    assert_eq!(stand.circuits.get("key").snapshot().calls, 16);
}

#[test]
fn one_with_a_call_under_way_is_not_given_up() {
    let stand = stand(1);
    let under_way = stand.circuits.get("busy").try_acquire().unwrap();
    assert_eq!(stand.circuits.get("new").name(), "base (overflow)");
    under_way.success();
    assert_eq!(stand.circuits.get("new").name(), "base");
    assert!(!stand.is_known("busy"));
}

#[test]
fn what_is_gone_for_good_can_be_forgotten() {
    let stand = stand(3);
    for key in ["a", "b", "c"] {
        stand.fail(key, 5);
    }
    assert_eq!(stand.circuits.get("d").name(), "base (overflow)");
    assert!(stand.circuits.remove("a") && !stand.circuits.remove("a"));
    assert_eq!(stand.circuits.get("d").name(), "base");
    assert_eq!(stand.circuits.get("c").state(), CircuitState::Open);
    stand.circuits.retain(|key| key == "c");
    assert!(!stand.is_known("b") && !stand.is_known("d"));
    assert_eq!(
        stand.circuits.find("c").unwrap().state(),
        CircuitState::Open
    );
    assert_eq!(stand.circuits.all().len(), 1);
}
