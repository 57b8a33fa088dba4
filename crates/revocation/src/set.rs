//! Everything that is revoked, by id, and forgotten by the minute.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::time::ServerTime;
use crate::{Id, Record};

/// Everything that is revoked: bounded, never evicting, forgotten by whole minutes of expiry.
#[derive(Clone, Debug)]
pub(crate) struct RecordSet {
    records: BTreeMap<Id, Kept>,
    /// The ids whose record may go, by the minute. An id whose expiry moved stands in several.
    buckets: BTreeMap<u64, Vec<Id>>,
    capacity: usize,
    watermarks: usize,
}

/// A record, and in which round of comparing it was seen in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) seen: u32,
}

/// What joining a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The record of the id is another now.
    Changed(Record),
    /// It said nothing new.
    Same,
    /// There is no room for another id.
    Full,
}

const MINUTE: u64 = 60_000;

// === impl RecordSet ===

impl RecordSet {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: BTreeMap::new(),
            buckets: BTreeMap::new(),
            capacity,
            watermarks: 0,
        }
    }

    pub(crate) fn join(&mut self, id: Id, record: Record) -> Joined {
        let full = self.records.len() >= self.capacity;
        let joined = match self.records.entry(id) {
            Entry::Vacant(_) if full => return Joined::Full,
            Entry::Vacant(place) => {
                place.insert(Kept { record, seen: 0 });
                self.watermarks += usize::from(record.kind.is_watermark());
                record
            }
            Entry::Occupied(mut place) => {
                let before = place.get().record;
                let joined = before.join(record);
                if joined == before {
                    return Joined::Same;
                }
                place.get_mut().record = joined;
                if minute(joined.expires) == minute(before.expires) {
                    return Joined::Changed(joined);
                }
                joined
            }
        };
        let bucket = self.buckets.entry(minute(joined.expires)).or_default();
        bucket.push(id);
        Joined::Changed(joined)
    }

    pub(crate) fn get(&self, id: &Id) -> Option<&Record> {
        self.records.get(id).map(|kept| &kept.record)
    }

    /// Notes that the log was seen to have the record of an id, in this round.
    pub(crate) fn see(&mut self, id: &Id, round: u32) {
        if let Some(kept) = self.records.get_mut(id) {
            kept.seen = round;
        }
    }

    pub(crate) fn was_seen(&self, id: &Id, round: u32) -> bool {
        self.records.get(id).is_some_and(|kept| kept.seen == round)
    }

    /// The ids whose record was not seen in this round.
    pub(crate) fn unseen(&self, round: u32) -> impl Iterator<Item = Id> + '_ {
        let unseen = self
            .records
            .iter()
            .filter(move |(_, kept)| kept.seen != round);
        unseen.map(|(id, _)| *id)
    }

    /// Forgets whatever expired in a minute that is over at `now`; tells how many.
    pub(crate) fn prune(&mut self, now: ServerTime) -> usize {
        let before = self.records.len();
        while let Some(bucket) = self.buckets.first_entry() {
            let over = *bucket.key();
            if over >= minute(now) {
                break;
            }
            for id in bucket.remove() {
                if let Entry::Occupied(place) = self.records.entry(id)
                    && minute(place.get().record.expires) <= over
                {
                    let gone = place.remove();
                    self.watermarks -= usize::from(gone.record.kind.is_watermark());
                }
            }
        }
        before - self.records.len()
    }

    /// Up to `limit` records after an id, in the order of ids.
    pub(crate) fn page(&self, after: Option<Id>, limit: usize) -> Vec<(Id, Record)> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.records
            .range((from, Bound::Unbounded))
            .take(limit)
            .map(|(id, kept)| (*id, kept.record))
            .collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Record)> {
        self.records.iter().map(|(id, kept)| (*id, &kept.record))
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many of them are watermarks.
    pub(crate) fn watermarks(&self) -> usize {
        self.watermarks
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The minute of a time.
fn minute(time: ServerTime) -> u64 {
    time.as_millis() / MINUTE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::tests::any_record;
    use crate::time::Stamp;
    use crate::{Kind, State};

    fn id(n: u8) -> Id {
        Id::from_bytes([n; 16])
    }

    fn until(minutes: u64) -> Record {
        Record {
            kind: Kind::Session,
            state: State::Revoked {
                at: ServerTime::ZERO,
            },
            stamp: Stamp::from_micros(1),
            expires: ServerTime::from_millis(minutes * MINUTE),
        }
    }

    #[test]
    fn a_full_set_takes_no_new_id_and_drops_none() {
        let mut set = RecordSet::new(2);
        assert_eq!(set.join(id(1), until(1)), Joined::Changed(until(1)));
        assert_eq!(set.join(id(2), until(2)), Joined::Changed(until(2)));
        assert_eq!(set.join(id(3), until(3)), Joined::Full);
        // What is known already can still change.
        assert_eq!(set.join(id(1), until(5)), Joined::Changed(until(5)));
        assert_eq!(set.len(), 2);
        assert_eq!(set.join(id(1), until(1)), Joined::Same);
    }

    #[test]
    fn an_expiry_that_moved_holds_and_the_old_minute_frees_nothing() {
        let mut set = RecordSet::new(10);
        set.join(id(1), until(1));
        set.join(id(1), until(9));
        let at = |minutes| ServerTime::from_millis(minutes * MINUTE);
        assert_eq!(set.prune(at(5)), 0);
        assert_eq!(set.len(), 1);
        assert_eq!(set.prune(at(9)), 0);
        assert_eq!(set.prune(at(10)), 1);
        assert_eq!(set.len(), 0);
    }

    proptest! {
        #[test]
        fn pages_have_everything_once_and_pruning_is_by_expiry(
            changes in prop::collection::vec((0_u8..20, any_record()), 0..60),
            limit in 1_usize..7, now in 0_u64..4,
        ) {
            let mut set = RecordSet::new(usize::MAX);
            let mut oracle: BTreeMap<Id, Record> = BTreeMap::new();
            for (n, mut record) in changes {
                record.expires = ServerTime::from_millis(record.expires.as_millis() * MINUTE / 10);
                set.join(id(n), record);
                let joined = oracle.get(&id(n)).map_or(record, |before| before.join(record));
                oracle.insert(id(n), joined);
            }
            set.prune(ServerTime::from_millis(now * MINUTE));
            oracle.retain(|_, record| record.expires.as_millis() >= now * MINUTE);
            let (mut after, mut paged) = (None, Vec::new());
            loop {
                let page = set.page(after, limit);
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                paged.extend(page);
            }
            prop_assert_eq!(paged, oracle.into_iter().collect::<Vec<_>>());
        }
    }
}
