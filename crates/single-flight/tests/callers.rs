//! Who shares a flight with whom, and that no caller's going matters to another.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Flights, settle};
use portcullis_single_flight::{FlightError, Role};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};

#[tokio::test(start_paused = true)]
async fn many_callers_make_one_call() {
    let flights = Flights::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let calls = Arc::clone(&calls);
            tokio::spawn(flights.run("k", move || async move {
                calls.fetch_add(1, SeqCst);
                settle().await;
                Ok(7)
            }))
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 7);
    }
    assert_eq!(calls.load(SeqCst), 1);
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn different_keys_fly_apart() {
    let flights = Flights::new();
    let (a, b) = tokio::join!(
        flights.run("a", || async {
            tokio::task::yield_now().await;
            Ok(1)
        }),
        flights.run("b", || async { Ok(2) }),
    );
    assert_eq!((a.unwrap(), b.unwrap()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    let flights = Flights::new();
    let unpolled = flights.run("k", || async { panic!("called") });
    assert_eq!(flights.in_flight(), 0);
    assert_eq!(flights.run("k", || async { Ok(1) }).await.unwrap(), 1);
    drop(unpolled);
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn ready_work_is_done_in_the_callers_own_poll() {
    let flights = Flights::new();
    let mut caller = task::spawn(flights.run("k", || async { Ok(1) }));
    assert_eq!(assert_ready!(caller.poll()).unwrap(), 1);
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn result_survives_the_cancellation_of_the_leader() {
    let flights = Flights::new();
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let mut waiter = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(waiter.poll());

    drop(leader);
    done.send(5).unwrap();
    assert_eq!(waiter.await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn work_runs_to_its_end_after_every_caller_is_gone() {
    let flights = Flights::new();
    let (release, work) = oneshot::channel::<u32>();
    let (finish, finished) = oneshot::channel();
    let mut leader = task::spawn(flights.run("k", || async {
        finish.send(work.await.unwrap()).unwrap();
        Ok(0)
    }));
    assert_pending!(leader.poll());
    let mut waiter = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(waiter.poll());
    drop((leader, waiter));

    release.send(9).unwrap();
    assert_eq!(finished.await.unwrap(), 9);
    settle().await;
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_leader_never_polled_again_holds_nobody_up() {
    let flights = Flights::new();
    let mut paused = task::spawn(flights.run("k", || async {
        tokio::task::yield_now().await;
        Ok(3)
    }));
    assert_pending!(paused.poll());
    // `paused` stays alive and unpolled, as in a `select!` arm that is never returned to.
    let waiter = flights.run("k", || async { panic!("second call") });
    assert_eq!(waiter.await.unwrap(), 3);
    assert_eq!(assert_ready!(paused.poll()).unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn waiters_are_woken_once_and_never_spin() {
    let flights = Flights::new();
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let mut waiter = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(waiter.poll());

    settle().await;
    assert!(!leader.is_woken() && !waiter.is_woken());
    done.send(1).unwrap();
    settle().await;
    assert!(leader.is_woken() && waiter.is_woken());
    assert_eq!(assert_ready!(waiter.poll()).unwrap(), 1);
    assert_eq!(assert_ready!(leader.poll()).unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_dropped_after_being_woken_takes_nobodys_wake() {
    let flights = Flights::new();
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let mut callers: Vec<_> = (0..3)
        .map(|_| task::spawn(flights.run("k", || async { panic!("second call") })))
        .collect();
    for caller in &mut callers {
        assert_pending!(caller.poll());
    }
    done.send(1).unwrap();
    settle().await;
    drop(callers.remove(0));
    for mut caller in callers {
        assert!(caller.is_woken());
        assert_eq!(assert_ready!(caller.poll()).unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiters_unused_work_is_dropped_before_it_waits() {
    let flights = Flights::new();
    let _under_way = flights.spawn_if_absent("k", std::future::pending).unwrap();
    let held = Arc::new(());
    let unused = Arc::clone(&held);
    let mut waiter = task::spawn(flights.run("k", move || async move {
        drop(unused);
        Ok(0)
    }));
    assert_pending!(waiter.poll());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_free_again_before_its_outcome_is_seen() {
    let flights = Flights::new();
    let mut first = task::spawn(flights.run("k", || async {
        tokio::task::yield_now().await;
        Ok(1)
    }));
    assert_pending!(first.poll());
    let mut waiter = task::spawn(flights.run("k", || async { panic!("second call") }));
    assert_pending!(waiter.poll());
    settle().await;
    // Neither has looked yet; whoever asks now begins anew.
    assert_eq!(flights.run("k", || async { Ok(2) }).await.unwrap(), 2);
    assert_eq!(assert_ready!(first.poll()).unwrap(), 1);
    assert_eq!(assert_ready!(waiter.poll()).unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn work_is_gone_before_its_outcome_is_seen() {
    let flights = Flights::new();
    let held = Arc::new(());
    for pause in [false, true] {
        let inside = Arc::clone(&held);
        let outcome = flights.run("k", move || async move {
            let _inside = inside;
            if pause {
                tokio::task::yield_now().await;
            }
            Ok(1)
        });
        outcome.await.unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_learns_its_role() {
    let flights = Flights::new();
    let mut leader = flights.run("k", || async {
        tokio::task::yield_now().await;
        Ok(1)
    });
    let mut waiter = flights.run("k", || async { panic!("second call") });
    assert_eq!((leader.role(), waiter.role()), (None, None));
    let (led, waited) = tokio::join!(&mut leader, &mut waiter);
    assert_eq!((led.unwrap(), waited.unwrap()), (1, 1));
    assert_eq!(leader.role(), Some(Role::Leader));
    assert_eq!(waiter.role(), Some(Role::Waiter));
}

#[tokio::test(start_paused = true)]
async fn spawn_if_absent_runs_nothing_in_the_caller_and_shares_the_table() {
    let flights = Flights::new();
    let (called, mut was_called) = oneshot::channel();
    let started = flights
        .spawn_if_absent("k", || {
            called.send(()).unwrap();
            async { Ok(4) }
        })
        .unwrap();
    assert_eq!(started.role(), Role::Leader);
    assert!(was_called.try_recv().is_err());
    assert_eq!(flights.in_flight(), 1);

    let found = flights
        .spawn_if_absent("k", || async { panic!("second call") })
        .unwrap();
    assert_eq!(found.role(), Role::Waiter);
    let waiter = flights.run("k", || async { panic!("second call") });
    assert_eq!(waiter.await.unwrap(), 4);
    assert!(started.has_landed());
    assert_eq!(started.await.unwrap(), 4);
    assert_eq!(found.await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_ticket_does_not_stop_the_flight() {
    let flights = Flights::new();
    let (finish, finished) = oneshot::channel();
    drop(flights.spawn_if_absent("k", || async {
        finish.send(()).unwrap();
        Ok(0)
    }));
    finished.await.unwrap();
    settle().await;
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn join_finds_a_flight_and_starts_none() {
    let flights = Flights::new();
    assert!(flights.join("k").is_none());
    let (done, work) = oneshot::channel::<u32>();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let ticket = flights.join("k").unwrap();
    assert_eq!(ticket.role(), Role::Waiter);
    done.send(6).unwrap();
    assert_eq!(ticket.await.unwrap(), 6);
    assert!(flights.join("k").is_none());
}

#[tokio::test(start_paused = true)]
async fn flights_outlive_the_last_handle() {
    let flights = Flights::new();
    let ticket = flights.spawn_if_absent("k", || async { Ok(8) }).unwrap();
    drop(flights);
    assert_eq!(ticket.await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn work_that_flies_another_key_is_no_deadlock() {
    let flights = Flights::new();
    let inner = flights.clone();
    let outer = flights.run("outer", move || async move {
        inner
            .run("inner", || async {
                tokio::task::yield_now().await;
                Ok(2)
            })
            .await
            .map_err(|_| "inner")
    });
    assert_eq!(outer.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn work_that_asks_for_its_own_key_ends_at_the_deadline() {
    let flights = Flights::new();
    let again = flights.clone();
    let started = tokio::time::Instant::now();
    let outer = flights.run("k", move || async move {
        again
            .run("k", || async { panic!("second call") })
            .await
            .map_err(|_| "inner")
    });
    let error = outer.await.unwrap_err();
    assert!(matches!(error, FlightError::Deadline), "{error:?}");
    assert!(started.elapsed() <= flights.limits().deadline() + common::TICK);
    settle().await;
    assert_eq!(flights.in_flight(), 0);
}
