//! A window of calls.

use std::sync::Arc;

use crate::circuit::ring::Ring;
use crate::circuit::tally::{Mark, Tally};
use crate::{at_once, explore};

const GOOD: Mark = Mark::GOOD;
const FAILED: Mark = Mark::new(true, false);
const SLOW: Mark = Mark::new(false, true);

fn tally(total: u64, failed: u64) -> Tally {
    Tally {
        total,
        failed,
        slow: 0,
    }
}

/// What the sums owe the slots shows when all of them are written once more.
fn sums_are_those_of_the_slots(ring: &Ring, generation: u32, length: u64) {
    for _ in 0..length {
        ring.add(generation, SLOW);
    }
    let slow = Tally {
        total: length,
        failed: 0,
        slow: length,
    };
    assert_eq!(ring.tally(generation), slow);
}

/// A ring, and what is done to it at once.
fn with<A: 'static, B: 'static>(
    length: u32,
    before: &[(u32, Mark)],
    swapped: bool,
    one: impl FnOnce(&Ring) -> A + 'static,
    other: impl FnOnce(&Ring) -> B + 'static,
) -> (Arc<Ring>, A, B) {
    let ring = Arc::new(Ring::new(length));
    for (generation, mark) in before {
        ring.add(*generation, *mark);
    }
    let (first, second) = (Arc::clone(&ring), Arc::clone(&ring));
    let (one, other) = at_once(swapped, move || one(&first), move || other(&second));
    (ring, one, other)
}

/// Two writers: what each is told, and what is there after them.
fn writers(before: &'static [(u32, Mark)], marks: [Mark; 2], most: u64, after: Tally) {
    let [one, other] = marks;
    explore(move |swapped| {
        let (ring, one, other) = with(
            2,
            before,
            swapped,
            move |ring| ring.add(0, one).unwrap(),
            move |ring| ring.add(0, other).unwrap(),
        );
        for seen in [one, other] {
            assert!(
                seen.total <= 2 && seen.failed <= most.min(seen.total),
                "{seen:?}"
            );
        }
        assert_eq!(ring.tally(0), after);
        sums_are_those_of_the_slots(&ring, 0, 2);
    });
}

#[test]
fn two_writers_fill_a_ring_and_its_sums_are_those_of_its_slots() {
    writers(&[], [FAILED, GOOD], 1, tally(2, 1));
}

#[test]
fn failures_that_are_evicted_are_gone() {
    writers(&[(0, FAILED), (0, FAILED)], [GOOD, GOOD], 2, tally(2, 0));
}

#[test]
fn a_failure_on_a_ring_of_successes_stays() {
    // The success may find nothing to write, and then evicts nothing.
    writers(&[(0, GOOD), (0, GOOD)], [FAILED, GOOD], 1, tally(2, 1));
}

#[test]
fn a_reader_sees_no_failure_that_never_was() {
    explore(|swapped| {
        let (ring, (), seen) = with(
            2,
            &[(0, FAILED), (0, GOOD)],
            swapped,
            |ring| {
                ring.add(0, GOOD);
                ring.add(0, FAILED);
            },
            |ring| [ring.tally(0), ring.tally(0)],
        );
        for seen in seen {
            assert!(seen == tally(2, 0) || seen == tally(2, 1), "{seen:?}");
        }
        assert_eq!(ring.tally(0), tally(2, 1));
    });
}

#[test]
fn writers_that_meet_in_one_slot_leave_one_of_them_and_never_more() {
    explore(|swapped| {
        let add = |mark| move |ring: &Ring| (ring.add(0, mark).unwrap(), ring.tally(0));
        let (ring, one, other) = with(1, &[], swapped, add(FAILED), add(GOOD));
        // Who pays before the other makes a sum that is below zero: it is read as none.
        for seen in [one.0, one.1, other.0, other.1] {
            assert!(seen.total <= 1 && seen.failed <= seen.total, "{seen:?}");
        }
        assert_eq!(ring.tally(0).total, 1);
        sums_are_those_of_the_slots(&ring, 0, 1);
    });
}

#[test]
fn a_late_writer_changes_nothing_that_the_next_generation_sees() {
    for begun in [true, false] {
        explore(move |swapped| {
            let (ring, _, seen) = with(
                2,
                &[(1, FAILED)],
                swapped,
                |ring| ring.add(1, FAILED),
                move |ring| {
                    if begun {
                        ring.begin(2);
                    }
                    [ring.add(2, GOOD), Some(ring.tally(2))]
                },
            );
            assert_eq!(seen, [Some(tally(1, 0)); 2]);
            assert_eq!(ring.tally(2), tally(1, 0));
            sums_are_those_of_the_slots(&ring, 2, 2);
        });
    }
}

#[test]
fn a_late_writer_takes_nothing_from_the_next_generation() {
    explore(|swapped| {
        let (ring, _, ()) = with(
            2,
            &[(1, FAILED)],
            swapped,
            |ring| ring.add(1, FAILED),
            |ring| {
                // One of the two may meet it in its slot.
                ring.add(2, FAILED);
                ring.add(2, FAILED);
            },
        );
        // It may have cost the window a place until the ring has come round.
        let seen = ring.tally(2);
        assert!(seen == tally(2, 2) || seen == tally(1, 1), "{seen:?}");
        sums_are_those_of_the_slots(&ring, 2, 2);
    });
}

#[test]
fn to_begin_a_generation_that_has_begun_loses_nothing() {
    for beginning in [1, 2] {
        explore(move |swapped| {
            let (ring, (), told) = with(
                2,
                &[(1, FAILED)],
                swapped,
                move |ring| ring.begin(beginning),
                |ring| ring.add(2, FAILED),
            );
            assert_eq!(told, Some(tally(1, 1)));
            assert_eq!(ring.tally(2), tally(1, 1));
        });
    }
}
