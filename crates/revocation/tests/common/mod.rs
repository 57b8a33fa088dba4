//! A log that can be made to hang, fail and panic.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_core::{Clock, Secret, UnixTime};
use portcullis_revocation::log::{
    Append, Appended, Cursor, HintSender, Hints, LogError, LogFuture, MemoryLog, Page, Poll,
    RevocationLog, SnapshotPage, hints,
};
use portcullis_revocation::{
    Check, Id, Moment, Record, Revocation, RevocationBuilder, Secrets, TokenFacts, TokenIds, View,
};
use portcullis_testing::TestClock;
use tokio::time::Instant;

pub(crate) const ISSUER: &str = "https://idp.example.com";
pub(crate) const S: Duration = Duration::from_secs(15);

/// What every call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Answers never.
    Silent,
    /// Does it, and answers never.
    DoneInSilence,
    Down,
    Panics,
}

/// A log in memory with moods.
#[derive(Clone)]
pub(crate) struct Moody {
    pub(crate) log: Arc<MemoryLog<TestClock>>,
    pub(crate) mood: Arc<Mutex<Mood>>,
    pub(crate) polls: Arc<Mutex<Vec<Instant>>>,
    pub(crate) calls: Arc<AtomicU64>,
    pub(crate) hints: Option<HintSender>,
}

impl Moody {
    pub(crate) fn new(clock: &TestClock) -> Self {
        Self {
            log: Arc::new(MemoryLog::with_clock(clock.clone(), 1_000_000)),
            mood: Arc::new(Mutex::new(Mood::Well)),
            polls: Arc::default(),
            calls: Arc::default(),
            hints: Some(hints().0),
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn polls(&self) -> Vec<Instant> {
        self.polls.lock().unwrap().clone()
    }

    fn by_mood<'a, T: Send + 'a>(
        &self,
        call: impl FnOnce() -> LogFuture<'a, T>,
    ) -> LogFuture<'a, T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match *self.mood.lock().unwrap() {
            Mood::Well => call(),
            Mood::Silent => Box::pin(std::future::pending()),
            Mood::DoneInSilence => {
                let done = call();
                Box::pin(async move {
                    let _ = done.await;
                    std::future::pending().await
                })
            }
            Mood::Down => Box::pin(async { Err(LogError::Unavailable("switched off".into())) }),
            Mood::Panics => Box::pin(async { panic!("a bug in a log") }),
        }
    }
}

impl RevocationLog for Moody {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        self.polls.lock().unwrap().push(Instant::now());
        self.by_mood(|| self.log.poll(poll))
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        self.by_mood(|| self.log.snapshot(cursor, limit))
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        self.by_mood(|| self.log.append(append))
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        self.by_mood(|| self.log.reassert(records))
    }

    fn hints(&self) -> Option<Hints> {
        self.hints.as_ref().map(HintSender::subscribe)
    }
}

pub(crate) fn secrets() -> Secrets {
    Secrets::new(&Secret::new(vec![3; 32])).unwrap()
}

pub(crate) fn builder(log: impl RevocationLog, clock: &TestClock) -> RevocationBuilder {
    Revocation::builder(secrets(), log).with_clock(clock.clone())
}

/// The ids of a token of a session.
pub(crate) fn token(view: &View, clock: &TestClock, session: &str) -> TokenIds {
    let mut facts = TokenFacts::new(ISSUER);
    facts.session = Some(session);
    facts.subject = Some("alice");
    facts.issued_at = Some(clock.wall() - Duration::from_secs(10));
    facts.expires_at = Some(UnixTime::from_secs(clock.wall().as_secs() + 3600));
    view.token_ids(&facts)
}

pub(crate) fn check(view: &View, clock: &TestClock, ids: &TokenIds) -> Check {
    view.check(ids, Moment::of(clock), S)
}
