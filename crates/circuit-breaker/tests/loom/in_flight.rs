//! Calls under way: two spans of a nanosecond each, and the older ones.

use std::sync::Arc;

use crate::circuit::in_flight::InFlight;
use crate::{at_once, explore};

/// Nobody is under way: then one that hangs, and that is handed to the older ones by the next, is one.
fn nobody_is_under_way(calls: &InFlight, generation: u32) {
    let now = 1000;
    assert_eq!(calls.overdue(generation, now), 0);
    let hangs = calls.enter(generation, now);
    let next = calls.enter(generation, now + 2);
    assert_eq!(calls.overdue(generation, now + 100), 2);
    calls.leave(generation, next);
    calls.leave(generation, hangs);
    assert_eq!(calls.overdue(generation, now + 100), 0);
}

fn with<A: 'static, B: 'static>(
    calls: InFlight,
    swapped: bool,
    one: impl FnOnce(&InFlight) -> A + 'static,
    other: impl FnOnce(&InFlight) -> B + 'static,
) -> (Arc<InFlight>, A, B) {
    let calls = Arc::new(calls);
    let (first, second) = (Arc::clone(&calls), Arc::clone(&calls));
    let (one, other) = at_once(swapped, move || one(&first), move || other(&second));
    (calls, one, other)
}

/// A call that is over at once.
fn call(generation: u32, now: u64) -> impl FnOnce(&InFlight) {
    move |calls| {
        let place = calls.enter(generation, now);
        calls.leave(generation, place);
    }
}

#[test]
fn who_leaves_while_others_are_handed_over_is_counted_out_once() {
    explore(|swapped| {
        let calls = InFlight::new(8);
        let place = calls.enter(0, 0);
        // The same counter, for another span.
        let leave = move |calls: &InFlight| calls.leave(0, place);
        let (calls, (), ()) = with(calls, swapped, leave, call(0, 2));
        nobody_is_under_way(&calls, 0);
    });
}

#[test]
fn who_stays_while_others_are_handed_over_is_counted_once() {
    explore(|swapped| {
        let calls = InFlight::new(8);
        let (hangs, leaves) = (calls.enter(0, 0), calls.enter(0, 0));
        let leave = move |calls: &InFlight| calls.leave(0, leaves);
        let (calls, (), ()) = with(calls, swapped, leave, call(0, 2));
        assert_eq!(calls.overdue(0, 100), 1);
        calls.leave(0, hangs);
        nobody_is_under_way(&calls, 0);
    });
}

#[test]
fn a_reader_counts_nobody_twice_who_is_handed_over() {
    explore(|swapped| {
        let calls = InFlight::new(8);
        calls.enter(0, 0);
        let read = |calls: &InFlight| calls.overdue(0, 100);
        let (calls, (), seen) = with(calls, swapped, call(0, 2), read);
        // The one that hangs, and the one that comes and goes.
        assert!(seen <= 2, "{seen}");
        assert_eq!(calls.overdue(0, 100), 1);
    });
}

#[test]
fn who_enters_late_is_counted_in_and_out() {
    explore(|swapped| {
        let (calls, (), ()) = with(InFlight::new(8), swapped, call(0, 0), call(0, 2));
        nobody_is_under_way(&calls, 0);
    });
}

#[test]
fn who_enters_for_a_generation_that_is_over_takes_nobody_out() {
    for (before, now) in [(0, 0), (2, 0), (0, 2)] {
        explore(move |swapped| {
            let (calls, (), ()) = with(InFlight::new(8), swapped, call(1, before), call(2, now));
            nobody_is_under_way(&calls, 2);
        });
    }
}

#[test]
fn of_two_who_look_in_one_span_one_finds_what_hangs() {
    explore(|swapped| {
        let calls = InFlight::new(8);
        calls.enter(0, 0);
        let look = |calls: &InFlight| {
            if calls.looks(50) {
                calls.overdue(0, 50)
            } else {
                0
            }
        };
        let (_, one, other) = with(calls, swapped, look, look);
        assert_eq!(one + other, 1);
    });
}
