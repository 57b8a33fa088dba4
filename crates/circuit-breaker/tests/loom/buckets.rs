//! A window of time: two buckets, of a hundred nanoseconds each.

use std::sync::Arc;

use crate::circuit::buckets::{AtOnce, Buckets};
use crate::circuit::tally::{Mark, Tally};
use crate::{at_once, explore};

const GOOD: Mark = Mark::GOOD;
const FAILED: Mark = Mark::new(true, false);

const fn tally(total: u64, failed: u64) -> Tally {
    Tally {
        total,
        failed,
        slow: 0,
    }
}

/// An outcome of a generation, at an instant.
type Add = (u32, u64, Mark);

/// Adds what was before, and then two at once.
fn adds(before: &[Add], swapped: bool, one: Add, other: Add) -> (Arc<Buckets>, [Option<Tally>; 2]) {
    let buckets = Arc::new(Buckets::new(200));
    for &(generation, now, mark) in before {
        buckets.add(generation, now, mark);
    }
    let add = |(generation, now, mark)| {
        let buckets = Arc::clone(&buckets);
        move || buckets.add(generation, now, mark)
    };
    let (one, other) = at_once(swapped, add(one), add(other));
    (buckets, [one, other])
}

#[test]
fn a_bucket_that_begins_anew_loses_nothing_and_keeps_nothing() {
    explore(|swapped| {
        let before = [(0, 0, FAILED)];
        let (buckets, [one, other]) = adds(&before, swapped, (0, 200, FAILED), (0, 200, GOOD));
        // In a model the loads are weaker, and each sees its own at least.
        assert_eq!(one.unwrap().failed, 1);
        assert!(other.unwrap().total > 0);
        assert_eq!(buckets.tally(0, 200), tally(2, 1));
    });
}

#[test]
fn who_is_a_window_late_leaves_nothing_in_the_bucket_of_now() {
    explore(|swapped| {
        let (buckets, [_, now]) = adds(&[], swapped, (0, 0, FAILED), (0, 200, GOOD));
        assert_eq!(now, Some(tally(1, 0)));
        assert_eq!(buckets.tally(0, 200), tally(1, 0));
    });
}

#[test]
fn who_is_a_generation_late_leaves_nothing_in_the_bucket_of_now() {
    explore(|swapped| {
        let before = [(0, 0, FAILED)];
        let (buckets, [_, now]) = adds(&before, swapped, (0, 0, FAILED), (1, 0, GOOD));
        assert_eq!(now, Some(tally(1, 0)));
        assert_eq!(buckets.tally(1, 0), tally(1, 0));
    });
}

#[test]
fn what_fails_meanwhile_never_makes_the_share_larger_than_it_is() {
    explore(|swapped| {
        let buckets = Arc::new(Buckets::new(200));
        buckets.add(0, 0, GOOD);
        let (writer, reader) = (Arc::clone(&buckets), Arc::clone(&buckets));
        let (written, seen) = at_once(
            swapped,
            move || writer.add(0, 0, FAILED),
            move || reader.tally(0, 0),
        );
        let real = [tally(1, 0), tally(2, 0), tally(2, 1)];
        assert!(real.contains(&seen), "{seen:?}");
        assert_eq!(written, Some(tally(2, 1)));
    });
}

#[test]
fn a_success_looks_for_what_failed_last_whoever_told_of_it_last() {
    explore(|swapped| {
        let (buckets, _) = adds(&[], swapped, (0, 0, FAILED), (0, 300, FAILED));
        assert_eq!(buckets.add(0, 400, GOOD), Some(tally(2, 1)));
    });
}

#[test]
fn a_success_looks_for_what_failed_in_its_own_generation() {
    explore(|swapped| {
        let (buckets, _) = adds(&[], swapped, (0, 0, FAILED), (1, 0, FAILED));
        assert_eq!(buckets.add(1, 0, GOOD), Some(tally(2, 1)));
    });
}

#[test]
fn what_is_added_at_once_while_others_add_is_neither_lost_nor_added_twice() {
    explore(|swapped| {
        let buckets = Arc::new(Buckets::new(200));
        buckets.add(0, 0, GOOD);
        let (one, other) = (Arc::clone(&buckets), Arc::clone(&buckets));
        let (added, _) = at_once(
            swapped,
            move || one.add_at_once(0, 0) != AtOnce::Not,
            move || other.add(0, 0, FAILED),
        );
        let total = 2 + u64::from(added);
        assert_eq!(buckets.tally(0, 0), tally(total, 1));
        assert_eq!(buckets.add_at_once(0, 0), AtOnce::MayBeBad);
    });
}

#[test]
fn two_that_are_added_at_once_are_both_there_or_one_is_told() {
    explore(|swapped| {
        let buckets = Arc::new(Buckets::new(200));
        buckets.add(0, 0, GOOD);
        let (one, other) = (Arc::clone(&buckets), Arc::clone(&buckets));
        let (one, other) = at_once(
            swapped,
            move || one.add_at_once(0, 0),
            move || other.add_at_once(0, 0),
        );
        let added = [one, other]
            .iter()
            .filter(|one| **one == AtOnce::Clean)
            .count() as u64;
        assert!(added > 0);
        assert_eq!(buckets.tally(0, 0), tally(1 + added, 0));
    });
}

#[test]
fn what_is_added_at_once_and_late_leaves_nothing_in_the_bucket_of_now() {
    for (generation, now) in [(0, 200), (1, 0)] {
        explore(move |swapped| {
            let buckets = Arc::new(Buckets::new(200));
            buckets.add(0, 0, GOOD);
            let (late, begins) = (Arc::clone(&buckets), Arc::clone(&buckets));
            at_once(
                swapped,
                move || late.add_at_once(0, 0),
                move || begins.add(generation, now, GOOD),
            );
            assert_eq!(buckets.tally(generation, now), tally(1, 0));
        });
    }
}
