//! How many connections a listener has.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How many connections a listener has, and had.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    most: AtomicUsize,
    open: AtomicUsize,
    accepted: AtomicU64,
    saturated: AtomicBool,
    saturations: AtomicU64,
}

// === impl Connections ===

impl Connections {
    /// Notes how many there may be.
    pub(crate) fn bound(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Notes one more.
    pub(crate) fn opened(&self) {
        self.saturated.store(false, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes one less.
    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes that there may be no more: those that come wait in the queue of the system. However often
    /// that is said, it counts once until the next is accepted.
    pub(crate) fn full(&self) {
        if !self.saturated.swap(true, Ordering::Relaxed) {
            self.saturations.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there may be.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// How many there are, upgraded ones included.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many there were.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How often there were as many as may be.
    pub(super) fn saturations(&self) -> u64 {
        self.saturations.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_listener_counts_once_until_it_accepts_again() {
        let connections = Connections::default();
        connections.bound(1);
        connections.opened();
        connections.full();
        connections.full();
        assert_eq!((connections.open(), connections.saturations()), (1, 1));
        connections.closed();
        connections.opened();
        connections.full();
        assert_eq!((connections.open(), connections.saturations()), (1, 2));
        assert_eq!((connections.accepted(), connections.most()), (2, 1));
    }
}
