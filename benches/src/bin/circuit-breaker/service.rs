//! The service behind every circuit, and the lanes that call it.

use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use portcullis_bench_harness::{Lane, Tally};
use portcullis_circuit_breaker::CircuitBreakerError;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt as _};

/// The request, whatever a layer made of its body.
pub(crate) type Asked<B = Empty<Bytes>> = Request<B>;
pub(crate) type Answer = Response<Empty<Bytes>>;

/// The bare service: ready at once. It fails if it is asked to, by the method POST.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner {
    /// Whether a call is pending once, so that others are served while it is under way.
    yields: bool,
}

/// The answer of [`Inner`]. A whole word: to copy what was just written in pieces costs more than all the rest.
#[derive(Debug)]
pub(crate) struct Answering(u64);

const FAILS: u64 = 1;
const YIELDS: u64 = 2;

/// The error of [`Inner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Down;

/// How often calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    Never,
    /// Every hundredth.
    Hundredth,
}

/// What every call must come to, for the figures to mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    Pass(Fails),
    BeRefused,
}

/// The status that an outcome has in a table.
pub(crate) trait Status {
    fn status(&self) -> u16;
}

const DOWN: u16 = 500;
const REFUSED: u16 = 503;

/// How a lane makes its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Threads with a runtime each, which call one after the other.
    Threads(usize),
    /// One runtime of two workers with 64 tasks, whose calls overlap.
    Tasks,
}

const TASKS: u64 = 64;
const WORKERS: usize = 2;

// === impl Inner ===

impl Inner {
    pub(crate) const fn new(form: Form) -> Self {
        Self {
            yields: matches!(form, Form::Tasks),
        }
    }
}

impl<B> Service<Asked<B>> for Inner {
    type Response = Answer;
    type Error = Down;
    type Future = Answering;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Asked<B>) -> Answering {
        let fails = u64::from(request.method() == Method::POST) * FAILS;
        Answering(fails + u64::from(self.yields) * YIELDS)
    }
}

impl Future for Answering {
    type Output = Result<Answer, Down>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0 & YIELDS != 0 {
            self.0 &= !YIELDS;
            // Woken while it runs, a task goes behind the others.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if self.0 & FAILS != 0 {
            Err(Down)
        } else {
            Ok(Response::new(Empty::new()))
        })
    }
}

// === impl Down ===

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

// === impl Status ===

impl Status for Down {
    fn status(&self) -> u16 {
        DOWN
    }
}

impl Status for CircuitBreakerError<Down> {
    fn status(&self) -> u16 {
        match self {
            Self::Inner(_) => DOWN,
            Self::Rejected(_) => REFUSED,
        }
    }
}

impl Status for failsafe::Error<Down> {
    fn status(&self) -> u16 {
        match self {
            Self::Inner(_) => DOWN,
            Self::Rejected => REFUSED,
        }
    }
}

impl Status for recloser::Error<Down> {
    fn status(&self) -> u16 {
        match self {
            Self::Inner(_) => DOWN,
            Self::Rejected => REFUSED,
        }
    }
}

impl Status for tower_resilience_circuitbreaker::CircuitBreakerError<Down> {
    fn status(&self) -> u16 {
        match self {
            Self::Inner(_) => DOWN,
            Self::OpenCircuit => REFUSED,
        }
    }
}

// === lanes ===

/// Any service of these requests.
pub(crate) trait Calls<B>:
    Service<Asked, Response = Response<B>, Error: Status + Send, Future: Send> + Clone + Send + 'static
{
}

impl<B, S> Calls<B> for S where
    S: Service<Asked, Response = Response<B>, Error: Status + Send, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// A lane that calls `service` in a loop of its own, or in many tasks.
