//! Host names to addresses, by the system, with a memory for when that fails.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_single_flight::{Limits, SingleFlight};
use tokio::time::Instant;

/// How long an answer is good. The system does not tell the lifetime that the name server gave.
const TTL: Duration = Duration::from_secs(60);
/// How long a caller waits for the system.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long after a failure an old answer is used without asking again.
const COOLDOWN: Duration = Duration::from_secs(5);
/// How many names are remembered; the one resolved longest ago goes first.
const MAX_NAMES: usize = 64;

/// Resolves host names.
///
/// | last good answer | the system | result |
/// |---|---|---|
/// | younger than a minute | is not asked | that answer |
/// | older, or none | answers within 2 s | the new answer |
/// | older | fails, hangs, or failed in the last 5 s | the old answer, however old: TLS tells if it leads to the wrong server |
/// | none | fails or hangs | none |
///
/// The system's look-up blocks a thread and cannot be cancelled, so there is never more than one for a
/// name, even if it hangs for longer than anybody waits.
#[derive(Clone)]
pub(super) struct Resolver {
    shared: Arc<Shared>,
}

type LookUp = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Shared {
    names: Mutex<HashMap<Box<str>, Entry>>,
    flights: SingleFlight<Box<str>, Arc<[IpAddr]>, ()>,
    look_up: Box<LookUp>,
}

struct Entry {
    /// The last good answer.
    addresses: Option<Arc<[IpAddr]>>,
    answered: Instant,
    failed: Option<Instant>,
    /// Whether a thread is at it.
    busy: bool,
}

// === impl Resolver ===

impl Resolver {
    pub(super) fn system() -> Self {
        Self::new(|host| {
            Ok((host, 0)
                .to_socket_addrs()?
                .map(|found| found.ip())
                .collect())
        })
    }

    pub(super) fn new(
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                names: Mutex::default(),
                flights: SingleFlight::with_limits(
                    Limits::new().with_deadline(DEADLINE).unwrap_or_default(),
                ),
                look_up: Box::new(look_up),
            }),
        }
    }

    /// The addresses of a name.
    pub(super) async fn resolve(&self, host: &str) -> Option<Arc<[IpAddr]>> {
        let old = match self.shared.known(host) {
            Ok(fresh) => return Some(fresh),
            Err(old) => old,
        };
        let shared = Arc::clone(&self.shared);
        let name: Box<str> = host.into();
        let work = move || look_up(shared, name);
        let found = self.shared.flights.run(host.into(), work).await;
        found.ok().or(old)
    }
}

/// Asks the system, on a thread of its own, unless one is still at it.
async fn look_up(shared: Arc<Shared>, host: Box<str>) -> Result<Arc<[IpAddr]>, ()> {
    if !shared.take_up(&host) {
        return Err(());
    }
    // The answer is noted even if it comes when nobody waits any longer.
    // Made here: a runtime that shuts down drops the closure unrun, and the name must not stay busy then.
    let ended = Ended {
        shared,
        host,
        answer: None,
    };
    let thread = tokio::task::spawn_blocking(move || ended.look_up());
    thread.await.unwrap_or(Err(()))
}

/// Notes how a look-up ended, also if by a panic.
struct Ended {
    shared: Arc<Shared>,
    host: Box<str>,
    answer: Option<Arc<[IpAddr]>>,
}

impl Ended {
    fn look_up(mut self) -> Result<Arc<[IpAddr]>, ()> {
        let found = (self.shared.look_up)(&self.host).unwrap_or_default();
        self.answer = (!found.is_empty()).then(|| found.into());
        self.answer.clone().ok_or(())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let now = Instant::now();
        if let Some(entry) = self.shared.names().get_mut(&self.host) {
            entry.busy = false;
            match self.answer.take() {
                Some(answer) => {
                    entry.addresses = Some(answer);
                    entry.answered = now;
                    entry.failed = None;
                }
                None => entry.failed = Some(now),
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    fn names(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer to be used without asking, or else the old one there may be.
    fn known(&self, host: &str) -> Result<Arc<[IpAddr]>, Option<Arc<[IpAddr]>>> {
        let now = Instant::now();
        let names = self.names();
        let Some(entry) = names.get(host) else {
            return Err(None);
        };
        let Some(addresses) = &entry.addresses else {
            return Err(None);
        };
        let fresh = now.saturating_duration_since(entry.answered) < TTL;
        let cooling = entry
            .failed
            .is_some_and(|failed| now.saturating_duration_since(failed) < COOLDOWN);
        if fresh || cooling {
            Ok(Arc::clone(addresses))
        } else {
            Err(Some(Arc::clone(addresses)))
        }
    }

    /// Whether the caller may look up the name: nobody else is at it.
    fn take_up(&self, host: &str) -> bool {
        let now = Instant::now();
        let mut names = self.names();
        if !names.contains_key(host) && names.len() >= MAX_NAMES {
            let oldest = names
                .iter()
                .filter(|(_, entry)| !entry.busy)
                .min_by_key(|(_, entry)| entry.answered)
                .map(|(name, _)| name.clone());
            match oldest {
                Some(oldest) => names.remove(&oldest),
                // As many threads as there may be.
                None => return false,
            };
        }
        let entry = names.entry(host.into()).or_insert(Entry {
            addresses: None,
            answered: now,
            failed: None,
            busy: false,
        });
        if entry.busy {
            // The flight that began it is over, and so is its deadline: it hangs.
            entry.failed = Some(now);
        }
        !std::mem::replace(&mut entry.busy, true)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
