//! Runtimes that are missing, have no timers, are not driven, or shut down.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod common;

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use common::{Flights, settle};
use portcullis_single_flight::{FlightError, Limits};
use tokio::runtime::{Builder, Runtime};
use tokio_test::{assert_pending, assert_ready, task};

const DEADLINE: Duration = Duration::from_secs(2);

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn flights() -> Flights {
    Flights::with_limits(Limits::new().with_deadline(DEADLINE).unwrap())
}

/// The future after a first poll inside `runtime`, which is not driven on.
fn polled_on<F: Future>(runtime: &Runtime, future: F) -> task::Spawn<Pin<Box<F>>> {
    let _inside = runtime.enter();
    let mut spawned = task::spawn(Box::pin(future));
    assert!(spawned.poll().is_pending());
    spawned
}

#[test]
fn ready_work_needs_no_runtime() {
    let mut caller = task::spawn(flights().run("k", || async { Ok(1) }));
    assert_eq!(assert_ready!(caller.poll()).unwrap(), 1);
}

#[test]
fn pending_work_without_a_runtime_is_an_error_and_leaves_nothing() {
    let flights = flights();
    let mut caller = task::spawn(flights.run("k", pending));
    assert!(matches!(
        assert_ready!(caller.poll()),
        Err(FlightError::NoRuntime)
    ));
    let spawned = flights.spawn_if_absent("k", pending);
    assert!(matches!(spawned, Err(FlightError::NoRuntime)));
    assert_eq!(flights.in_flight(), 0);
}

#[test]
fn a_runtime_without_timers_is_an_error_and_leaves_nothing() {
    let flights = flights();
    let runtime = Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(flights.run("k", pending)).unwrap_err();
    assert!(matches!(error, FlightError::NoRuntime), "{error:?}");
    assert_eq!(flights.in_flight(), 0);
}

#[test]
fn a_waiter_without_a_runtime_is_refused_and_nobody_else() {
    let flights = flights();
    let runtime = runtime();
    let mut leader = polled_on(
        &runtime,
        flights.run("k", || async {
            settle().await;
            Ok(1)
        }),
    );
    let mut waiter = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert!(matches!(
        assert_ready!(waiter.poll()),
        Err(FlightError::NoRuntime)
    ));
    assert_eq!(runtime.block_on(&mut leader).unwrap(), 1);
}

#[test]
fn shutdown_of_the_runtime_aborts_the_flight_for_everybody() {
    let flights = flights();
    let theirs = runtime();
    let mut leader = polled_on(&theirs, flights.run("k", pending));
    let ours = runtime();
    let mut waiter = polled_on(&ours, flights.run("k", || async { panic!("second call") }));

    drop(theirs);
    assert!(waiter.is_woken());
    assert!(matches!(
        assert_ready!(waiter.poll()),
        Err(FlightError::Aborted)
    ));
    assert!(matches!(
        assert_ready!(leader.poll()),
        Err(FlightError::Aborted)
    ));
    assert_eq!(flights.in_flight(), 0);
}

#[test]
fn a_task_that_never_ran_before_the_shutdown_is_aborted_too() {
    let flights = flights();
    let runtime = runtime();
    let ticket = runtime
        .block_on(async { flights.spawn_if_absent("k", || async { panic!("called") }) })
        .unwrap();
    drop(runtime);
    let mut wait = task::spawn(ticket);
    assert!(matches!(
        assert_ready!(wait.poll()),
        Err(FlightError::Aborted)
    ));
    assert_eq!(flights.in_flight(), 0);
}

#[test]
fn a_key_is_not_free_before_its_aborted_work_is_gone() {
    /// Notes how many flights there are when it is dropped.
    struct Witness(Flights, mpsc::Sender<usize>);

    impl Drop for Witness {
        fn drop(&mut self) {
            self.1.send(self.0.in_flight()).unwrap();
        }
    }

    let flights = flights();
    for runs_before in [false, true] {
        let runtime = runtime();
        let (send, seen) = mpsc::channel();
        let witness = Witness(flights.clone(), send);
        let inside = runtime.enter();
        let _ticket = flights.spawn_if_absent("k", move || async move {
            let _witness = witness;
            pending().await
        });
        drop(inside);
        if runs_before {
            runtime.block_on(settle());
        }
        drop(runtime);
        assert_eq!(seen.recv().unwrap(), 1);
        assert_eq!(flights.in_flight(), 0);
    }
}

#[test]
fn panic_in_the_drop_of_aborted_work_leaves_nothing() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    let flights = flights();
    let runtime = runtime();
    let inside = runtime.enter();
    let ticket = flights.spawn_if_absent("k", || async {
        let _bomb = Bomb;
        pending().await
    });
    drop(inside);
    let ticket = ticket.unwrap();
    runtime.block_on(settle());
    drop(runtime);
    let mut wait = task::spawn(ticket);
    assert!(matches!(
        assert_ready!(wait.poll()),
        Err(FlightError::Aborted)
    ));
    assert_eq!(flights.in_flight(), 0);
}

#[test]
fn a_flight_on_a_runtime_nobody_drives_wedges_neither_waiters_nor_the_key() {
    let flights = flights();
    let theirs = runtime();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let work = move || {
        poll_fn(move |_| {
            counted.fetch_add(1, SeqCst);
            Poll::Pending
        })
    };
    let _leader = polled_on(&theirs, flights.run("k", work));
    // `theirs` is alive and stands still: its timer will not fire.
    let ours = runtime();
    ours.block_on(async {
        let started = tokio::time::Instant::now();
        let waiter = flights.run("k", || async { panic!("second call") });
        assert!(matches!(waiter.await, Err(FlightError::Deadline)));
        assert!(started.elapsed() <= DEADLINE + common::TICK);
        assert_eq!(flights.in_flight(), 0);
    });

    // A new flight of the key; the stale one, driven again, drops its work and removes nothing.
    let mut second = polled_on(&ours, flights.run("k", pending));
    theirs.block_on(settle());
    assert_eq!(polls.load(SeqCst), 1);
    assert_eq!(Arc::strong_count(&polls), 1);
    assert_eq!(flights.in_flight(), 1);
    ours.block_on(async { assert_pending!(second.poll()) });
}

#[test]
fn a_waiter_is_bounded_while_the_leader_is_stuck_in_its_first_poll() {
    let flights = flights();
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let stuck = flights.run("k", move || {
        poll_fn(move |_| {
            entered.send(()).unwrap();
            released.recv().unwrap();
            Poll::Ready(Ok(1))
        })
    });
    let leader = std::thread::spawn(move || runtime().block_on(stuck));
    has_entered.recv().unwrap();

    let waiter = flights.run("k", || async { panic!("second call") });
    let outcome = runtime().block_on(waiter);
    assert!(matches!(outcome, Err(FlightError::Deadline)));
    assert_eq!(flights.in_flight(), 0);
    release.send(()).unwrap();
    // The outcome of a flight is one, whoever asks.
    let outcome = leader.join().unwrap();
    assert!(matches!(outcome, Err(FlightError::Deadline)));
}
