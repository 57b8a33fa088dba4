//! Who has a place, and who leaves when there is none for somebody new.

use std::sync::{Arc, OnceLock, Weak};

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pulse::{Pulse, Quiet};

/// Who has a place.
#[derive(Debug)]
pub(super) struct Guests {
    all: Vec<Weak<Guest>>,
    most: usize,
    /// Who was asked to leave.
    asked: Vec<Weak<Guest>>,
}

/// What is known of whoever has a place.
#[derive(Debug)]
pub(super) struct Guest {
    /// Asks the connection to end.
    stop: CancellationToken,
    /// There from when its protocol is known.
    pulse: OnceLock<Arc<Pulse>>,
    task: OnceLock<AbortHandle>,
}

/// How many of the places are made free at once: looking for them is dear.
const SHARE: usize = 100;

// === impl Guests ===

impl Guests {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Vec::new(),
            most,
            asked: Vec::new(),
        }
    }

    /// Notes a connection that ends with `stop`.
    pub(super) fn enter(&mut self, stop: CancellationToken) -> Arc<Guest> {
        if self.all.len() >= self.most.saturating_mul(2) {
            self.forget_gone();
        }
        let guest = Arc::new(Guest {
            stop,
            pulse: OnceLock::new(),
            task: OnceLock::new(),
        });
        self.all.push(Arc::downgrade(&guest));
        guest
    }

    /// Asks those to leave who have been idle for longest, unless that was asked already.
    pub(super) fn ask(&mut self) {
        if !self.asked.is_empty() {
            return;
        }
        self.forget_gone();
        let mut idle: Vec<_> = self
            .all
            .iter()
            .filter_map(|guest| Some((guest.upgrade()?.idle_since()?, guest)))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        idle.truncate((self.most / SHARE).max(1));
        self.asked = idle.into_iter().map(|(_, guest)| guest.clone()).collect();
        let guests = self.asked.iter().filter_map(Weak::upgrade);
        let asked = guests.map(|guest| guest.stop.cancel()).count();
        if asked > 0 {
            tracing::debug!(target: "portcullis::server", asked, "no place is free: idle connections are closed");
        }
    }

    /// Cuts those off who were asked to leave and did not, unless they have a request open now. Says
    /// whether there were any.
    pub(super) fn cut_off(&mut self) -> bool {
        let guests = self.asked.drain(..).filter_map(|guest| guest.upgrade());
        let idle = guests.filter(|guest| guest.idle_since().is_some());
        let mut any = false;
        for guest in idle {
            if let Some(task) = guest.task.get() {
                task.abort();
                any = true;
            }
        }
        any
    }

    fn forget_gone(&mut self) {
        self.all.retain(|guest| guest.strong_count() > 0);
    }
}

// === impl Guest ===

impl Guest {
    /// Says how to tell what the connection is doing.
    pub(super) fn beats(&self, pulse: &Arc<Pulse>) {
        // It is one connection from beginning to end.
        let _ = self.pulse.set(Arc::clone(pulse));
    }

    /// Says who serves it.
    pub(super) fn is_served_by(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// Since when nothing is asked. What was upgraded is asked nothing, and is not idle for it.
    fn idle_since(&self) -> Option<Instant> {
        match self.pulse.get()?.quiet() {
            Quiet::Idle(since) if !self.task.get()?.is_finished() => Some(since),
            _ => None,
        }
    }
}
