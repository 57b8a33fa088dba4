//! What the writer publishes and every check reads, and in which order.

use std::ops::Deref;
use std::sync::Arc;

use super::primitives::{AtomicU64, Ordering, Swap};
use super::table::Table;
use crate::id::Id;

/// What the writer publishes and every check reads.
///
/// | order | the writer | a reader |
/// |---|---|---|
/// | 1 | writes what was revoked into a table | loads `synced_at` |
/// | 2 | notes the id, raises the version | loads the version |
/// | 3 | stores `synced_at` | loads the tables, unless it found nothing at this version before, or found nothing a few versions before and none of the ids since is its own |
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
    /// The second halves of the ids that the last versions were raised for, each in the place of its version.
    recent: [AtomicU64; RECENT],
    tombstones: Swap<Table>,
    watermarks: Swap<Table>,
}

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Tombstones,
    Watermarks,
}

/// How many of the last ids are known. Few in a model, so that it is small.
const RECENT: usize = if cfg!(portcullis_loom) { 2 } else { 16 };

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
            recent: std::array::from_fn(|_| AtomicU64::new(0)),
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

    /// Whether what came between two versions may be about somebody: `is_mine` knows the second halves of
    /// their ids. True where it cannot be told cheaply.
    #[inline]
    pub(crate) fn concerns(&self, since: u64, version: u64, is_mine: impl Fn(u64) -> bool) -> bool {
        // A version of another board is far away.
        if version.wrapping_sub(since) > (RECENT / 2) as u64 {
            return true;
        }
        let mut came = since + 1..=version;
        if came.any(|version| is_mine(self.place(version).load(Ordering::Acquire))) {
            return true;
        }
        // Whoever read a place that was taken again sees here that it was.
        self.version.load(Ordering::Acquire).wrapping_sub(since) >= RECENT as u64
    }

    /// Says that a revocation of this id was written.
    pub(crate) fn raise_version(&self, id: Id) {
        // One thread writes.
        let version = self.version.load(Ordering::Relaxed) + 1;
        self.place(version).store(id.halves().1, Ordering::Release);
        self.version.store(version, Ordering::Release);
    }

    fn place(&self, version: u64) -> &AtomicU64 {
        &self.recent[(version % RECENT as u64) as usize]
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
