//! Following the log: what to ask next, and what to make of the answer. No I/O, no timers.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::health::{Health, Trouble};
use crate::log::{
    Anchor, Change, Claim, Covered, Cursor, Epoch, Lag, LogError, Mark, Page, Poll, SnapshotPage,
};
use crate::record::BadEntry;
use crate::set::Joined;
use crate::time::{Moment, ServerTime, Stamp, millis};
use crate::view::Writer;
use crate::{Fingerprint, Horizon, Id, Record};

mod troubles;

/// Follows the log and keeps the view in step with it.
///
/// | phase | asks for | ends when |
/// |---|---|---|
/// | head | the newest change | there is an answer |
/// | snapshot | the set, part by part | the last part is read |
/// | tail | what came after the head *of before the snapshot* | never; complete whenever the newest change is reached |
///
/// The tail is read from an anchor: the change read last must still be there, and the next have the next
/// number. Anything else means that the log lost something: everything is read again and joined with what
/// is known here. Nothing is taken back by that. What turns out to be known here and not there is brought
/// back to the log.
#[derive(Debug)]
pub(crate) struct Follower {
    writer: Writer,
    settings: Settings,
    phase: Phase,
    epoch: Option<Epoch>,
    /// Counts the readings of the whole set; never zero.
    round: u32,
    /// The newest changes while the parts of the set were read: to be found in the tail, or the log lost
    /// meanwhile what was read.
    witnesses: BTreeMap<u64, Mark>,
    /// Whether the newest change was reached since the set was read.
    complete: bool,
    /// Whether there is more to read at once.
    more: bool,
    /// Whether it is time to poll.
    due: bool,
    /// Whether to wait until it is, whatever there is to do.
    pause: bool,
    /// What the log lacks.
    lost: VecDeque<Id>,
    /// What this node revoked or brought back, and when that was acknowledged: to be seen in the tail.
    own: BTreeMap<Id, Instant>,
    stamp: Stamp,
    covered: Vec<Covered>,
    bad: Option<BadEntry>,
    /// When to read everything again in the hope for better.
    again: Option<Instant>,
    error: Option<LogError>,
    /// What the last complete page told.
    told: Vec<Trouble>,
    lag: Option<Lag>,
    panics: u64,
}

/// What a follower is told once.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The secrets of this node, the current one first.
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) horizon: Horizon,
    /// How many changes to read at a time: at least 2.
    pub(crate) page: usize,
    /// How many records to bring back at a time.
    pub(crate) batch: usize,
    /// The greatest age of a view that counts as synced.
    pub(crate) max_age: Duration,
}

#[derive(Debug)]
enum Phase {
    Head,
    Snapshot {
        head: Anchor,
        cursor: Option<Cursor>,
    },
    Tail(Anchor),
}

/// What to ask next.
#[derive(Debug)]
pub(crate) enum Request {
    Poll(Poll),
    Snapshot(Option<Cursor>, usize),
    Reassert(Vec<(Id, Record)>),
    /// Nothing until it is time to poll.
    Wait,
}

/// How the log turned out to have lost something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breach {
    EpochChanged,
    HeadWentBack,
    AnchorGone,
    Gap,
}

/// While something stands in the way that only a new reading can clear, one is made this often.
const AGAIN: Duration = Duration::from_secs(30);

// === impl Follower ===

impl Follower {
    pub(crate) fn new(writer: Writer, settings: Settings) -> Self {
        Self {
            writer,
            settings,
            phase: Phase::Head,
            epoch: None,
            round: 1,
            witnesses: BTreeMap::new(),
            complete: false,
            more: false,
            due: true,
            pause: false,
            lost: VecDeque::new(),
            own: BTreeMap::new(),
            stamp: Stamp::default(),
            covered: Vec::new(),
            bad: None,
            again: None,
            error: None,
            told: Vec::new(),
            lag: None,
            panics: 0,
        }
    }

    /// It is time to poll.
    pub(crate) fn due(&mut self) {
        self.due = true;
        self.pause = false;
    }

    /// What to ask next.
    pub(crate) fn next(&mut self) -> Request {
        if self.pause {
            return Request::Wait;
        }
        match &self.phase {
            Phase::Head => Request::Poll(self.poll(None)),
            Phase::Snapshot { cursor, .. } => Request::Snapshot(cursor.clone(), self.settings.page),
            Phase::Tail(anchor) if self.due || self.more => Request::Poll(self.poll(Some(*anchor))),
            Phase::Tail(_) => match self.batch() {
                batch if batch.is_empty() => Request::Wait,
                batch => Request::Reassert(batch),
            },
        }
    }

