//! What the writer publishes and every check reads, and in which order.

use std::ops::Deref;
use std::sync::Arc;

use super::primitives::{AtomicU64, Ordering, Swap};
use super::table::Table;

/// What the writer publishes and every check reads.
///
/// | order | the writer | a reader |
/// |---|---|---|
/// | 1 | writes what was revoked into a table | loads `synced_at` |
/// | 2 | raises the version | loads the version |
/// | 3 | stores `synced_at` | loads the tables, unless it found nothing at this version before |
///
/// So whoever sees a `synced_at` sees every revocation that it vouches for. And whoever remembers "nothing
/// at version v" missed no revocation that was written before the version became v.
#[derive(Debug)]
pub(crate) struct Board {
    synced_at: AtomicU64,
    /// Wall time of the same instant, in milliseconds.
    synced_wall: AtomicU64,
    /// How many milliseconds the server is ahead of this node: the bits of an `i64`.
    server_ahead: AtomicU64,
    version: AtomicU64,
    tombstones: Swap<Table>,
    watermarks: Swap<Table>,
}

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Tombstones,
    Watermarks,
}

/// `synced_at` of a board that was never synced.
pub(crate) const NEVER: u64 = 0;
/// `synced_at` of a board that lacks something for want of room.
pub(crate) const FULL: u64 = u64::MAX;

// === impl Board ===

impl Board {
    /// An empty board whose versions start above `version`, which no other board of the process has.
    pub(crate) fn new(version: u64, slots: usize) -> Self {
        Self {
            synced_at: AtomicU64::new(NEVER),
            synced_wall: AtomicU64::new(0),
            server_ahead: AtomicU64::new(0),
            version: AtomicU64::new(version + 1),
            tombstones: Swap::new(Table::new(slots)),
            watermarks: Swap::new(Table::new(slots)),
        }
    }

    /// `synced_at`, and then the version.
    #[inline]
    pub(crate) fn look(&self) -> (u64, u64) {
        let synced_at = self.synced_at.load(Ordering::Acquire);
        let version = self.version.load(Ordering::Acquire);
        (synced_at, version)
    }

    /// Wall time when last synced. Load it after `synced_at`: it may be of a later sync.
    #[inline]
    pub(crate) fn synced_wall(&self) -> u64 {
        self.synced_wall.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn server_ahead(&self) -> i64 {
        self.server_ahead.load(Ordering::Relaxed) as i64
    }

    /// A table. Load it after the version.
    pub(crate) fn table(&self, side: Side) -> impl Deref<Target = Arc<Table>> {
        self.swap(side).load()
    }

    /// Puts a table in the place of another, with everything in it that the other had.
    pub(crate) fn replace(&self, side: Side, table: Table) {
        self.swap(side).store(table);
    }

    /// Says that something was written.
    pub(crate) fn raise_version(&self) {
        // One thread writes.
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Release);
    }

    pub(crate) fn set_server_ahead(&self, millis: i64) {
        self.server_ahead.store(millis as u64, Ordering::Relaxed);
    }

    /// Says that everything revoked before `at` is written.
    pub(crate) fn publish(&self, at: u64, wall: u64) {
        self.synced_wall.store(wall, Ordering::Relaxed);
        self.synced_at.store(at, Ordering::Release);
    }

    fn swap(&self, side: Side) -> &Swap<Table> {
        match side {
            Side::Tombstones => &self.tombstones,
            Side::Watermarks => &self.watermarks,
        }
    }
}
