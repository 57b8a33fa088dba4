//! Windows and limits: what opens a closed circuit.

use std::time::Duration;

use portcullis_circuit_breaker::{Circuit, Window};
use portcullis_core::CircuitState::{Closed, Open};

use crate::kit::{Stand, base, count, secs};

#[test]
fn s01_a_success_that_brings_the_minimum_opens_too() {
    let stand = Stand::new(base());
    stand.run("FFFS");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, None);
    stand.run("S");
    stand.is(Open);
    let snapshot = stand.circuit.snapshot();
    assert_eq!(snapshot.failure_rate, Some(0.6));
    assert_eq!(stand.tally(), (5, 3, 0));
    stand.run("x");
    assert_eq!(stand.circuit.snapshot().rejected, 1);
}

#[test]
fn s02_the_limit_itself_opens_and_below_it_nothing_does() {
    let stand = Stand::new(base());
    stand.run("S+S+S+F+F");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, Some(0.4));
    stand.run("+F");
    stand.is(Open);
}

#[test]
fn s03_slow_calls_open_whether_they_fail_or_not() {
    let stand = Stand::new(base());
    stand.run("fsFS");
    stand.is(Closed);
    stand.run("s");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open slow_rate"]);
    assert_eq!(stand.tally(), (5, 2, 3));
}

#[test]
fn s04_a_call_is_slow_above_the_threshold_and_not_at_it() {
    let stand = Stand::new(count(10, 1).slow_calls(secs(1.0), 0.1));
    let permit = stand.circuit.try_acquire().unwrap();
    stand.pass(1.0);
    permit.success();
    assert_eq!(stand.tally(), (1, 0, 0));
    let permit = stand.circuit.try_acquire().unwrap();
    stand
        .clock
        .advance_sync(Duration::from_nanos(1_000_000_001));
    permit.success();
    stand.is(Open);
}

#[test]
fn s19_old_successes_do_not_outweigh_what_happens_now() {
    let stand = Stand::new(count(10, 10));
    stand.run(&"S".repeat(1000));
    stand.run("FFFF");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, Some(0.4));
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s20_what_leaves_the_window_is_forgotten_one_by_one() {
    let stand = Stand::new(count(10, 10));
    stand.run("FFFF SSSSSS");
    assert_eq!(stand.tally(), (10, 4, 0));
    stand.run("SSS");
    assert_eq!(stand.tally(), (10, 1, 0));
    stand.run("SFFF");
    assert_eq!(stand.tally(), (10, 3, 0));
    stand.is(Closed);
}

#[test]
fn s21_the_minimum_of_calls_is_enough_however_long_the_window() {
    let stand = Stand::new(count(100, 5));
    stand.run("FFFF");
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s22_a_minimum_above_the_window_is_the_window() {
    let stand = Stand::new(count(5, 10));
    stand.run("FFFF");
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s23_a_window_of_time_holds_what_came_in_that_time() {
    let builder = || {
        Circuit::builder("time")
            .window(Window::Time(secs(10.0)))
            .minimum_calls(100)
    };
    let stand = Stand::new(builder());
    stand.run(&"F".repeat(99));
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
    // At nine a second there are never a hundred in ten seconds.
    let stand = Stand::new(builder());
    for _ in 0..200 {
        stand.run("F");
        stand
            .clock
            .advance_sync(Duration::from_nanos(1_000_000_000 / 9));
    }
    stand.is(Closed);
}

#[test]
fn s24_a_window_of_time_slides_by_a_sixteenth() {
    let stand = Stand::new(
        Circuit::builder("time")
            .window(Window::Time(secs(1.6)))
            .minimum_calls(100),
    );
    for _ in 0..16 {
        stand.run("F.");
    }
    // 1.6 s later the first is gone, and each tenth of a second one more.
    for left in (1..16).rev() {
        assert_eq!(stand.tally().0, left);
        stand.pass(0.1);
    }
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[test]
fn s25_a_window_that_nobody_used_for_long_is_empty() {
    for pause in [2.0, 60.0, 3600.0, 86_400.0 * 30.0] {
        let stand = Stand::new(
            Circuit::builder("time")
                .window(Window::Time(secs(1.0)))
                .minimum_calls(3),
        );
        stand.run("FF");
        stand.pass(pause);
        stand.run("F");
        stand.is(Closed);
        assert_eq!(stand.tally(), (1, 1, 0), "after {pause} s");
    }
}

#[test]
fn s26_a_success_opens_when_the_good_ones_leave_the_window() {
    let stand = Stand::new(base());
    stand.run("SSSSSS++++++++++ FFFF");
    stand.is(Closed);
    stand.run("++++++++++.S");
    stand.is(Open);
}

#[test]
fn s27_what_is_ignored_is_not_in_the_window() {
    let stand = Stand::new(base());
    stand.run("FI");
    assert_eq!(stand.tally(), (1, 1, 0));
}

#[test]
fn s37_failures_in_a_row_open_it_whatever_the_rate() {
    let builder = || {
        Circuit::builder("row")
            .without_failure_rate()
            .consecutive_failures(3)
            .probes(1)
    };
    let stand = Stand::new(builder());
    stand.run("FFSFF");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failed_in_a_row, 2);
    stand.run("F");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open consecutive_failures"]);
    stand.pass(5.001);
    stand.run("F");
    stand.is(Open);
    stand.pass(5.001);
    stand.run("S FF");
    stand.is(Closed);
    // What is ignored neither breaks a row nor makes it longer.
    stand.run("I");
    assert_eq!(stand.circuit.snapshot().failed_in_a_row, 2);
}
