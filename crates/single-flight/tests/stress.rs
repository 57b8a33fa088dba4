//! Real threads, few keys, callers who come and go: what must hold at every moment.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portcullis_single_flight::{FlightError, SingleFlight};
use tokio_test::task;

const KEYS: usize = 3;
const CALLERS: u64 = 8;
const ROUNDS: usize = 2_000;

/// One piece of work on a key: no other may be alive at the same time.
struct Alone<'a>(&'a AtomicUsize);

impl<'a> Alone<'a> {
    fn enter(works: &'a AtomicUsize) -> Self {
        assert_eq!(works.fetch_add(1, SeqCst), 0, "two works on one key");
        Self(works)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Default)]
struct Seen {
    alive: [AtomicUsize; KEYS],
    /// Numbers the works from 1, so that an outcome tells which work it is of.
    works: AtomicUsize,
    /// The latest work of each key whose outcome somebody was told.
    told: [AtomicUsize; KEYS],
}

async fn work(seen: Arc<Seen>, key: usize, dice: u64) -> Result<usize, usize> {
    let _alone = Alone::enter(&seen.alive[key]);
    let number = seen.works.fetch_add(1, SeqCst) + 1;
    for _ in 0..dice % 4 {
        tokio::task::yield_now().await;
    }
    match dice % 11 {
        0 => Err(number),
        1 => std::panic::panic_any("as the dice say"),
        _ => Ok(number),
    }
}

async fn caller(flights: SingleFlight<usize, usize, usize>, seen: Arc<Seen>, seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    for _ in 0..ROUNDS {
        let (key, roll) = (dice.usize(..KEYS), dice.u64(..));
        let told_before = seen.told[key].load(SeqCst);
        let theirs = Arc::clone(&seen);
        let run = Box::pin(flights.run(key, move || work(theirs, key, roll)));
        if dice.u8(..4) == 0 {
            // Goes after a poll or two, wherever the flight is by then.
            let mut run = task::spawn(run);
            for _ in 0..dice.usize(..3) {
                if run.poll().is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            continue;
        }
        let number = match run.await {
            Ok(number) => number,
            Err(FlightError::Failed(number)) => *number,
            Err(FlightError::Panicked) => continue,
            Err(error) => panic!("not in this test: {error}"),
        };
        // The key is free before anybody is told, so nobody who comes later is told the same.
        assert!(
            number > told_before,
            "{number} was told before this caller came"
        );
        seen.told[key].fetch_max(number, SeqCst);
    }
}

#[test]
fn one_work_per_key_at_a_time_and_every_caller_is_told() {
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"as the dice say") {
            eprintln!("{panic}");
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let flights = SingleFlight::new();
        let seen = Arc::new(Seen::default());
        let callers: Vec<_> = (0..CALLERS)
            .map(|seed| tokio::spawn(caller(flights.clone(), Arc::clone(&seen), seed)))
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert!(seen.told.iter().all(|told| told.load(SeqCst) > 0));
        // Flights whose callers went may still be on their way; they end by themselves.
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, async {
            while flights.in_flight() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    });
}
