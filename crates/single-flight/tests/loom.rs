//! The hand-over under every interleaving: the real table and flights on loom's primitives.
//!
//! `RUSTFLAGS="--cfg portcullis_loom" cargo test -p portcullis-single-flight --release --test loom`
#![cfg(portcullis_loom)]
#![allow(dead_code, missing_docs, unreachable_pub)] // the modules are included, not linked
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

#[path = "../src/contained.rs"]
mod contained;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/flight.rs"]
mod flight;
#[path = "../src/limits.rs"]
mod limits;
#[path = "../src/sync.rs"]
mod sync;
#[path = "../src/table.rs"]
mod table;
#[path = "../src/wait_list.rs"]
mod wait_list;

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::task::Waker;

use loom::future::block_on;
use loom::thread;

use error::FlightError;
use flight::{Flight, Outcome};
use limits::Limits;
use sync::Arc;
use table::{Boarding, Lead, Table};
use wait_list::{Entry, WaitList};

type Flights = Arc<Table<u8, u32, ()>>;

fn flights() -> Flights {
    Arc::new(Table::new(Limits::new()))
}

fn board(flights: &Flights) -> Boarding<u8, u32, ()> {
    flights.board(1).unwrap()
}

fn lead(flights: &Flights) -> Lead<u8, u32, ()> {
    match board(flights) {
        Boarding::Lead(flight) => Lead::new(Arc::clone(flights), flight),
        Boarding::Join(..) => panic!("the key is free"),
    }
}

/// Waits as a waiter does; blocks for ever, which loom reports, if the wake-up is lost.
fn wait(flight: Arc<Flight<u8, u32, ()>>) -> Outcome<u32, ()> {
    let mut place = None;
    block_on(poll_fn(|cx| flight.poll(&mut place, None, cx.waker())))
}

#[test]
fn a_caller_who_joins_while_the_flight_lands_is_told_or_leads() {
    loom::model(|| {
        let flights = flights();
        let lead = lead(&flights);
        let other = Arc::clone(&flights);
        let caller = thread::spawn(move || match board(&other) {
            Boarding::Join(flight) => assert!(matches!(wait(flight), Ok(1))),
            Boarding::Lead(flight) => {
                let lead = Lead::new(other, flight);
                assert!(matches!(lead.land_here(Ok(2)), Ok(2)));
            }
        });
        assert!(matches!(lead.land_here(Ok(1)), Ok(1)));
        caller.join().unwrap();
        assert_eq!(flights.len(), 0);
    });
}

#[test]
fn a_dropped_duty_tells_whoever_joined() {
    loom::model(|| {
        let flights = flights();
        let lead = lead(&flights);
        let other = Arc::clone(&flights);
        let caller = thread::spawn(move || match board(&other) {
            Boarding::Join(flight) => {
                assert!(matches!(wait(flight), Err(FlightError::Aborted)));
            }
            Boarding::Lead(flight) => Lead::new(other, flight).land(Ok(2)),
        });
        drop(lead);
        caller.join().unwrap();
        assert_eq!(flights.len(), 0);
    });
}

#[test]
fn work_and_deadline_landing_together_tell_one_outcome() {
    loom::model(|| {
        let flights = flights();
        let lead = lead(&flights);
        let Boarding::Join(flight) = board(&flights) else {
            panic!("the key is taken");
        };
        let (watchdog, watched) = (Arc::clone(&flights), Arc::clone(&flight));
        let overdue = thread::spawn(move || {
            watchdog.land(&watched, Err(FlightError::Deadline));
            wait(watched)
        });
        let led = lead.land_here(Ok(1));
        let waited = wait(flight);
        let overdue = overdue.join().unwrap();
        assert_eq!(led.is_ok(), waited.is_ok());
        assert_eq!(led.is_ok(), overdue.is_ok());
        assert_eq!(flights.len(), 0);
    });
}

#[test]
fn a_late_landing_leaves_the_next_flight_of_the_key_alone() {
    loom::model(|| {
        let flights = flights();
        let late = lead(&flights);
        let Boarding::Join(flight) = board(&flights) else {
            panic!("the key is taken");
        };
        flights.land(&flight, Err(FlightError::Deadline));
        let landing = thread::spawn(move || late.land(Ok(1)));
        let next = lead(&flights);
        landing.join().unwrap();
        assert_eq!(flights.len(), 1);
        assert!(matches!(next.land_here(Ok(2)), Ok(2)));
        assert_eq!(flights.len(), 0);
    });
}

#[test]
fn a_waiter_who_leaves_while_the_flight_lands_takes_nobodys_wake() {
    loom::model(|| {
        let flights = flights();
        let lead = lead(&flights);
        let flight = Arc::clone(lead.flight().unwrap());
        let mut place = None;
        let entered = flight.poll(&mut place, None, Waker::noop());
        assert!(entered.is_pending());
        let staying = Arc::clone(&flight);
        let stays = thread::spawn(move || assert!(matches!(wait(staying), Ok(1))));
        let landing = thread::spawn(move || lead.land(Ok(1)));
        flight.leave(place.unwrap());
        stays.join().unwrap();
        landing.join().unwrap();
    });
}

#[test]
fn one_who_leaves_a_slot_shared_with_another_takes_no_wake_of_his() {
    loom::model(|| {
        let flights = flights();
        let lead = lead(&flights);
        let flight = Arc::clone(lead.flight().unwrap());
        let landing = thread::spawn(move || lead.land(Ok(1)));
        let (mut stays, mut leaves) = (None, None);
        let mut left = false;
        // One task, and so one waker for both.
        let outcome = block_on(poll_fn(|cx| {
            let staying = flight.poll(&mut stays, None, cx.waker());
            if !left && flight.poll(&mut leaves, None, cx.waker()).is_pending() {
                flight.leave(leaves.take().unwrap());
            }
            left = true;
            staying
        }));
        assert!(matches!(outcome, Ok(1)));
        landing.join().unwrap();
    });
}

#[test]
fn seats_are_never_more_than_allowed_and_come_back() {
    loom::model(|| {
        let list = Arc::new(WaitList::new());
        let enter = |list: &WaitList| {
            let mut place = None;
            let entry = list.enter(&mut place, Some(NonZeroUsize::MIN), Waker::noop());
            assert_eq!(entry == Entry::Waiting, place.is_some());
            place
        };
        let theirs = Arc::clone(&list);
        let other = thread::spawn(move || enter(&theirs));
        let places = [enter(&list), other.join().unwrap()];
        assert_eq!(places.iter().flatten().count(), 1);
        places
            .into_iter()
            .flatten()
            .for_each(|place| list.leave(place));
        assert!(enter(&list).is_some());
    });
}
