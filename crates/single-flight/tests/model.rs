//! Random interleavings of callers, completions, panics and time, against a plain oracle.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use common::settle;
use portcullis_single_flight::{FlightError, Limits, SingleFlight};
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio_test::task;

const MAX_FLIGHTS: usize = 2;
const MAX_WAITERS: usize = 2;
/// Off the grid of [`Op::Advance`], so that the model need not know how timers round.
const DEADLINE_MS: u64 = 55;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A new caller runs the key; its work, if it leads, waits for `End`.
    Run(u8),
    /// A new caller runs the key with work that is ready at once, in the given way.
    RunReady(u8, End),
    /// The key gets a flight, and its ticket is waited for.
    Spawn(u8),
    /// A caller goes, at whatever point it is.
    Cancel(usize),
    /// The work of the key's flight ends.
    End(u8, End),
    /// Time passes, in tens of milliseconds.
    Advance(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Value(u32),
    Error(u32),
    Panic,
}

/// An outcome that can be compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    End(End),
    Deadline,
    TooManyFlights,
    TooManyWaiters,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..4_u8;
    let end = prop_oneof![
        3 => (0..100_u32).prop_map(End::Value),
        2 => (0..100_u32).prop_map(End::Error),
        1 => Just(End::Panic),
    ];
    prop_oneof![
        4 => key.clone().prop_map(Op::Run),
        1 => (key.clone(), end.clone()).prop_map(|(key, end)| Op::RunReady(key, end)),
        1 => key.clone().prop_map(Op::Spawn),
        2 => (0..16_usize).prop_map(Op::Cancel),
        3 => (key, end).prop_map(|(key, end)| Op::End(key, end)),
        1 => (1..5_u64).prop_map(Op::Advance),
    ]
}

// === the oracle ===

#[derive(Default)]
struct Oracle {
    now_ms: u64,
    flights: BTreeMap<u8, Flight>,
    /// What each caller was told so far; gone once cancelled.
    callers: BTreeMap<usize, Option<Told>>,
    works_started: usize,
}

struct Flight {
    ends_at_ms: u64,
    leader: usize,
    waiters: Vec<usize>,
}

impl Oracle {
    fn run(&mut self, caller: usize, key: u8, ready: Option<End>) {
        let told = if let Some(flight) = self.flights.get_mut(&key) {
            if flight.waiters.len() < MAX_WAITERS {
                flight.waiters.push(caller);
                None
            } else {
                Some(Told::TooManyWaiters)
            }
        } else if self.flights.len() >= MAX_FLIGHTS {
            Some(Told::TooManyFlights)
        } else {
            self.works_started += 1;
            if ready.is_none() {
                let flight = Flight {
                    ends_at_ms: self.now_ms + DEADLINE_MS,
                    leader: caller,
                    waiters: Vec::new(),
                };
                self.flights.insert(key, flight);
            }
            ready.map(Told::End)
        };
        self.callers.insert(caller, told);
    }

    fn cancel(&mut self, caller: usize) {
        self.callers.remove(&caller);
        for flight in self.flights.values_mut() {
            flight.waiters.retain(|waiter| *waiter != caller);
        }
    }

    fn land(&mut self, key: u8, told: Told) {
        let Some(flight) = self.flights.remove(&key) else {
            return;
        };
        for caller in flight.waiters.into_iter().chain([flight.leader]) {
            if let Some(waiting) = self.callers.get_mut(&caller) {
                *waiting = Some(told);
            }
        }
    }

    fn advance(&mut self, tens: u64) {
        self.now_ms += tens * 10;
        let overdue = self
            .flights
            .iter()
            .filter(|(_, f)| f.ends_at_ms <= self.now_ms);
        let overdue: Vec<u8> = overdue.map(|(key, _)| *key).collect();
        for key in overdue {
            self.land(key, Told::Deadline);
        }
    }
}

// === the real thing ===

type Real = SingleFlight<u8, u32, u32>;
type Caller = task::Spawn<Pin<Box<dyn Future<Output = Result<u32, FlightError<u32>>>>>>;
/// The ends of the works under way, and how many were ever started.
type Works = Arc<Mutex<(BTreeMap<u8, oneshot::Sender<End>>, usize)>>;

fn end(how: End) -> Result<u32, u32> {
    match how {
        End::Value(value) => Ok(value),
        End::Error(error) => Err(error),
        End::Panic => panic!("as the model says"),
    }
}

