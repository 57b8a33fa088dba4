//! Calls under way: two pages, for spans of a nanosecond each.

use std::sync::Arc;

use crate::circuit::roster::Roster;
use crate::{at_once, explore};

/// Any time at which all of them are overdue.
const LATER: u64 = 100;

fn with<A: 'static, B: 'static>(
    roster: Roster<()>,
    swapped: bool,
    one: impl FnOnce(&Roster<()>) -> A + 'static,
    other: impl FnOnce(&Roster<()>) -> B + 'static,
) -> (Arc<Roster<()>>, A, B) {
    let roster = Arc::new(roster);
    let (first, second) = (Arc::clone(&roster), Arc::clone(&roster));
    let (one, other) = at_once(swapped, move || one(&first), move || other(&second));
    (roster, one, other)
}

#[test]
fn who_enters_while_the_page_is_taken_is_counted_in_its_own_span_or_not_at_all() {
    // Another span, and another generation.
    for (generation, now) in [(0, 2), (1, 0), (1, 2)] {
        explore(move |swapped| {
            let enter = |roster: &Roster<()>| roster.enter(0, || 0).1;
            let take = move |roster: &Roster<()>| roster.begin(generation, now);
            let (roster, entered, taken) = with(Roster::new(8, ()), swapped, enter, take);
            // Never both: one of them held the page first.
            assert!(entered.is_none() || taken.is_none());
            let held = u64::from(entered.is_some());
            if generation != 0 {
                assert_eq!(roster.overdue(0, LATER), held);
                assert_eq!(roster.overdue(1, LATER), u64::from(taken.is_some()));
            } else {
                assert_eq!(roster.overdue(0, LATER), held + u64::from(taken.is_some()));
            }
            drop((entered, taken));
            assert!(!roster.is_held());
            assert!(roster.begin(2, 4).is_some());
        });
    }
}

#[test]
fn of_two_who_take_a_page_for_a_span_none_takes_it_from_the_other() {
    // For the same span, for two of them, and for two generations.
    for (generation, now) in [(1, 2), (1, 4), (2, 2), (2, 4)] {
        explore(move |swapped| {
            let one = |roster: &Roster<()>| roster.begin(1, 2);
            let other = move |roster: &Roster<()>| roster.begin(generation, now);
            let (roster, one, other) = with(Roster::new(8, ()), swapped, one, other);
            assert!(one.is_some() || other.is_some());
            assert!((generation, now) == (1, 2) || one.is_none() || other.is_none());
            let counted = |generation| roster.overdue(generation, LATER);
            let held = u64::from(one.is_some()) + u64::from(other.is_some());
            assert_eq!(
                counted(1) + if generation == 2 { counted(2) } else { 0 },
                held
            );
        });
    }
}

#[test]
fn who_leaves_while_the_page_is_taken_is_gone() {
    explore(|swapped| {
        let roster = Roster::new(8, ());
        let held = roster.enter(0, || 0).1;
        let leave = move |_: &Roster<()>| drop(held);
        let take = |roster: &Roster<()>| roster.begin(1, 0).is_some();
        let (roster, (), taken) = with(roster, swapped, leave, take);
        assert_eq!((roster.overdue(0, LATER), roster.overdue(1, LATER)), (0, 0));
        assert!(taken || roster.begin(1, 0).is_some());
    });
}

#[test]
fn a_reader_takes_no_new_call_for_one_that_is_overdue() {
    // The page is of a span that is over long since, and is taken for the one of now.
    for generation in [0, 1] {
        explore(move |swapped| {
            let call = move |roster: &Roster<()>| {
                let first = roster.begin(generation, LATER);
                (roster.enter(generation, || LATER).1, first)
            };
            let read = |roster: &Roster<()>| roster.overdue(0, LATER);
            let (_, held, seen) = with(Roster::new(8, ()), swapped, call, read);
            assert!(held.0.is_some() && held.1.is_some());
            assert_eq!(seen, 0);
        });
    }
}

#[test]
fn a_reader_sees_who_hangs_whoever_wants_the_page() {
    explore(|swapped| {
        let roster = Roster::new(8, ());
        let hangs = roster.enter(0, || 0).1;
        let take = |roster: &Roster<()>| roster.begin(0, LATER).is_none();
        let read = |roster: &Roster<()>| roster.overdue(0, LATER);
        let (_, in_vain, seen) = with(roster, swapped, take, read);
        assert!(in_vain);
        assert_eq!(seen, 1);
        drop(hangs);
    });
}

#[test]
fn a_reader_counts_nobody_who_only_wanted_the_page() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut model = loom::model::Builder::new();
        // All of it takes minutes.
        model.preemption_bound = Some(2);
        model.check(move || {
            let roster = Arc::new(Roster::new(8, ()));
            let threads = order.map(|who| {
                let roster = Arc::clone(&roster);
                loom::thread::spawn(move || match who {
                    0 => (roster.enter(0, || 0).1, 0),
                    1 => (roster.begin(0, LATER), 0),
                    _ => (None, roster.overdue(0, LATER)),
                })
            });
            let ended = threads.map(|thread| thread.join().unwrap());
            // The one that enters is of long ago.
            assert!(ended.iter().all(|(_, seen)| *seen <= 1));
            let held = ended.iter().filter(|(held, _)| held.is_some());
            assert!(held.count() <= 1);
        });
    }
}
