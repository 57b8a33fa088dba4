//! Schedules that broke it once, or that broke what it might have been.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod kit;

use std::time::Duration;

use kit::{Stand, base, count, secs};
use portcullis_circuit_breaker::{Circuit, Window};
use portcullis_core::CircuitState::{Closed, HalfOpen, Open};
use portcullis_core::{Backoff, Outcome};

const DAY: f64 = 86_400.0;

#[test]
fn a_trip_that_loses_does_not_overwrite_the_deadline_of_the_winner() {
    let stand = Stand::new(count(1, 1));
    let mut calls = stand.run("AA");
    calls.pop().unwrap().overload(Some(secs(40.0)));
    calls.pop().unwrap().overload(Some(secs(300.0)));
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(40.0)));
    assert_eq!(stand.told.moves().len(), 1);
    assert_eq!(stand.circuit.snapshot().late, 1);
}

#[test]
fn a_window_counts_however_often_the_circuit_moved_before() {
    // The sums of a window know sixteen bits of a generation.
    for resets in [1 << 15, (1 << 15) + 1, (1 << 16) - 1, 1 << 16] {
        let stand = Stand::new(count(3, 3));
        stand.run("FF");
        (0..resets).for_each(|_| stand.circuit.reset());
        assert_eq!(stand.tally(), (0, 0, 0), "{resets}");
        stand.run("FF");
        stand.is(Closed);
        stand.run("F");
        stand.is(Open);
        assert_eq!(stand.tally(), (3, 3, 0), "{resets}");
        assert_eq!(stand.circuit.snapshot().late, 0);
    }
}

#[test]
fn a_window_counts_after_an_outage_of_any_length() {
    let stand = Stand::new(count(3, 3).probes(1).open_for(Backoff::fixed(secs(0.001))));
    stand.run("FFF");
    for _ in 0..(1 << 14) + 100 {
        stand.pass(0.002);
        stand.run("F");
    }
    stand.pass(0.002);
    stand.run("S FFF");
    stand.is(Open);
}

#[test]
fn a_window_of_time_counts_after_a_pause_of_any_length() {
    for window in [0.01, 1.0, 60.0] {
        for days in 0..40 {
            let stand = Stand::new(
                Circuit::builder("time")
                    .window(Window::Time(secs(window)))
                    .minimum_calls(2),
            );
            stand.run("SSSF");
            stand.circuit.reset();
            stand.run("SSSF");
            stand.pass(f64::from(days) * DAY + 4321.0);
            stand.run("F");
            assert_eq!(stand.tally(), (1, 1, 0), "{window} s, {days} days");
            stand.run("F");
            stand.is(Open);
            assert_eq!(stand.circuit.snapshot().late, 0);
        }
    }
}

#[test]
fn a_success_opens_by_what_failed_at_the_other_end_of_the_window() {
    let stand = Stand::new(
        Circuit::builder("time")
            .window(Window::Time(secs(1.6)))
            .minimum_calls(2),
    );
    stand.run("SSS. F");
    stand.pass(1.5);
    stand.run("S");
    stand.is(Open);
    assert_eq!(stand.tally(), (2, 1, 0));
}

#[test]
fn a_call_that_hangs_for_hours_is_overdue_and_ages_nobody_else() {
    let stand = Stand::new(count(10, 10).slow_calls(secs(0.001), 1.0));
    let hung = stand.run("A");
    for _ in 0..600 {
        stand.pass(60.0);
        assert_eq!(stand.circuit.snapshot().overdue, 1);
        let fresh = stand.run("A");
        assert_eq!(stand.circuit.snapshot().overdue, 1, "{:?}", stand.clock);
        drop(fresh);
    }
    drop(hung);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}

#[test]
fn an_upload_of_before_a_move_takes_no_call_of_now_out_of_those_under_way() {
    let stand = Stand::new(base());
    let mut old = stand.run("A");
    let upload = old[0].uploading().unwrap();
    stand.circuit.reset();
    let calls = stand.run("AAA");
    upload.sent();
    stand.pass(5.0);
    assert_eq!(stand.circuit.snapshot().overdue, 3);
    drop((old, calls));
    // None is owed for the next ones either.
    let hung = stand.run("A");
    stand.pass(60.0);
    stand.run("S");
    assert_eq!(stand.circuit.snapshot().overdue, 1);
    drop(hung);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}

#[test]
fn a_call_that_is_answered_has_nothing_to_send_any_more() {
    let stand = Stand::new(base());
    let mut calls = stand.run("A");
    calls[0].answered();
    assert!(calls[0].uploading().is_none());
    stand.pass(60.0);
    calls.pop().unwrap().success();
    assert_eq!(stand.tally(), (1, 0, 0));
}

#[test]
fn a_probe_that_comes_late_is_late_once_and_only_with_an_outcome() {
    let stand = Stand::new(base());
    let mut probe = stand.half_open();
    let mut held = stand.run("A").pop().unwrap();
    let ignored = stand.run("A").pop().unwrap();
    stand.circuit.reset();
    let upload = held.uploading();
    probe.answered();
    drop(upload);
    ignored.ignore();
    assert_eq!(stand.circuit.snapshot().late, 0);
    probe.success();
    held.failure();
    assert_eq!(stand.circuit.snapshot().late, 2);
}

#[test]
fn a_probe_that_decides_by_overload_keeps_it_open_as_long_as_it_was_told() {
    let stand = Stand::new(base().probes(1));
    let retry_after = Some(secs(120.0));
    stand.half_open().settle(Outcome::Overload { retry_after });
    stand.is(Open);
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(120.0)));
    stand.pass(120.001);
    let retry_after = Some(Duration::MAX);
    let probe = stand.run("A").pop().unwrap();
    probe.settle(Outcome::Overload { retry_after });
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(300.0)));
    // What it asks for is no reason to come back sooner.
    stand.pass(300.001);
    let probe = stand.run("A").pop().unwrap();
    stand.is(HalfOpen);
    probe.overload(Some(Duration::ZERO));
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(5.0)));
}
