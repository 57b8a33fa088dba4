//! A log in memory, for one process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::ready;

use parking_lot::Mutex;
use portcullis_core::{Clock, SystemClock};

use super::coverage::Coverage;
use super::{
    Anchor, Append, Appended, Change, Cursor, Epoch, HintSender, Hints, LogError, LogFuture, Mark,
    OPS_REMEMBERED, OpId, Page, Poll, Quorum, Refused, RevocationLog, SnapshotPage, hints,
};
use crate::set::{Joined, RecordSet};
use crate::time::{ServerTime, Stamp};
use crate::{Horizon, Id, Record};

/// A log in memory: whole and real, for one process.
///
/// What it holds ends with the process, so a restart forgets every revocation. Where tokens outlive a
/// restart, share a log that does, too.
///
/// # Clone
/// It is shared through an `Arc`.
pub struct MemoryLog<C: Clock = SystemClock> {
    clock: C,
    state: Mutex<Inner>,
    hints: HintSender,
}

#[derive(Clone, Debug)]
pub(crate) struct Inner {
    epoch: Option<Epoch>,
    horizon: Option<Horizon>,
    pub(crate) set: RecordSet,
    tail: VecDeque<(Change, ServerTime)>,
    head: Anchor,
    /// The last mark given.
    pub(crate) mark: u128,
    stamp: Stamp,
    coverage: Coverage,
    ops: HashMap<OpId, Vec<(Id, Record)>>,
    /// The ops in the order of their age.
    op_ages: VecDeque<(ServerTime, OpId)>,
}

/// How many ids it holds unless told otherwise: somewhat less than a view, which forgets a little later.
const CAPACITY: usize = 900_000;
/// How many changes of the tail it keeps at most; a node that is further behind reads the set.
const TAIL_MOST: usize = 100_000;
/// How many ops it remembers at most.
const OPS_MOST: usize = 100_000;

// === impl MemoryLog ===

impl MemoryLog {
    /// An empty log for 900 000 ids.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock, CAPACITY)
    }
}

impl<C: Clock> MemoryLog<C> {
    /// An empty log for `capacity` ids, with the time of `clock`.
    #[must_use]
    pub fn with_clock(clock: C, capacity: usize) -> Self {
        Self {
            clock,
            state: Mutex::new(Inner::new(capacity)),
            hints: hints().0,
        }
    }

    fn now(&self) -> ServerTime {
        ServerTime::from_unix(self.clock.wall())
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> RevocationLog for MemoryLog<C> {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        Box::pin(ready(Ok(self.state.lock().poll(&poll, self.now()))))
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        Box::pin(ready(self.state.lock().snapshot(cursor.as_ref(), limit)))
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        let appended = self.state.lock().append(&append, self.now());
        self.hints.send();
        Box::pin(ready(appended))
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        let done = self.state.lock().reassert(&records, self.now());
        self.hints.send();
        Box::pin(ready(done))
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.hints.subscribe())
    }
}

