//! Asking a directory: each question once, none while it is down, and the answers for as long as they hold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use portcullis_core::Clock;
use portcullis_revocation::sessions::{
    DirectoryError, Presence, Seen, SessionDirectory, SessionKey, Standing,
};
use portcullis_single_flight::SingleFlight;
use quick_cache::sync::Cache;

use crate::jwks::timer;

/// The hash of a session's key.
pub(super) type Name = [u8; 32];

pub(super) struct Asking<C: Clock> {
    shared: Arc<Shared<C>>,
    flights: SingleFlight<Name, Presence, DirectoryError>,
}

struct Shared<C> {
    directory: Arc<dyn SessionDirectory>,
    /// Those that go are asked for again: nothing rests on their being there.
    seen: Cache<Name, Seen>,
    /// Until when nothing is asked, after a failure.
    resting: Mutex<Option<Instant>>,
    clock: C,
}

/// What a question came to.
pub(super) enum Asked {
    Answered(Presence),
    Unavailable { retry_after: Duration },
}

/// How many answers are remembered, of about 100 bytes each.
const SESSIONS: usize = 65_536;
/// How long one answer may take.
const DEADLINE: Duration = Duration::from_millis(500);
/// How long nothing is asked after a failure.
const REST: Duration = Duration::from_secs(1);

// === impl Asking ===

impl<C: Clock> Asking<C> {
    pub(super) fn new(directory: Arc<dyn SessionDirectory>, clock: C) -> Self {
        Self {
            shared: Arc::new(Shared {
                directory,
                seen: Cache::new(SESSIONS),
                resting: Mutex::new(None),
                clock,
            }),
            flights: SingleFlight::new(),
        }
    }

    /// What the last answer says now.
    pub(super) fn standing(&self, name: &Name, freshness: Duration) -> Standing {
        self.shared
            .seen
            .get(name)
            .map_or(Standing::Ask { overdue: None }, |seen| {
                seen.judge(self.shared.clock.now(), freshness)
            })
    }

    /// Asks, or waits for the answer to whoever asks already.
    pub(super) async fn ask(&self, name: Name, key: SessionKey) -> Asked {
        let resting = *self.shared.resting.lock();
        let now = self.shared.clock.now();
        if let Some(rest) = resting.and_then(|until| until.checked_duration_since(now))
            && !rest.is_zero()
        {
            return Asked::Unavailable { retry_after: rest };
        }
        let shared = Arc::clone(&self.shared);
        let work = move || async move { shared.ask(name, key).await };
        match self.flights.run(name, work).await {
            Ok(presence) => Asked::Answered(presence),
            Err(_) => Asked::Unavailable { retry_after: REST },
        }
    }
}

// === impl Shared ===

impl<C: Clock> Shared<C> {
    async fn ask(&self, name: Name, key: SessionKey) -> Result<Presence, DirectoryError> {
        // Before the question is sent: an answer is never younger than it is taken for.
        let asked = self.clock.now();
        let answer = match timer(DEADLINE) {
            // A runtime without timers can bound no wait: then nobody waits.
            None => Err(DirectoryError::Timeout),
            Some(timer) => {
                let timer = std::pin::pin!(timer);
                match select(self.directory.exists(&key), timer).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => Err(DirectoryError::Timeout),
                }
            }
        };
        match answer {
            Ok(presence) => {
                *self.resting.lock() = None;
                self.seen.insert(name, Seen::new(presence, asked));
            }
            Err(error) => {
                *self.resting.lock() = Some(self.clock.now() + REST);
                tracing::warn!(target: "portcullis::auth", error = error.label(), "no answer about a session");
            }
        }
        answer
    }
}
