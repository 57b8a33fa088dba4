//! Calls under way: what hangs, what is given up, and whose time it is.

use portcullis_circuit_breaker::Cancelled;
use portcullis_core::CircuitState::{Closed, Open};

use crate::kit::{Stand, base, count, secs};

#[test]
fn s38_calls_that_hang_open_it_though_none_is_over() {
    let stand = Stand::new(base());
    let hung = stand.run("AAAAA");
    stand.pass(4.0);
    let one = stand.run("A");
    stand.is(Closed);
    stand.pass(1.0);
    stand.run("x");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open slow_in_flight"]);
    drop((hung, one));
    // They are of before: what comes now is judged by itself.
    stand.pass(5.001);
    stand.run("SSSS");
    stand.is(Closed);
    stand.pass(10.0);
    stand.run("SSSSS");
    stand.is(Closed);
}

#[test]
fn s40_calls_that_are_long_over_are_not_under_way() {
    let stand = Stand::new(base());
    for _ in 0..50 {
        let calls = stand.run("AAAAA");
        stand.pass(0.9);
        calls.into_iter().for_each(crate::kit::Call::success);
    }
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    stand.is(Closed);
}

#[test]
fn s43_a_call_that_was_given_up_counts_as_was_chosen() {
    // Nothing was chosen: it is ignored, and slow if it was.
    let stand = Stand::new(base());
    drop(stand.run("A"));
    assert_eq!(stand.tally(), (0, 0, 0));
    let hung = stand.run("A");
    stand.pass(4.001);
    drop(hung);
    assert_eq!(stand.tally(), (1, 0, 1));
    // A failure, after so long.
    let stand = Stand::new(count(10, 10).cancelled(Cancelled::FailedAfter(secs(1.0))));
    let calls = stand.run("AA");
    stand.pass(1.0);
    drop(calls);
    assert_eq!(stand.tally(), (0, 0, 0));
    let calls = stand.run("AA");
    stand.pass(1.001);
    drop(calls);
    assert_eq!(stand.tally(), (2, 2, 0));
    // Whoever says that there was nothing to learn has said it.
    let calls = stand.run("A");
    stand.pass(10.0);
    calls.into_iter().for_each(crate::kit::Call::ignore);
    assert_eq!(stand.tally(), (2, 2, 0));
}

#[test]
fn s44_while_the_caller_sends_nothing_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    let uploads: Vec<_> = calls
        .iter_mut()
        .map(|call| call.uploading().unwrap())
        .collect();
    stand.pass(3600.0);
    stand.run("S");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    uploads.into_iter().for_each(|upload| upload.sent());
    stand.pass(4.0);
    let fast = calls.pop().unwrap();
    fast.success();
    assert_eq!(stand.tally().2, 0);
    stand.pass(1.0);
    calls.into_iter().for_each(crate::kit::Call::success);
    // The third brought it to three of five.
    stand.is(Open);
    assert_eq!(stand.tally(), (5, 0, 3));
    assert_eq!(stand.circuit.snapshot().late, 2);
}

#[test]
fn s44_a_dependency_that_does_not_read_what_is_there_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    let uploads: Vec<_> = calls
        .iter_mut()
        .map(|call| call.uploading().unwrap())
        .collect();
    for upload in &uploads {
        upload.goes_on();
    }
    stand.pass(3.0);
    // They were read, and have to wait for their callers again; and again.
    for upload in &uploads {
        upload.waits();
        upload.waits();
    }
    stand.pass(3600.0);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    for upload in &uploads {
        upload.goes_on();
    }
    stand.pass(5.0);
    assert_eq!(stand.circuit.snapshot().overdue, 6);
    stand.run("x");
    stand.is(Open);
    drop((calls, uploads));
}

#[test]
fn s45_from_the_head_of_the_answer_on_nothing_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    calls.iter_mut().for_each(crate::kit::Call::answered);
    stand.pass(3600.0);
    stand.run("S");
    calls.into_iter().for_each(crate::kit::Call::success);
    assert_eq!(stand.tally(), (7, 0, 0));
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}

#[test]
fn s46_an_upload_that_outlives_its_call_leaves_nothing_behind() {
    let stand = Stand::new(base());
    let mut calls = stand.run("A");
    let upload = calls[0].uploading().unwrap();
    drop(calls);
    upload.sent();
    stand.pass(60.0);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}