impl<C: Clock> fmt::Debug for MemoryLog<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("MemoryLog")
            .field("ids", &state.set.len())
            .field("head", &state.head.seq)
            .finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            epoch: None,
            horizon: None,
            set: RecordSet::new(capacity),
            tail: VecDeque::new(),
            head: Anchor::default(),
            mark: 0,
            stamp: Stamp::default(),
            coverage: Coverage::default(),
            ops: HashMap::new(),
            op_ages: VecDeque::new(),
        }
    }

    fn begin(&mut self, epoch: Epoch, horizon: Horizon, floor: Stamp) -> (Epoch, Horizon) {
        self.stamp = self.stamp.max(floor);
        (
            *self.epoch.get_or_insert(epoch),
            *self.horizon.get_or_insert(horizon),
        )
    }

    pub(crate) fn poll(&mut self, poll: &Poll, now: ServerTime) -> Page {
        let (epoch, horizon) = self.begin(poll.epoch, poll.horizon, poll.floor);
        self.coverage.told(&poll.claims, now);
        self.forget(now, horizon);
        let mut page = Page::new(epoch, now, horizon, Quorum::Alone);
        page.head = self.head;
        page.stamp = self.stamp;
        page.fingerprints = self.coverage.known().to_vec();
        if let Some(anchor) = poll.anchor {
            let oldest = self.tail.front().map_or(0, |(change, _)| change.at.seq);
            let skip = anchor.seq.saturating_sub(oldest);
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let changes = self.tail.iter().skip(skip).take(poll.limit);
            page.changes = changes.map(|(change, _)| change.clone()).collect();
        }
        page
    }

    pub(crate) fn snapshot(
        &self,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<SnapshotPage, LogError> {
        let after = match cursor {
            None => None,
            Some(cursor) => Some(Id::from_hex(&cursor.0).ok_or(LogError::Malformed("cursor"))?),
        };
        let Some(epoch) = self.epoch else {
            return Err(LogError::Refused(Refused::Other("it has no epoch".into())));
        };
        let entries = self.set.page(after, limit.max(1));
        let mut page = SnapshotPage::new(epoch, self.head);
        page.next = entries
            .last()
            .filter(|_| entries.len() >= limit.max(1))
            .map(|(id, _)| Cursor(id.to_string().into()));
        page.entries = entries.into_iter().map(Ok).collect();
        Ok(page)
    }

    pub(crate) fn append(
        &mut self,
        append: &Append,
        now: ServerTime,
    ) -> Result<Appended, LogError> {
        let (_, horizon) = self.begin(append.epoch, append.horizon, append.floor);
        self.forget(now, horizon);
        if let Some(records) = self.ops.get(&append.op) {
            return Ok(Appended::new(records.clone(), 0, 0));
        }
        self.room_for(append.changes.iter().map(|(id, _)| id))?;
        self.coverage.wrote(&append.fingerprints, now);
        let micros = Stamp::from_micros(now.as_millis().saturating_mul(1000));
        let mut records = Vec::with_capacity(append.changes.len());
        for (id, edit) in &append.changes {
            self.stamp = self.stamp.next(micros);
            let record = edit.record(self.stamp, now, horizon);
            let joined = match self.set.join(*id, record) {
                Joined::Changed(joined) => joined,
                Joined::Same | Joined::Full => record,
            };
            self.log(*id, joined, now);
            records.push((*id, joined));
        }
        self.ops.insert(append.op, records.clone());
        self.op_ages.push_back((now, append.op));
        Ok(Appended::new(records, 0, 0))
    }

    pub(crate) fn reassert(
        &mut self,
        records: &[(Id, Record)],
        now: ServerTime,
    ) -> Result<(), LogError> {
        self.room_for(records.iter().map(|(id, _)| id))?;
        for (id, record) in records {
            if let Joined::Changed(joined) = self.set.join(*id, *record) {
                self.log(*id, joined, now);
            }
            self.stamp = self.stamp.max(record.stamp);
        }
        Ok(())
    }

    /// Refuses what would not fit wholly.
    fn room_for<'a>(&self, ids: impl Iterator<Item = &'a Id>) -> Result<(), LogError> {
        let new = ids.filter(|id| self.set.get(id).is_none()).count();
        let capacity = self.set.capacity();
        if self.set.len() + new > capacity {
            return Err(LogError::Refused(Refused::Full { capacity }));
        }
        Ok(())
    }

    fn log(&mut self, id: Id, record: Record, now: ServerTime) {
        self.mark = self.mark.wrapping_add(1);
        self.head = Anchor {
            seq: self.head.seq + 1,
            mark: Mark(self.mark),
        };
        let change = Change {
            at: self.head,
            entry: Ok((id, record)),
        };
        self.tail.push_back((change, now));
    }

    fn forget(&mut self, now: ServerTime, horizon: Horizon) {
        self.set.prune(now);
        let old = now - horizon.keep();
        // Never the newest.
        while self.tail.len() > TAIL_MOST
            || (self.tail.len() > 1 && self.tail.front().is_some_and(|(_, at)| *at < old))
        {
            self.tail.pop_front();
        }
        let old = now - OPS_REMEMBERED;
        while let Some((at, op)) = self.op_ages.front().copied()
            && (at < old || self.ops.len() > OPS_MOST)
        {
            self.ops.remove(&op);
            self.op_ages.pop_front();
        }
    }
}
