//! Stage times: whose time it was, and who is told.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use portcullis_core::{Observer, RequestEnded, RequestExt, StageEvent, Timed};
use portcullis_testing::TestClock;
use portcullis_trace::{ServerTiming, StageLayer, Timings, TraceContextLayer, Trust};
use tower::{Layer, Service};

mod kit;

use kit::capture::{Shown, Spans};
use kit::{Body, request};

/// Works so many milliseconds by the clock, then waits so many.
#[derive(Clone, Copy, Default)]
struct Takes {
    working: u64,
    waiting: u64,
}

async fn take(clock: &TestClock, takes: Takes) {
    clock.advance_sync(Duration::from_millis(takes.working));
    let mut waited = takes.waiting == 0;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A stack of a verifier that asks Redis, and a handler: each takes its time.
#[derive(Clone, Default)]
struct Stack {
    clock: TestClock,
    verifier: Takes,
    redis: Takes,
    handler: Takes,
    stages: Arc<Mutex<Vec<Told>>>,
    waits: u64,
}

/// A stage: its own milliseconds, and how many of them it worked and waited.
type Told = (String, u128, u128, u128);

impl Observer for Stack {
    fn stage(&self, event: &StageEvent<'_>) {
        let stage = event.stage;
        let own = (
            stage.own.as_millis(),
            stage.working.as_millis(),
            stage.waiting().as_millis(),
        );
        assert!(event.request.took >= stage.own);
        let told = (stage.name.to_owned(), own.0, own.1, own.2);
        self.stages.lock().unwrap().push(told);
    }

    fn request_ended(&self, event: &RequestEnded<'_>) {
        assert!(event.status.is_some());
    }
}

impl Stack {
    /// One request through it.
    async fn serve(&self, timings: Option<Timings>, trust: Trust) -> Response<()> {
        let (verifying, handling) = (self.clone(), self.clone());
        let handler = tower::service_fn(move |_: Request<Body>| {
            let handling = handling.clone();
            async move {
                take(&handling.clock, handling.handler).await;
                Ok::<_, Infallible>(Response::new(Body::default()))
            }
        });
        let handler = StageLayer::new("handler").layer(handler);
        let verifier = tower::service_fn(move |request: Request<Body>| {
            let (verifying, mut handler) = (verifying.clone(), handler.clone());
            async move {
                let clock = &verifying.clock;
                take(clock, verifying.verifier).await;
                Timed::new("redis", take(clock, verifying.redis)).await;
                handler.call(request).await
            }
        });
        let verifier = StageLayer::new("auth").layer(verifier);
        let layer = TraceContextLayer::server()
            .with_trust(trust)
            .observed_by(self.clone());
        let layer = layer.with_clock(self.clock.clone());
        let layer = match timings {
            Some(timings) => layer.with_timings(timings),
            None => layer,
        };
        let mut service = layer.layer(verifier);
        let mut future = Box::pin(service.call(request(&[("traceparent", &kit::caller("01"))])));
        // What waits, waits until the clock has moved.
        let answer = std::future::poll_fn(|cx| {
            let answer = future.as_mut().poll(cx);
            if answer.is_pending() {
                self.clock.advance_sync(Duration::from_millis(self.waits));
            }
            answer
        });
        answer.await.unwrap().map(|_| ())
    }

    fn told(&self) -> Vec<Told> {
        self.stages.lock().unwrap().clone()
    }
}

fn waiting(millis: u64) -> Takes {
    Takes {
        working: 0,
        waiting: millis,
    }
}

fn working(millis: u64) -> Takes {
    Takes {
        working: millis,
        waiting: 0,
    }
}

/// Stacks of which one part is slow, and its name.
fn slow_stacks() -> Vec<(&'static str, Stack)> {
    let usual = Stack {
        verifier: working(1),
        redis: working(2),
        handler: working(3),
        ..Stack::default()
    };
    let with = |change: fn(&mut Stack)| {
        let mut stack = Stack {
            clock: TestClock::new(),
            stages: Arc::default(),
            ..usual.clone()
        };
        change(&mut stack);
        stack
    };
    vec![
        ("auth", with(|stack| stack.verifier = working(1500))),
        (
            "redis",
            with(|stack| {
                stack.redis = waiting(1500);
                stack.waits = 1500;
            }),
        ),
        ("handler", with(|stack| stack.handler = working(1500))),
    ]
}

#[tokio::test]
async fn each_stage_is_told_its_own_time_and_whether_it_worked_or_waited() {
    for (slow, stack) in slow_stacks() {
        stack.serve(Some(Timings::new()), Trust::internal()).await;
        let told = stack.told();
        let names: Vec<_> = told.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["auth", "redis", "handler"]);
        for (name, own, worked, waited) in told {
            let usual = match &*name {
                "auth" => 1,
                "redis" => 2,
                _ => 3,
            };
            let expected = match (name == slow, slow) {
                (true, "redis") => (1500, 0, 1500),
                (true, _) => (1500, 1500, 0),
                (false, _) => (usual, usual, 0),
            };
            assert_eq!(
                (own, worked, waited),
                expected,
                "{name} where {slow} is slow"
            );
        }
    }
}

