//! The log of revocations that nodes share: what it promises, and what is said to it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::id::unhex;
use crate::record::BadEntry;
use crate::time::{ServerTime, Stamp};
use crate::{Fingerprint, Horizon, Id, Kind, Record};

pub use self::error::{LogError, Refused};
pub use self::hints::{HintSender, Hints, hints};
pub use self::memory::MemoryLog;
pub use self::quorum::{Lag, Quorum};

pub(crate) mod coverage;
mod error;
mod hints;
pub(crate) mod memory;
mod quorum;

/// What a call of a log returns.
pub type LogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + Send + 'a>>;

/// A log of revocations that several nodes share.
///
/// It holds two things, changed together or not at all:
///
/// - the **tail**: every change, numbered without a gap from 1 on, as far back as a
///   [horizon](Horizon::keep);
/// - the **set**: for each id the [join](Record::join) of all its changes that have not expired.
///
/// # What an implementation must do
///
/// | | |
/// |---|---|
/// | linear | a call takes effect at one point in time, wholly. A call that ended in [`LogError::Timeout`] may take effect late, once |
/// | numbers | a change has the number after that of the newest; the newest change is never trimmed from the tail |
/// | marks | two changes that ever had the same number, before and after a failover, have different [`Mark`]s |
/// | stamps | a change that is appended gets `max(now, last stamp + 1, floor + 1)` in microseconds of the server; the last stamp is also raised by every floor that is told and by every record that is re-asserted |
/// | epoch | made from the candidate of the first poll that finds none; gone with the data |
/// | anchors | a poll returns the change with the number of the anchor too, if it is there, and then those after it |
/// | expiry | a change is kept until the time asked for, at most until now + horizon; what expired leaves the set at some time after that, never before |
/// | no eviction | where there is no room an append is refused; nothing is ever dropped for want of room |
/// | fingerprints | see [`Poll::claims`] and [`Append::fingerprints`] |
/// | the poll writes | on a replicated store a poll carries a write, and refuses without a quorum: an isolated old primary must not answer |
/// | once | an append with an [`OpId`] that was appended within [`OPS_REMEMBERED`] changes nothing and returns the same; only of more than 100 000 of them may the oldest be forgotten earlier |
///
/// Every call must be safe late and twice. Deadlines are the caller's: a future is dropped when it takes too
/// long. The suite `conformance` (a feature) holds an implementation to this table.
pub trait RevocationLog: Send + Sync + 'static {
    /// Reads what follows an anchor.
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page>;

    /// Reads a part of the set. Every id that is in it from the first part to the last is in one of
    /// the parts; an id that comes or changes meanwhile is in the tail.
    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage>;

    /// Appends changes.
    fn append(&self, append: Append) -> LogFuture<'_, Appended>;

    /// Brings back records that the log may have lost. Each is joined with what the set has; where that
    /// changes the set, the joined record is appended to the tail, with its own stamp, time and expiry.
    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()>;

    /// Something that wakes up when there may be news, if the log has such a thing. It may be lost, late
    /// or wrong.
    fn hints(&self) -> Option<Hints> {
        None
    }
}

/// A name of one life of a log: it changes when the data were lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 16]);

/// Something that tells a change from another that had its number before a failover: 128 bits, whatever the
/// log takes for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark(pub u128);

/// The place of a change in the tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// The number; zero before the first change.
    pub seq: u64,
    /// The mark; [`Mark::default`] before the first change.
    pub mark: Mark,
}

/// The name of a revocation, so that a retry is known as one: chosen by chance, or a keyed hash of its cause.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpId([u8; 16]);

/// Where a snapshot goes on, in the words of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Box<str>);

/// A question for news.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Poll {
    /// What was read last. None asks for the head only.
    pub anchor: Option<Anchor>,
    /// How many changes to return at most, that of the anchor among them: at least 2.
    pub limit: usize,
    /// The secrets that this node writes under, the current one first.
    ///
    /// A log that does not know a fingerprint notes it, with the time since when *every* change was
    /// written under it: as claimed; else zero (from the beginning) if it knows no fingerprint at all;
    /// else now. It also notes when each fingerprint was last told.
    pub claims: Vec<Claim>,
    /// The epoch to take if there is none.
    pub epoch: Epoch,
    /// The highest stamp that this node has seen.
    pub floor: Stamp,
    /// The horizon of this node. The first one told is that of the log, until its data are lost.
    pub horizon: Horizon,
}

/// A secret that a node writes under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The secret.
    pub fingerprint: Fingerprint,
    /// What the log said of it before it lost its data, if this node was told.
    pub since: Option<ServerTime>,
}

/// What a log knows of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The secret.
    pub fingerprint: Fingerprint,
    /// Since when every change was written under it; zero is from the beginning.
    pub since: ServerTime,
    /// When a node last told that it uses it.
    pub told: ServerTime,
}

/// What follows an anchor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The life of the log.
    pub epoch: Epoch,
    /// The newest change.
    pub head: Anchor,
    /// The highest stamp given.
    pub stamp: Stamp,
    /// The time of the server.
    pub server_time: ServerTime,
    /// The horizon of the log.
    pub horizon: Horizon,
    /// What is known of secrets.
    pub fingerprints: Vec<Covered>,
    /// How sure it is that there is no other primary.
    pub quorum: Quorum,
    /// The changes from the anchor on; none if there was no anchor.
    pub changes: Vec<Change>,
}

