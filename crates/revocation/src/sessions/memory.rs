//! A directory of sessions in memory.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use portcullis_core::{Clock, SystemClock};
use sha2::{Digest as _, Sha256};

use super::{Presence, SessionDirectory, SessionFuture, SessionKey};

/// A directory of sessions in memory: real and complete, for one process.
///
/// It keeps hashes of keys, for a key may hold a token.
///
/// # Clone
/// A clone is a handle to the same.
#[derive(Clone)]
pub struct MemorySessions {
    shared: Arc<Shared>,
}

struct Shared {
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    most: usize,
    table: Mutex<Table>,
}

type Name = [u8; 32];

#[derive(Default)]
struct Table {
    /// By name, when the key ends, if it does.
    open: HashMap<Name, Option<Instant>>,
    ends: BTreeSet<(Instant, Name)>,
}

/// The directory holds as many sessions as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

// === impl MemorySessions ===

impl MemorySessions {
    /// A directory of at most `most` sessions, of about 150 bytes each.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self::with_clock(most, SystemClock)
    }

    /// The same, with a clock of its own, for tests.
    #[must_use]
    pub fn with_clock(most: usize, clock: impl Clock) -> Self {
        let now = Box::new(move || clock.now());
        let table = Mutex::default();
        let shared = Arc::new(Shared { now, most, table });
        Self { shared }
    }

    /// Opens a session, or sets anew how long it lasts.
    ///
    /// # Errors
    /// If there is no room. Nothing is ever dropped to make some: that would log somebody out.
    pub fn open(&self, key: &SessionKey, lasts: Option<Duration>) -> Result<(), NoRoom> {
        let now = (self.shared.now)();
        // A time beyond what can be expressed is no end.
        let end = lasts.and_then(|lasts| now.checked_add(lasts));
        let name = name(key);
        let mut table = self.shared.table.lock();
        table.forget(now);
        if table.open.len() >= self.shared.most && !table.open.contains_key(&name) {
            return Err(NoRoom);
        }
        table.remove(&name);
        table.open.insert(name, end);
        table.ends.extend(end.map(|end| (end, name)));
        Ok(())
    }

    /// Ends a session. Whether it was open.
    pub fn close(&self, key: &SessionKey) -> bool {
        let now = (self.shared.now)();
        let mut table = self.shared.table.lock();
        table.forget(now);
        table.remove(&name(key))
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        let now = (self.shared.now)();
        let mut table = self.shared.table.lock();
        table.forget(now);
        table.open.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn presence(&self, key: &SessionKey) -> Presence {
        let now = (self.shared.now)();
        let end = self.shared.table.lock().open.get(&name(key)).copied();
        match end {
            None => Presence::Absent,
            Some(None) => Presence::Present { expires_in: None },
            Some(Some(end)) if end > now => Presence::Present {
                expires_in: Some(end - now),
            },
            Some(Some(_)) => Presence::Absent,
        }
    }
}

impl SessionDirectory for MemorySessions {
    fn exists<'a>(&'a self, key: &'a SessionKey) -> SessionFuture<'a> {
        Box::pin(std::future::ready(Ok(self.presence(key))))
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions")
            .field("most", &self.shared.most)
            .finish_non_exhaustive()
    }
}

// === impl Table ===

impl Table {
    fn remove(&mut self, name: &Name) -> bool {
        let known = self.open.remove(name);
        if let Some(Some(end)) = known {
            self.ends.remove(&(end, *name));
        }
        known.is_some()
    }

    fn forget(&mut self, now: Instant) {
        while let Some(&(end, name)) = self.ends.first() {
            if end > now {
                return;
            }
            self.remove(&name);
        }
    }
}

fn name(key: &SessionKey) -> Name {
    Sha256::digest(key.expose()).into()
}

// === impl NoRoom ===

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the directory holds as many sessions as it may")
    }
}

impl Error for NoRoom {}

#[cfg(test)]
mod tests {
    use portcullis_testing::TestClock;

    use super::super::{SessionFacts, SessionKeys, conformance};
    use super::*;

    fn key(session: &str) -> SessionKey {
        let keys = SessionKeys::foreign("s:{session}").unwrap();
        let mut facts = SessionFacts::new("iss", b"");
        facts.session = Some(session);
        keys.key(&facts).unwrap()
    }

    struct Fixture(MemorySessions, TestClock);

    impl conformance::Fixture for Fixture {
        fn directory(&self) -> &dyn SessionDirectory {
            &self.0
        }

        async fn put(&self, key: &SessionKey, lasts: Option<Duration>) {
            self.0.open(key, lasts).unwrap();
        }

        async fn remove(&self, key: &SessionKey) {
            self.0.close(key);
        }

        async fn pass(&self, span: Duration) {
            self.1.advance_sync(span);
        }
    }

    #[tokio::test]
    async fn it_keeps_the_contract_of_a_directory() {
        conformance::all(async || {
            let clock = TestClock::new();
            Fixture(MemorySessions::with_clock(100, clock.clone()), clock)
        })
        .await;
    }

    #[test]
    fn a_full_directory_takes_nobody_in_and_throws_nobody_out() {
        let clock = TestClock::new();
        let sessions = MemorySessions::with_clock(2, clock.clone());
        let minute = Some(Duration::from_secs(60));
        sessions.open(&key("a"), None).unwrap();
        sessions.open(&key("b"), minute).unwrap();
        assert_eq!(sessions.open(&key("c"), minute), Err(NoRoom));
        assert_eq!(sessions.len(), 2);
        // Whoever is in may stay longer.
        sessions.open(&key("b"), minute).unwrap();
        clock.advance_sync(Duration::from_secs(60));
        assert_eq!(sessions.len(), 1);
        sessions.open(&key("c"), Some(Duration::MAX)).unwrap();
        let forever = Presence::Present { expires_in: None };
        assert_eq!(sessions.presence(&key("c")), forever);
        assert!(sessions.close(&key("a")) && !sessions.close(&key("a")));
    }
}