    /// The answer to a poll that was sent at `sent` and answered by `received`.
    pub(crate) fn polled(&mut self, sent: Moment, received: Moment, page: Result<Page, LogError>) {
        let Some(page) = self.noted(page) else { return };
        self.stamp = self.stamp.max(page.stamp);
        match self.phase {
            Phase::Head => {
                self.epoch = Some(page.epoch);
                self.phase = Phase::Snapshot {
                    head: page.head,
                    cursor: None,
                };
            }
            Phase::Tail(anchor) => match self.read(anchor, &page) {
                Err(breach) => self.read_again(breach),
                Ok(last) => {
                    self.phase = Phase::Tail(last);
                    self.more = last.seq < page.head.seq;
                    if !self.more {
                        self.completed(sent, received, &page);
                    }
                }
            },
            // Nobody asked.
            Phase::Snapshot { .. } => {}
        }
    }

    /// A part of the set.
    pub(crate) fn snapshot_read(&mut self, page: Result<SnapshotPage, LogError>) {
        // Where a log says no to a cursor that it gave, it is not the log that gave it.
        let lost = matches!(&page, Err(error) if !error.is_transient());
        let Some(page) = self.noted(page) else {
            if lost {
                self.begin_again();
            }
            return;
        };
        let Phase::Snapshot {
            head,
            ref mut cursor,
        } = self.phase
        else {
            return;
        };
        if self.epoch != Some(page.epoch) {
            return self.read_again(Breach::EpochChanged);
        }
        let before = self.witnesses.insert(page.head.seq, page.head.mark);
        let other = before.is_some_and(|mark| mark != page.head.mark);
        if other || page.head.seq < head.seq {
            return self.read_again(Breach::HeadWentBack);
        }
        let done = page.next.is_none();
        *cursor = page.next;
        for entry in page.entries {
            match entry {
                Ok((id, record)) => self.learn(id, record, true),
                Err(bad) => self.bad = Some(bad),
            }
        }
        if done {
            self.phase = Phase::Tail(head);
            self.more = true;
        }
    }

    /// The answer to what was brought back: `count` records, acknowledged at `acked`.
    pub(crate) fn reasserted(&mut self, acked: Instant, count: usize, done: Result<(), LogError>) {
        if self.noted(done).is_some() {
            // It may be lost once more: only the tail is proof.
            let back = self.lost.drain(..count.min(self.lost.len()));
            self.own.extend(back.map(|id| (id, acked)));
        }
    }

    /// Takes in at once what this node revoked, acknowledged at `acked`.
    pub(crate) fn own(&mut self, acked: Instant, records: &[(Id, Record)]) {
        for (id, record) in records {
            self.learn(*id, *record, false);
            self.own.insert(*id, acked);
        }
    }

    /// The task panicked: what it was at is not known.
    pub(crate) fn panicked(&mut self) {
        self.panics += 1;
        self.begin_again();
        self.pause = true;
    }

    /// The highest stamp seen.
    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// How it is going, with the view of that age.
    pub(crate) fn health(&self, age: Option<Duration>) -> Health {
        let set = self.writer.set();
        let bound = match self.lag {
            Some(Lag::Within(lag)) => Some(self.settings.max_age.saturating_add(lag)),
            Some(Lag::Unbounded) | None => None,
        };
        Health {
            synced: age.is_some_and(|age| age <= self.settings.max_age),
            age,
            entries: set.len(),
            capacity: set.capacity(),
            bound,
            troubles: self.troubles(),
        }
    }

    fn poll(&self, anchor: Option<Anchor>) -> Poll {
        let since = |fingerprint: &Fingerprint| {
            let mut covered = self.covered.iter();
            let found = covered.find(|covered| covered.fingerprint == *fingerprint);
            found.map(|covered| covered.since)
        };
        let claims = self.settings.fingerprints.iter().map(|fingerprint| Claim {
            fingerprint: *fingerprint,
            since: since(fingerprint),
        });
        Poll {
            anchor,
            limit: self.settings.page,
            claims: claims.collect(),
            // A new one each time: a log that lost its data must not come back under the same name.
            epoch: Epoch::random(),
            floor: self.stamp,
            horizon: self.settings.horizon,
        }
    }

    /// The answer, unless it is an error: then nothing more is asked until it is time.
    fn noted<T>(&mut self, answer: Result<T, LogError>) -> Option<T> {
        self.due = false;
        match answer {
            Ok(answer) => {
                self.error = None;
                Some(answer)
            }
            Err(error) => {
                if self.error.as_ref() != Some(&error) {
                    tracing::warn!(
                        target: "portcullis::revocation",
                        reason = error.label(), %error, "the revocation log failed"
                    );
                }
                self.error = Some(error);
                self.pause = true;
                None
            }
        }
    }

    /// Reads the changes of a page; gives the last.
    fn read(&mut self, anchor: Anchor, page: &Page) -> Result<Anchor, Breach> {
        if self.epoch != Some(page.epoch) {
            return Err(Breach::EpochChanged);
        }
        if page.head.seq < anchor.seq {
            return Err(Breach::HeadWentBack);
        }
        let mut changes = page.changes.iter();
        if anchor.seq > 0 && changes.next().map(|change| change.at) != Some(anchor) {
            return Err(Breach::AnchorGone);
        }
        self.witness(anchor)?;
        let mut last = anchor;
        for Change { at, entry } in changes {
            if Some(at.seq) != last.seq.checked_add(1) {
                return Err(Breach::Gap);
            }
            self.witness(*at)?;
            last = *at;
            match entry {
                Ok((id, record)) => self.learn(*id, *record, true),
                Err(bad) => self.bad = Some(*bad),
            }
        }
        let reached = last.seq >= page.head.seq;
        if reached && !self.witnesses.is_empty() {
            return Err(Breach::HeadWentBack);
        }
        if (reached && last != page.head) || (!reached && last == anchor) {
            return Err(Breach::Gap);
        }
        Ok(last)
    }

