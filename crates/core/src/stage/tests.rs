//! Stages in each other, polls between waits, and what is not timed.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Waker;

use super::*;
use crate::RequestContext;
use std::task::{Context, Poll};

/// A clock that moves when it is told.
#[derive(Clone)]
struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn advance(&self, millis: u64) {
        *self.0.lock().unwrap() += Duration::from_millis(millis);
    }

    fn read(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || *clock.0.lock().unwrap())
    }
}

fn timed() -> (RequestContext, Clock) {
    let clock = Clock::new();
    let context = RequestContext::new(clock.read()());
    context.time_stages(clock.read());
    (context, clock)
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Works, and is not ready the first `waits` times.
async fn work(clock: &Clock, millis: u64, waits: u32) {
    let left = Cell::new(waits);
    poll_fn(|_| {
        clock.advance(millis);
        match left.replace(left.get().saturating_sub(1)) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

fn times(context: &RequestContext) -> Vec<(&'static str, u64, u64, u64, u64)> {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap();
    let stages = context.stages().unwrap().iter();
    stages
        .map(|s| {
            (
                s.name,
                s.calls,
                millis(s.total),
                millis(s.working),
                millis(s.waiting()),
            )
        })
        .collect()
}

#[test]
fn a_stage_has_its_own_time_and_that_of_the_stages_in_it_apart() {
    let (context, clock) = timed();
    let inner = Timed::new("inner", work(&clock, 3, 1));
    let outer = Timed::new("outer", async {
        work(&clock, 1, 0).await;
        inner.await;
        work(&clock, 1, 0).await;
    });
    let mut future = pin!(context.clone().in_scope(outer));
    assert!(poll(future.as_mut()).is_pending());
    // Nobody polls: the inner one waits.
    clock.advance(10);
    assert!(poll(future.as_mut()).is_ready());
    // outer: 1 + 3 | 10 | 3 + 1.
    assert_eq!(
        times(&context),
        [("outer", 1, 18, 2, 0), ("inner", 1, 16, 6, 10)]
    );
    assert_eq!(
        context.stages().unwrap().bottleneck().unwrap().name,
        "inner"
    );
}

#[test]
fn a_stage_that_is_entered_again_adds_up() {
    let (context, clock) = timed();
    let attempts = async {
        for _ in 0..3 {
            Timed::new("redis", work(&clock, 2, 0)).await;
        }
    };
    let mut future = pin!(context.clone().in_scope(Timed::new("auth", attempts)));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(
        times(&context),
        [("auth", 1, 6, 0, 0), ("redis", 3, 6, 6, 0)]
    );
}

#[test]
fn a_stage_within_itself_is_one() {
    let (context, clock) = timed();
    let inner = Timed::new("retry", work(&clock, 5, 0));
    let mut future = pin!(context.clone().in_scope(Timed::new("retry", inner)));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(times(&context), [("retry", 1, 5, 5, 0)]);
}

#[test]
fn what_is_dropped_was_a_stage_until_then() {
    let (context, clock) = timed();
    {
        let mut future = pin!(
            context
                .clone()
                .in_scope(Timed::new("slow", work(&clock, 1, 9)))
        );
        assert!(poll(future.as_mut()).is_pending());
        clock.advance(7);
    }
    assert_eq!(times(&context), [("slow", 1, 8, 1, 7)]);
}

#[test]
fn a_stage_that_panics_leaves_no_stage_behind() {
    let (context, clock) = timed();
    let entered = context.clone().enter();
    let panicking = std::panic::AssertUnwindSafe(|| {
        StageTimer::begin("broken").run(|| {
            clock.advance(2);
            panic!("the stage");
        });
    });
    assert!(std::panic::catch_unwind(panicking).is_err());
    StageTimer::begin("next").run(|| clock.advance(1));
    drop(entered);
    assert_eq!(
        times(&context),
        [("broken", 1, 2, 2, 0), ("next", 1, 1, 1, 0)]
    );
}

#[test]
fn without_a_request_that_is_timed_nothing_is_measured() {
    let clock = Clock::new();
    StageTimer::begin("nobody").run(|| ());
    let untimed = RequestContext::new(clock.read()());
    let (context, _) = timed();
    // The outer one is timed, the inner one is not.
    let inner = untimed
        .clone()
        .in_scope(Timed::new("inner", work(&clock, 1, 0)));
    let mut future = pin!(context.clone().in_scope(inner));
    assert!(poll(future.as_mut()).is_ready());
    assert!(untimed.stages().is_none());
    assert_eq!(times(&context), []);
}

#[test]
fn a_stage_that_another_request_polls_stays_with_its_own() {
    let (first, clock) = timed();
    let (second, _) = timed();
    let mut shared = pin!(Timed::new("shared", work(&clock, 4, 1)));
    let entered = first.clone().enter();
    assert!(poll(shared.as_mut()).is_pending());
    drop(entered);
    let entered = second.clone().enter();
    assert!(poll(shared.as_mut()).is_ready());
    drop(entered);
    assert_eq!(times(&first), [("shared", 1, 8, 8, 0)]);
    assert_eq!(times(&second), []);
}

#[test]
fn the_same_request_again_does_not_lose_the_stage() {
    let (context, clock) = timed();
    let again = context
        .clone()
        .in_scope(Timed::new("inner", work(&clock, 4, 0)));
    let mut future = pin!(context.clone().in_scope(Timed::new("outer", again)));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(
        times(&context),
        [("outer", 1, 4, 0, 0), ("inner", 1, 4, 4, 0)]
    );
}

#[test]
fn more_stages_than_there_is_room_for_are_part_of_the_one_around_them() {
    const NAMES: [&str; 20] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t",
    ];
    let (context, clock) = timed();
    let entered = context.clone().enter();
    for name in NAMES {
        StageTimer::begin(name).run(|| clock.advance(1));
    }
    drop(entered);
    assert_eq!(times(&context).len(), MOST);
}

#[test]
fn stages_side_by_side_never_make_the_time_of_the_outer_one_negative() {
    let (context, clock) = timed();
    let both = async {
        let (mut one, mut two) = (
            pin!(Timed::new("one", work(&clock, 2, 1))),
            pin!(Timed::new("two", work(&clock, 2, 1))),
        );
        poll_fn(|cx| {
            let (a, b) = (one.as_mut().poll(cx), two.as_mut().poll(cx));
            if a.is_ready() && b.is_ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    };
    let mut future = pin!(context.clone().in_scope(Timed::new("outer", both)));
    assert!(poll(future.as_mut()).is_pending());
    assert!(poll(future.as_mut()).is_ready());
    let outer = context.stages().unwrap().iter().next().unwrap();
    assert_eq!(
        (outer.total, outer.own),
        (Duration::from_millis(8), Duration::ZERO)
    );
}
