//! What changes about a key source, beside its keys.

use std::time::{Duration, Instant};

use bytes::Bytes;
use portcullis_core::{Backoff, Delays, Jitter, UnixTime};

use super::fetch::Memory;
use super::miss::{Ledger, Moment};
use super::store::Saved;
use super::{FetchError, JwksTimes};

pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) memory: Memory,
    pub(super) delays: Delays,
    pub(super) soft_age: Duration,
    /// The age of the set at an instant: how ages are measured without the wall clock.
    pub(super) anchor: Anchor,
    pub(super) last_error: Option<FetchError>,
    pub(super) dropped: usize,
    pub(super) panics: u32,
    pub(super) store_error: Option<&'static str>,
    /// The document to save, once the one being saved is.
    pub(super) unsaved: Option<Unsaved>,
    pub(super) saving: bool,
    /// The last good document, for the store.
    pub(super) document: Bytes,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) at: Instant,
    pub(super) age: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Unsaved {
    pub(super) document: Bytes,
    pub(super) obtained: UnixTime,
    pub(super) memory: Memory,
}

// === impl State ===

impl State {
    /// The state at the start, with the keys that were saved.
    pub(super) fn new(ledger: Ledger, saved: Saved, times: &JwksTimes, now: Moment) -> Self {
        Self {
            ledger,
            memory: saved.memory,
            delays: Backoff::exponential(times.retry_first, times.retry_max)
                .with_jitter(Jitter::Equal)
                .delays(),
            soft_age: times.soft_default,
            anchor: Anchor {
                at: now.at,
                age: now.wall.since(saved.obtained),
            },
            last_error: None,
            dropped: saved.dropped,
            panics: 0,
            store_error: None,
            unsaved: None,
            saving: false,
            document: saved.document,
        }
    }

    /// The age of the set in use by the monotonic clock.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.anchor.at);
        self.anchor.age.saturating_add(since)
    }
}
