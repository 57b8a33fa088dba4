//! Requests that keep coming while something breaks.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;

use super::Answer;

/// Workers that ask again and again.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    workers: JoinSet<Tally>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicUsize,
}

/// What the answers were.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    statuses: BTreeMap<u16, usize>,
    /// The longest time that one request took.
    pub slowest: Duration,
    /// The first answers that were neither 200 nor that of an outage.
    odd: Vec<String>,
}

/// The odd answers that are kept, to be shown.
const SHOWN: usize = 5;

// === impl Load ===

impl Load {
    /// Starts `workers` that call `ask` with their number, each waiting `pace` after an answer.
    pub fn start<F, A>(workers: usize, pace: Duration, ask: F) -> Self
    where
        F: Fn(usize) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let (shared, ask) = (Arc::new(Shared::default()), Arc::new(ask));
        let mut running = JoinSet::new();
        for worker in 0..workers {
            let (shared, ask) = (Arc::clone(&shared), Arc::clone(&ask));
            running.spawn(async move {
                let mut tally = Tally::default();
                while !shared.stop.load(Ordering::Relaxed) {
                    tally.add(&ask(worker).await);
                    shared.answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(pace).await;
                }
                tally
            });
        }
        Self {
            shared,
            workers: running,
        }
    }

    /// How many requests were answered so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Lets every worker finish its request, and counts.
    ///
    /// # Panics
    /// If a worker did.
    pub async fn stop(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        while let Some(tally) = self.workers.join_next().await {
            sum.merge(tally.expect("a worker that asks"));
        }
        sum
    }
}

// === impl Tally ===

impl Tally {
    /// Counts an answer.
    pub fn add(&mut self, answer: &Answer) {
        *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
        self.slowest = self.slowest.max(answer.took);
        let odd = !answer.is_ok() && answer.check_unavailable().is_err();
        if odd && self.odd.len() < SHOWN {
            self.odd.push(format!("{answer:?}"));
        }
    }

    /// Counts what another one counted.
    pub fn merge(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.slowest = self.slowest.max(other.slowest);
        self.odd.extend(other.odd);
        self.odd.truncate(SHOWN);
    }

    /// How many answers had this status.
    #[must_use]
    pub fn count(&self, status: StatusCode) -> usize {
        self.statuses.get(&status.as_u16()).copied().unwrap_or(0)
    }

    /// How many answers there were.
    #[must_use]
    pub fn total(&self) -> usize {
        self.statuses.values().sum()
    }

    /// Asserts that there were answers, and each was 200.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_all_ok(&self) {
        assert!(self.total() > 0, "nobody asked");
        assert_eq!(self.count(StatusCode::OK), self.total(), "{self:?}");
    }

    /// Asserts that there were answers, and each was that of an outage of ours.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_all_unavailable(&self) {
        assert!(self.total() > 0, "nobody asked");
        assert_eq!(self.count(StatusCode::OK), 0, "{self:?}");
        self.assert_ok_or_unavailable();
    }

    /// Asserts that there were answers, and each was 200 or that of an outage of ours: never 401.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_ok_or_unavailable(&self) {
        assert!(self.total() > 0, "nobody asked");
        assert!(self.odd.is_empty(), "{self:?}");
    }
}