    /// Compares a change of the tail with what was there while the set was read.
    fn witness(&mut self, at: Anchor) -> Result<(), Breach> {
        match self.witnesses.remove(&at.seq) {
            Some(mark) if mark != at.mark => Err(Breach::Gap),
            _ => Ok(()),
        }
    }

    /// Joins a record with what is known. `there` is whether the log is known to have it.
    fn learn(&mut self, id: Id, record: Record, there: bool) {
        self.stamp = self.stamp.max(record.stamp);
        let joined = match self.writer.join(id, record) {
            Joined::Changed(joined) => joined,
            Joined::Same if there => match self.writer.set().get(&id) {
                Some(known) => *known,
                None => return,
            },
            // Known already, perhaps from the tail.
            Joined::Same | Joined::Full => return,
        };
        // Only if the log has exactly what is known here is there nothing to bring back.
        if joined == record {
            self.writer.see(&id, if there { self.round } else { 0 });
        } else if there && joined.stamp == record.stamp {
            // The same change, of which more is known here: a watermark that a server set back.
            self.lost.push_back(id);
        }
    }

    /// Everything was read that there was when the poll was sent.
    fn completed(&mut self, sent: Moment, received: Moment, page: &Page) {
        let wall = ServerTime::from_unix(received.wall);
        self.writer.set_server_ahead(ahead(page.server_time, wall));
        self.covered.clone_from(&page.fingerprints);
        self.lag = Some(page.quorum.lag());
        self.told = self.told_by(page, wall);
        if !self.complete {
            self.complete = true;
            self.lost = self.unseen(page.server_time);
            if !self.lost.is_empty() {
                tracing::warn!(
                    target: "portcullis::revocation",
                    entries = self.lost.len(), "bringing back what the revocation log lost"
                );
            }
        }
        let (round, set) = (self.round, self.writer.set());
        let lost = &mut self.lost;
        self.own.retain(|id, acked| {
            let seen = set.was_seen(id, round);
            // Acknowledged before the poll, and not in what it brought.
            if !seen && *acked < sent.at {
                lost.push_back(*id);
            }
            !seen && *acked >= sent.at
        });
        self.writer.prune(page.server_time, wall);
        if !self.troubles().iter().any(Trouble::blocks) {
            self.writer.publish(sent);
        }
        self.look_again(received.at);
    }

    /// What the log lacks and has not expired there.
    fn unseen(&self, now: ServerTime) -> VecDeque<Id> {
        let set = self.writer.set();
        set.unseen(self.round)
            .filter(|id| set.get(id).is_some_and(|record| record.expires > now))
            .collect()
    }

    /// Reads everything again, from time to time, while only that can clear what is in the way.
    fn look_again(&mut self, now: Instant) {
        let set = self.writer.set();
        let room = set.capacity() - set.len();
        let hope = self.bad.is_some() || (self.writer.is_full() && room > set.capacity() / 10);
        if !hope {
            self.again = None;
            return;
        }
        let again = *self.again.get_or_insert(now + AGAIN);
        if now >= again {
            self.again = None;
            self.begin_again();
        }
    }

    fn read_again(&mut self, breach: Breach) {
        tracing::warn!(
            target: "portcullis::revocation",
            ?breach, "the revocation log lost something; reading all of it again"
        );
        // A log in which nothing fits together is not asked without a rest.
        self.pause = !self.complete;
        self.begin_again();
    }

    fn begin_again(&mut self) {
        self.phase = Phase::Head;
        self.round = self.round.checked_add(1).unwrap_or(1);
        self.witnesses.clear();
        self.complete = false;
        self.more = false;
        self.bad = None;
        self.writer.begin_again();
    }

    /// What to bring back next.
    fn batch(&mut self) -> Vec<(Id, Record)> {
        let known = |id: &Id, follower: &Self| follower.writer.set().get(id).copied();
        while let Some(id) = self.lost.front()
            && known(id, self).is_none()
        {
            self.lost.pop_front();
        }
        // One that is forgotten ends the batch, so that as many leave the queue as were sent.
        let batch = self.lost.iter().take(self.settings.batch);
        batch
            .map_while(|id| Some((*id, known(id, self)?)))
            .collect()
    }
}

/// How many milliseconds the server is ahead.
fn ahead(server: ServerTime, here: ServerTime) -> i64 {
    let span = |a: ServerTime, b: ServerTime| i64::try_from(millis(a.since(b))).unwrap_or(i64::MAX);
    if server >= here {
        span(server, here)
    } else {
        -span(here, server)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