pub(crate) fn lane<S, B>(form: Form, must: Must, service: S) -> Lane
where
    S: Calls<B>,
    B: Send + 'static,
{
    match form {
        Form::Threads(_) => {
            let (runtime, mut service, mut asking) = (runtime(), service, Asking::new(must));
            Lane::new(move |operations| {
                let calls = asking.ask(&mut service, operations);
                runtime.block_on(tokio::task::unconstrained(calls));
                asking.tally()
            })
        }
        Form::Tasks => {
            let runtime = workers();
            Lane::new(move |operations| {
                let each = operations.div_ceil(TASKS);
                let tasks: Vec<_> = (0..TASKS)
                    .map(|_| {
                        let mut service = service.clone();
                        runtime.spawn(tokio::task::unconstrained(async move {
                            Asking::new(must).ask(&mut service, each).await;
                        }))
                    })
                    .collect();
                runtime.block_on(async {
                    for task in tasks {
                        assert!(task.await.is_ok(), "every call comes to what it must");
                    }
                });
                Asking::new(must).tally()
            })
        }
    }
}

/// A lane that calls `service` while a window holds `records` of its calls: it is emptied and filled again, which is not
/// timed, before it holds a tenth more.
pub(crate) fn filled_lane<S, B>(
    records: u64,
    mut empty: impl AsyncFnMut() + Send + 'static,
    service: S,
) -> Lane
where
    S: Calls<B>,
    B: Send + 'static,
{
    let (runtime, mut service) = (runtime(), service);
    let mut asking = Asking::new(Must::Pass(Fails::Never));
    let before = records - records / 10;
    let mut is_filled = false;
    Lane::new(move |operations| {
        let took = runtime.block_on(tokio::task::unconstrained(async {
            let mut took = Duration::ZERO;
            let mut left = operations;
            while left > 0 {
                // What is counted is the operation, not the filling.
                if !(is_filled && cfg!(feature = "count")) {
                    empty().await;
                    asking.ask(&mut service, before).await;
                    is_filled = true;
                }
                let some = left.min(records / 5);
                let start = Instant::now();
                asking.ask(&mut service, some).await;
                took += start.elapsed();
                left -= some;
            }
            took
        }));
        Tally {
            took: Some(took),
            ..asking.tally()
        }
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread")
}

fn workers() -> Runtime {
    if cfg!(feature = "count") {
        // Allocations are counted on the thread that the counting is on.
        return runtime();
    }
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .build()
        .expect("a runtime of two workers")
}

/// Makes requests, and looks at what they come to.
struct Asking {
    must: Must,
    /// Calls until the next that fails.
    left: u32,
}

impl Asking {
    const fn new(must: Must) -> Self {
        Self { must, left: 100 }
    }

    async fn ask<S, B>(&mut self, service: &mut S, operations: u64)
    where
        S: Calls<B>,
    {
        let mut wrong = 0_u64;
        for _ in 0..operations {
            let Ok(ready) = service.ready().await else {
                panic!("a service here is always ready");
            };
            // Made now, so that it is not kept beside a future, which would have it moved once more.
            let (fails, wanted) = self.next();
            let mut request = Request::new(Empty::new());
            if fails {
                *request.method_mut() = Method::POST;
            }
            let answer = ready.call(request).await;
            let status = match black_box(&answer) {
                Ok(response) => response.status().as_u16(),
                Err(error) => error.status(),
            };
            wrong += u64::from(status != wanted);
        }
        assert_eq!(wrong, 0, "calls that did not come to {:?}", self.must);
    }

    /// Whether the next call fails, and what it must come to.
    #[inline]
    fn next(&mut self) -> (bool, u16) {
        match self.must {
            Must::Pass(Fails::Never) => (false, 200),
            Must::BeRefused => (false, REFUSED),
            Must::Pass(Fails::Hundredth) => {
                self.left -= 1;
                if self.left > 0 {
                    return (false, 200);
                }
                self.left = 100;
                (true, DOWN)
            }
        }
    }

    fn tally(&self) -> Tally {
        Tally {
            status: match self.must {
                Must::Pass(Fails::Never) => 200,
                Must::Pass(Fails::Hundredth) => 0,
                Must::BeRefused => REFUSED,
            },
            ..Tally::default()
        }
    }
}

// === impl Form ===

impl Form {
    /// How many lanes there are.
    pub(crate) const fn lanes(self) -> usize {
        match self {
            Self::Threads(threads) => threads,
            Self::Tasks => 1,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads(1) => f.write_str("1 thread"),
            Self::Threads(threads) => write!(f, "{threads} threads on one circuit"),
            Self::Tasks => write!(f, "{TASKS} tasks on {WORKERS} workers and one circuit"),
        }
    }
}
