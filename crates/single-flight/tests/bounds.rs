//! Everything is bounded: flights, waiters, time.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod common;

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::{Flights, TICK, settle};
use portcullis_single_flight::{FlightError, Limits, SingleFlight};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, task};

const DEADLINE: Duration = Duration::from_secs(3);

fn limited(flights: usize, waiters: usize) -> Flights {
    let limits = Limits::new()
        .with_max_flights(NonZeroUsize::new(flights).unwrap())
        .with_max_waiters(NonZeroUsize::new(waiters).unwrap())
        .with_deadline(DEADLINE)
        .unwrap();
    SingleFlight::with_limits(limits)
}

#[tokio::test(start_paused = true)]
async fn too_many_flights_refuses_a_new_key_and_no_other() {
    let flights = limited(1, 1);
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("a", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());

    let mut refused = flights.run("b", || async { panic!("called") });
    let outcome = (&mut refused).await;
    assert_eq!(refused.role(), None);
    assert!(matches!(outcome, Err(FlightError::TooManyFlights)));
    let refused = flights.spawn_if_absent("b", || async { panic!("called") });
    assert!(matches!(refused, Err(FlightError::TooManyFlights)));

    let mut waiter = task::spawn(flights.run("a", || async { panic!("second call") }));
    assert_pending!(waiter.poll());
    done.send(1).unwrap();
    assert_eq!(waiter.await.unwrap(), 1);
    assert_eq!(flights.run("b", || async { Ok(2) }).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_many_waiters_refuses_the_next_one_at_once() {
    let flights = limited(1, 2);
    let under_way = flights.spawn_if_absent("k", pending).unwrap();
    let mut waiters: Vec<_> = (0..2)
        .map(|_| task::spawn(flights.run("k", || async { panic!("second call") })))
        .collect();
    for waiter in &mut waiters {
        assert_pending!(waiter.poll());
    }
    let mut refused = task::spawn(flights.run("k", || async { panic!("second call") }));
    let outcome = assert_ready!(refused.poll());
    assert!(matches!(outcome, Err(FlightError::TooManyWaiters)));
    let mut refused = task::spawn(flights.join("k").unwrap());
    assert!(matches!(
        assert_ready!(refused.poll()),
        Err(FlightError::TooManyWaiters)
    ));

    // The leader's own ticket needs no place, and a waiter who leaves gives up his.
    let mut leader = task::spawn(under_way);
    assert_pending!(leader.poll());
    waiters.pop();
    let mut next = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(next.poll());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_there_needs_no_place() {
    let flights = limited(1, 1);
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let tickets: Vec<_> = (0..3).map(|_| flights.join("k").unwrap()).collect();
    done.send(1).unwrap();
    settle().await;
    for ticket in tickets {
        let mut wait = task::spawn(ticket);
        assert_eq!(assert_ready!(wait.poll()).unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_flight_for_everybody_and_drops_the_work() {
    let flights = limited(1, 8);
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    let mut leader = task::spawn(flights.run("k", || async move {
        let _inside = inside;
        pending().await
    }));
    assert_pending!(leader.poll());
    settle().await;
    advance(DEADLINE - 2 * TICK).await;
    let mut late = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(late.poll());
    settle().await;
    assert!(!leader.is_woken() && !late.is_woken());

    // The late one does not get a deadline of his own.
    advance(3 * TICK).await;
    settle().await;
    assert!(matches!(
        assert_ready!(leader.poll()),
        Err(FlightError::Deadline)
    ));
    assert!(matches!(
        assert_ready!(late.poll()),
        Err(FlightError::Deadline)
    ));
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flight_without_callers_ends_at_its_deadline() {
    let flights = limited(1, 1);
    drop(flights.spawn_if_absent("k", pending));
    settle().await;
    assert_eq!(flights.in_flight(), 1);
    advance(DEADLINE + TICK).await;
    settle().await;
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_ready_at_the_deadline_wins() {
    let flights = limited(1, 1);
    let work = || async {
        tokio::time::sleep(DEADLINE).await;
        Ok(1)
    };
    assert_eq!(flights.run("k", work).await.unwrap(), 1);
}

#[tokio::test]
async fn work_that_is_always_busy_cannot_starve_the_deadline() {
    let limits = Limits::new()
        .with_deadline(Duration::from_millis(20))
        .unwrap();
    let flights = Flights::with_limits(limits);
    let started = Instant::now();
    // Uses up tokio's budget in every poll, and asks to be polled again.
    let work = || async {
        loop {
            tokio::task::consume_budget().await;
        }
    };
    let error = flights.run("k", work).await.unwrap_err();
    assert!(matches!(error, FlightError::Deadline), "{error:?}");
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_waiters_fit_the_defaults() {
    let flights = Flights::new();
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let waiters: Vec<_> = (0..10_000)
        .map(|_| tokio::spawn(flights.run("k", || async { panic!("second call") })))
        .collect();
    settle().await;
    done.send(1).unwrap();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().unwrap(), 1);
    }
}