#[tokio::test]
async fn a_slow_verifier_a_slow_redis_and_a_slow_handler_are_each_named_as_the_bottleneck() {
    let limit = Timings::new().with_slow_above(Duration::from_secs(1));
    for (slow, stack) in slow_stacks() {
        let spans = Spans::default();
        let told = tracing::subscriber::set_default(spans.subscriber());
        stack.serve(Some(limit), Trust::internal()).await;
        drop(told);
        let events = spans.events("portcullis::slow");
        let [event]: &[Shown; 1] = events.as_slice().try_into().unwrap();
        assert_eq!(event.field("message"), Some("slow_request"));
        assert_eq!(event.field("bottleneck"), Some(slow));
        assert_eq!(event.field("bottleneck_ms"), Some("1500"));
        let waited = if slow == "redis" { "1500" } else { "0" };
        assert_eq!(event.field("bottleneck_waited_ms"), Some(waited));
        assert_eq!(event.field("trace_id"), Some(kit::T));
    }
}

#[tokio::test]
async fn a_request_that_is_fast_enough_is_no_event() {
    let limit = Timings::new().with_slow_above(Duration::from_millis(6));
    let stack = Stack {
        handler: working(6),
        ..Stack::default()
    };
    let spans = Spans::default();
    let told = tracing::subscriber::set_default(spans.subscriber());
    stack.serve(Some(limit), Trust::internal()).await;
    drop(told);
    assert!(
        spans.events("portcullis::slow").is_empty(),
        "not longer than that"
    );
}

#[tokio::test]
async fn trusted_callers_read_the_trace_and_the_stages_in_server_timing() {
    for (slow, stack) in slow_stacks() {
        let answer = stack.serve(Some(Timings::new()), Trust::internal()).await;
        let value = answer.headers()["server-timing"].to_str().unwrap();
        assert!(
            value.starts_with(&format!("trace;desc=\"00-{}-", kit::T)),
            "{value}"
        );
        let longest = value.split(", ").skip(2).max_by_key(|metric| {
            let (_, millis) = metric.split_once(";dur=").unwrap();
            (millis.parse::<f64>().unwrap() * 1000.0) as u64
        });
        assert_eq!(longest, Some(&*format!("{slow};dur=1500.000")), "{value}");
    }
}

#[tokio::test]
async fn whoever_is_not_to_be_told_is_not() {
    for (trust, told, timing) in [
        (Trust::internal(), true, Timings::new()),
        (Trust::public(), false, Timings::new()),
        (
            Trust::public(),
            true,
            Timings::new().with_server_timing(ServerTiming::Everybody),
        ),
        (
            Trust::internal(),
            false,
            Timings::new().with_server_timing(ServerTiming::Nobody),
        ),
    ] {
        let answer = Stack::default().serve(Some(timing), trust).await;
        assert_eq!(
            answer.headers().contains_key("server-timing"),
            told,
            "{timing:?}"
        );
    }
}

#[tokio::test]
async fn without_timings_no_stage_is_told_and_no_header_written() {
    let stack = Stack::default();
    let answer = stack.serve(None, Trust::internal()).await;
    assert!(answer.headers().is_empty());
    assert!(stack.told().is_empty());
}

#[tokio::test]
async fn one_request_in_so_many_is_timed() {
    let many = Timings::new().one_in(NonZeroU32::new(10).unwrap());
    let stack = Stack::default();
    for _ in 0..2000 {
        stack.serve(Some(many), Trust::internal()).await;
    }
    let requests = stack
        .told()
        .iter()
        .filter(|(name, ..)| name == "handler")
        .count();
    // Eight deviations of a binomial distribution.
    assert!((90..310).contains(&requests), "{requests} of 2000");
}

#[tokio::test]
async fn what_an_inner_service_wrote_into_server_timing_stays() {
    let handler = tower::service_fn(|request: Request<Body>| {
        assert!(request.request_context().unwrap().stages().is_some());
        let answer = Response::builder().header("server-timing", "db;dur=7");
        std::future::ready(Ok::<_, Infallible>(answer.body(Body::default()).unwrap()))
    });
    let layer = TraceContextLayer::server().with_timings(Timings::new());
    let answer = layer.layer(handler).call(request(&[])).await.unwrap();
    let values: Vec<_> = answer.headers().get_all("server-timing").iter().collect();
    assert_eq!(values.len(), 2);
    assert_eq!(values[0], "db;dur=7");
}
