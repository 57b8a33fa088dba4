//! The log on Redis, watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_redis::RedisLog;
use portcullis_revocation::log::{
    Append, Appended, Cursor, Hints, LogFuture, Page, Poll, SnapshotPage,
};
use portcullis_revocation::{Id, Record, RevocationLog};

/// The log on Redis, whose polls are counted, and whose hints may all be lost.
#[derive(Clone, Debug)]
pub(crate) struct Watched(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: RedisLog,
    hints: bool,
    answered: AtomicU64,
    failed: AtomicU64,
    longest_nanos: AtomicU64,
}

/// What polls did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Polls {
    pub(crate) answered: u64,
    /// With an error, or given up after the deadline.
    pub(crate) failed: u64,
    pub(crate) longest: Duration,
}

/// Counts a poll that is given up.
struct UnderWay<'a>(&'a Inner, Instant, bool);

// === impl Watched ===

impl Watched {
    pub(crate) fn new(log: RedisLog, hints: bool) -> Self {
        Self(Arc::new(Inner {
            log,
            hints,
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            longest_nanos: AtomicU64::new(0),
        }))
    }

    /// Counts from now on.
    pub(crate) fn forget(&self) {
        for number in [&self.0.answered, &self.0.failed, &self.0.longest_nanos] {
            number.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn polls(&self) -> Polls {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Polls {
            answered: read(&self.0.answered),
            failed: read(&self.0.failed),
            longest: Duration::from_nanos(read(&self.0.longest_nanos)),
        }
    }
}

impl RevocationLog for Watched {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        Box::pin(async move {
            let mut under_way = UnderWay(&self.0, Instant::now(), false);
            let page = self.0.log.poll(poll).await;
            under_way.2 = page.is_ok();
            page
        })
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        self.0.log.snapshot(cursor, limit)
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        self.0.log.append(append)
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        self.0.log.reassert(records)
    }

    fn hints(&self) -> Option<Hints> {
        self.0.hints.then(|| self.0.log.hints()).flatten()
    }
}

// === impl UnderWay ===

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Self(counts, begun, answered) = self;
        let number = if *answered {
            let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            counts.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
            &counts.answered
        } else {
            &counts.failed
        };
        number.fetch_add(1, Ordering::Relaxed);
    }
}