async fn work(works: Works, key: u8, ready: Option<End>) -> Result<u32, u32> {
    let (send, ended) = oneshot::channel();
    {
        let mut works = works.lock().unwrap();
        works.1 += 1;
        if ready.is_none() {
            works.0.insert(key, send);
        }
    }
    let how = match ready {
        Some(how) => how,
        None => ended.await.unwrap(),
    };
    end(how)
}

fn told(outcome: Result<u32, FlightError<u32>>) -> Told {
    match outcome {
        Ok(value) => Told::End(End::Value(value)),
        Err(FlightError::Failed(error)) => Told::End(End::Error(*error)),
        Err(FlightError::Panicked) => Told::End(End::Panic),
        Err(FlightError::Deadline) => Told::Deadline,
        Err(FlightError::TooManyFlights) => Told::TooManyFlights,
        Err(FlightError::TooManyWaiters) => Told::TooManyWaiters,
        Err(error) => panic!("not in this model: {error}"),
    }
}

fn boxed<F>(outcome: F) -> Caller
where
    F: Future<Output = Result<u32, FlightError<u32>>> + 'static,
{
    task::spawn(Box::pin(outcome))
}

fn look(caller: &mut Caller) -> Option<Told> {
    match caller.poll() {
        Poll::Ready(outcome) => Some(told(outcome)),
        Poll::Pending => None,
    }
}

async fn compare(ops: Vec<Op>) {
    let limits = Limits::new()
        .with_max_flights(NonZeroUsize::new(MAX_FLIGHTS).unwrap())
        .with_max_waiters(NonZeroUsize::new(MAX_WAITERS).unwrap())
        .with_deadline(Duration::from_millis(DEADLINE_MS))
        .unwrap();
    let flights = Real::with_limits(limits);
    let works = Works::default();
    let mut callers = BTreeMap::<usize, (Caller, Option<Told>)>::new();
    let mut oracle = Oracle::default();

    for (id, op) in ops.into_iter().enumerate() {
        match op {
            Op::Run(key) | Op::RunReady(key, _) => {
                let ready = match op {
                    Op::RunReady(_, how) => Some(how),
                    _ => None,
                };
                let works = Arc::clone(&works);
                let mut caller = boxed(flights.run(key, move || work(works, key, ready)));
                let so_far = look(&mut caller);
                callers.insert(id, (caller, so_far));
                oracle.run(id, key, ready);
            }
            Op::Spawn(key) => {
                let works = Arc::clone(&works);
                let ticket = flights.spawn_if_absent(key, move || work(works, key, None));
                let mut caller = match ticket {
                    Ok(ticket) => boxed(ticket),
                    Err(refused) => boxed(std::future::ready(Err(refused))),
                };
                let so_far = look(&mut caller);
                callers.insert(id, (caller, so_far));
                oracle.run(id, key, None);
            }
            Op::Cancel(nth) => {
                if let Some(id) = callers.keys().nth(nth).copied() {
                    callers.remove(&id);
                    oracle.cancel(id);
                }
            }
            Op::End(key, how) => {
                let sender = works.lock().unwrap().0.remove(&key);
                // None, or closed, if the work never started or was dropped at its deadline.
                let ended = sender.is_some_and(|sender| sender.send(how).is_ok());
                assert_eq!(ended, oracle.flights.contains_key(&key));
                oracle.land(key, Told::End(how));
            }
            Op::Advance(tens) => {
                tokio::time::advance(Duration::from_millis(tens * 10)).await;
                oracle.advance(tens);
            }
        }
        settle().await;
        for (caller, so_far) in callers.values_mut() {
            // Polled again only when woken: a lost wake-up shows as a caller never told.
            if so_far.is_none() && caller.is_woken() {
                *so_far = look(caller);
            }
        }
        settle().await;
        let real: BTreeMap<usize, Option<Told>> =
            callers.iter().map(|(id, (_, told))| (*id, *told)).collect();
        assert_eq!(real, oracle.callers);
        assert_eq!(flights.in_flight(), oracle.flights.len());
        assert_eq!(works.lock().unwrap().1, oracle.works_started);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_interleaving_agrees_with_the_oracle(ops in prop::collection::vec(op(), 1..60)) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(compare(ops));
    }
}
