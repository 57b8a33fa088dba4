//! What a call allocates, counted.

mod common;

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::Flights;
use tokio_test::{assert_pending, task};

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_caller_alone_with_ready_work_allocates_twice() {
    let flights = Flights::new();
    // The first call makes room in the table.
    assert!(poll_once(flights.run("k", || ready(Ok(1)))).is_ready());
    let counted = allocation_counter::measure(|| {
        let outcome = poll_once(flights.run("k", || ready(Ok(1))));
        assert!(matches!(outcome, Poll::Ready(Ok(1))));
    });
    assert_eq!(counted.count_total, 2, "{counted:?}");
    assert_eq!(counted.count_current, 0, "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn waiters_allocate_for_the_list_of_wakers_and_nothing_else() {
    struct Task;
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    let flights = Flights::new();
    let _under_way = flights.spawn_if_absent("k", pending).unwrap();
    let tasks: Vec<_> = (0..64).map(|_| Waker::from(Arc::new(Task))).collect();
    let mut waiters: Vec<_> = (0..64).map(|_| flights.run("k", || ready(Ok(1)))).collect();
    let counted = allocation_counter::measure(|| {
        for (waiter, task) in waiters.iter_mut().zip(&tasks) {
            let mut cx = Context::from_waker(task);
            assert!(Pin::new(waiter).poll(&mut cx).is_pending());
        }
    });
    // A vector that doubles: 4, 8, 16, 32, 64.
    assert_eq!(counted.count_total, 5, "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn waiters_in_one_task_allocate_once() {
    let flights = Flights::new();
    let _under_way = flights.spawn_if_absent("k", pending).unwrap();
    let mut waiters: Vec<_> = (0..64).map(|_| flights.run("k", || ready(Ok(1)))).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let counted = allocation_counter::measure(|| {
        for waiter in &mut waiters {
            assert!(Pin::new(waiter).poll(&mut cx).is_pending());
        }
    });
    assert_eq!(counted.count_total, 1, "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_in_the_place_of_another_allocates_nothing() {
    let flights = Flights::new();
    let _under_way = flights.spawn_if_absent("k", pending).unwrap();
    assert!(poll_once(flights.run("k", || ready(Ok(1)))).is_pending());
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(poll_once(flights.run("k", || ready(Ok(1)))).is_pending());
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_allocates_nothing() {
    let limits = portcullis_single_flight::Limits::new()
        .with_max_flights(std::num::NonZeroUsize::MIN)
        .with_max_waiters(std::num::NonZeroUsize::MIN);
    let flights = Flights::with_limits(limits);
    let mut leader = task::spawn(flights.run("k", pending));
    assert_pending!(leader.poll());
    let mut waiter = task::spawn(flights.run("k", pending));
    assert_pending!(waiter.poll());
    let counted = allocation_counter::measure(|| {
        for key in ["k", "another"] {
            let outcome = poll_once(flights.run(key, || ready(Ok(1))));
            assert!(matches!(outcome, Poll::Ready(Err(_))));
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
