//! Errors and panics: shared by everybody aboard, and nothing is left behind.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod common;

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use common::{Flights, settle};
use portcullis_single_flight::{FlightError, SingleFlight};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};

/// Neither `Clone` nor `Error`.
#[derive(Debug)]
struct Broken;

/// Ends well after some polls, or never; panics when it is dropped.
struct Bomb {
    polls: Option<u32>,
}

impl Future for Bomb {
    type Output = Result<u32, &'static str>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(polls) = &mut self.polls else {
            return Poll::Pending;
        };
        if *polls == 0 {
            return Poll::Ready(Ok(5));
        }
        *polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

fn assert_panicked<T: std::fmt::Debug>(outcome: Result<T, FlightError<&'static str>>) {
    assert!(matches!(outcome, Err(FlightError::Panicked)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn one_error_is_shared_without_clone() {
    let flights = SingleFlight::<&str, u32, Broken>::new();
    let fail = || async {
        tokio::task::yield_now().await;
        Err(Broken)
    };
    let (a, b) = tokio::join!(flights.run("k", fail), flights.run("k", fail));
    let (Err(FlightError::Failed(a)), Err(FlightError::Failed(b))) = (a, b) else {
        panic!("both fail");
    };
    assert!(Arc::ptr_eq(&a, &b));
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_remembered() {
    let flights = Flights::new();
    let error = flights
        .run("k", || async { Err("down") })
        .await
        .unwrap_err();
    assert_eq!(error.failed(), Some(&"down"));
    assert_eq!(flights.run("k", || async { Ok(1) }).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn panic_while_creating_the_work_is_an_error() {
    fn no_work() -> Ready<Result<u32, &'static str>> {
        panic!("no work")
    }
    let flights = Flights::new();
    assert_panicked(flights.run("k", no_work).await);
    assert_panicked(flights.spawn_if_absent("k", no_work).unwrap().await);
    assert_eq!(flights.in_flight(), 0);
    assert_eq!(flights.run("k", || ready(Ok(1))).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn panic_in_the_first_poll_is_an_error() {
    let flights = Flights::new();
    assert_panicked(flights.run("k", || async { panic!("first poll") }).await);
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_later_poll_is_an_error_for_everybody() {
    let flights = Flights::new();
    let (release, released) = oneshot::channel::<()>();
    let mut leader = task::spawn(flights.run("k", || async {
        released.await.unwrap();
        panic!("later poll")
    }));
    assert_pending!(leader.poll());
    let mut waiters: Vec<_> = (0..3)
        .map(|_| task::spawn(flights.run("k", || async { Ok(0) })))
        .collect();
    for waiter in &mut waiters {
        assert_pending!(waiter.poll());
    }
    release.send(()).unwrap();
    settle().await;
    assert_panicked(assert_ready!(leader.poll()));
    for mut waiter in waiters {
        assert_panicked(assert_ready!(waiter.poll()));
    }
    assert_eq!(flights.in_flight(), 0);
    assert_eq!(flights.run("k", || ready(Ok(1))).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_finished_work_does_not_cost_the_result() {
    let flights = Flights::new();
    for polls in [Some(0), Some(1)] {
        assert_eq!(flights.run("k", || Bomb { polls }).await.unwrap(), 5);
    }
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_overdue_work_is_still_the_deadline() {
    let flights = Flights::new();
    let outcome = flights.run("k", || Bomb { polls: None });
    let error = outcome.await.unwrap_err();
    assert!(matches!(error, FlightError::Deadline), "{error:?}");
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_clone_of_the_value_reaches_one_caller_only() {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    /// Panics in the first clone only.
    #[derive(Debug)]
    struct Once(Arc<AtomicBool>);

    impl Clone for Once {
        fn clone(&self) -> Self {
            assert!(self.0.swap(true, SeqCst), "first clone");
            Self(Arc::clone(&self.0))
        }
    }

    let flights = SingleFlight::<&str, Once, Broken>::new();
    let (done, work) = oneshot::channel();
    let mut leader = task::spawn(flights.run("k", || async { Ok(work.await.unwrap()) }));
    assert_pending!(leader.poll());
    let waiter = tokio::spawn(flights.run("k", || async { Err(Broken) }));
    settle().await;
    done.send(Once(Arc::default())).unwrap();
    assert!(waiter.await.unwrap_err().is_panic());
    assert!(assert_ready!(leader.poll()).is_ok());
    assert_eq!(flights.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn panic_in_the_equality_of_a_key_leaves_the_table_usable() {
    use std::hash::{Hash, Hasher};

    #[derive(Debug)]
    struct Key(bool);

    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u8(0);
        }
    }

    impl PartialEq for Key {
        fn eq(&self, other: &Self) -> bool {
            assert!(!self.0 && !other.0, "equality");
            true
        }
    }

    impl Eq for Key {}

    let flights = SingleFlight::<Key, u32, Broken>::new();
    let (done, work) = oneshot::channel();
    let ticket = flights
        .spawn_if_absent(Key(false), || async { Ok(work.await.unwrap()) })
        .unwrap();
    let caller = tokio::spawn(flights.run(Key(true), || async { Ok(2) }));
    assert!(caller.await.unwrap_err().is_panic());
    done.send(1).unwrap();
    assert_eq!(ticket.await.unwrap(), 1);
    assert_eq!(flights.in_flight(), 0);
    assert_eq!(
        flights.run(Key(false), || async { Ok(3) }).await.unwrap(),
        3
    );
}