/// One change in the tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place.
    pub at: Anchor,
    /// What it says, or why that cannot be read.
    pub entry: Result<(Id, Record), BadEntry>,
}

/// A part of the set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotPage {
    /// The life of the log.
    pub epoch: Epoch,
    /// The newest change when this part was read: whoever finds it in the tail later knows that nothing of
    /// this part was lost meanwhile.
    pub head: Anchor,
    /// The records.
    pub entries: Vec<Result<(Id, Record), BadEntry>>,
    /// Where the next part begins; none after the last.
    pub next: Option<Cursor>,
}

/// Changes to append, together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Append {
    /// Makes a retry known as one.
    pub op: OpId,
    /// What to change.
    pub changes: Vec<(Id, Edit)>,
    /// The secrets under which these changes are written. The log notes those that it does not know, as if
    /// they were claimed in a poll with no time; and of every other secret that it knows, that not every
    /// change up to now was written under it.
    pub fingerprints: Vec<Fingerprint>,
    /// The highest stamp that this node has seen.
    pub floor: Stamp,
    /// The epoch to take if there is none.
    pub epoch: Epoch,
    /// The horizon to take if there is none.
    pub horizon: Horizon,
}

/// What to change about an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Revoke it, now by the clock of the server.
    Revoke {
        /// What it is an id of.
        kind: Kind,
        /// How long to keep it; none for as long as the log keeps anything.
        expires: Option<ServerTime>,
    },
    /// Take the revocation back.
    Lift {
        /// What it is an id of.
        kind: Kind,
    },
}

/// What an append did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Appended {
    /// The records as they were appended, in the order of the edits.
    pub records: Vec<(Id, Record)>,
    /// How many replicas have them.
    pub replicas: u32,
    /// How many must have them for a majority to have them.
    pub required: u32,
}

// === impl Poll ===

impl Poll {
    /// A question from nowhere, for logs' own tests.
    #[must_use]
    pub fn new(epoch: Epoch, claims: Vec<Claim>) -> Self {
        Self {
            anchor: None,
            limit: 1000,
            claims,
            epoch,
            floor: Stamp::default(),
            horizon: Horizon::DEFAULT,
        }
    }
}

// === impl Page ===

impl Page {
    /// A page of a log with nothing in it.
    #[must_use]
    pub fn new(epoch: Epoch, server_time: ServerTime, horizon: Horizon, quorum: Quorum) -> Self {
        Self {
            epoch,
            head: Anchor::default(),
            stamp: Stamp::default(),
            server_time,
            horizon,
            fingerprints: Vec::new(),
            quorum,
            changes: Vec::new(),
        }
    }
}

// === impl SnapshotPage ===

impl SnapshotPage {
    /// The last part of a set, with nothing in it.
    #[must_use]
    pub const fn new(epoch: Epoch, head: Anchor) -> Self {
        Self {
            epoch,
            head,
            entries: Vec::new(),
            next: None,
        }
    }
}

// === impl Append ===

impl Append {
    /// Edits to append, for logs' own tests.
    #[must_use]
    pub fn new(op: OpId, epoch: Epoch, changes: Vec<(Id, Edit)>) -> Self {
        Self {
            op,
            changes,
            fingerprints: Vec::new(),
            floor: Stamp::default(),
            epoch,
            horizon: Horizon::DEFAULT,
        }
    }
}

// === impl Appended ===

impl Appended {
    /// Records that `replicas` have, of whom `required` make a majority.
    #[must_use]
    pub const fn new(records: Vec<(Id, Record)>, replicas: u32, required: u32) -> Self {
        Self {
            records,
            replicas,
            required,
        }
    }
}

// === impl Edit ===

impl Edit {
    /// The record of this edit with `stamp` at `now`, in a log of this horizon.
    #[must_use]
    pub fn record(self, stamp: Stamp, now: ServerTime, horizon: Horizon) -> Record {
        let (kind, state, expires) = match self {
            Self::Revoke { kind, expires } => (kind, crate::State::Revoked { at: now }, expires),
            Self::Lift { kind } => (kind, crate::State::Lifted, None),
        };
        Record {
            kind,
            state,
            stamp,
            expires: Record::expiry(expires, now, horizon),
        }
    }
}

// === impl Epoch and OpId ===

/// 16 bytes that no other call of the universe returns.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // No randomness from the system: a generator seeded by address and time is unlike others, too.
        bytes = fastrand::u128(..).to_be_bytes();
    }
    bytes
}

macro_rules! named_by_chance {
    ($name:ident) => {
        impl $name {
            /// One that nobody else has.
            #[must_use]
            pub fn random() -> Self {
                Self(random())
            }

            /// That of these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// Reads 32 hexadecimal digits, as `Display` writes them.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                unhex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

named_by_chance!(Epoch);
named_by_chance!(OpId);

/// A log behind a pointer is a log.
impl<L: RevocationLog + ?Sized> RevocationLog for Arc<L> {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        (**self).poll(poll)
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        (**self).snapshot(cursor, limit)
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        (**self).append(append)
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        (**self).reassert(records)
    }

    fn hints(&self) -> Option<Hints> {
        (**self).hints()
    }
}

/// How long a log remembers an [`OpId`]: longer than the same logout token is accepted, which is an hour and twice
/// the largest leeway at most.
pub const OPS_REMEMBERED: Duration = Duration::from_secs(75 * 60);
