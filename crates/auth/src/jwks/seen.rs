//! When each unknown key id was seen first.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// How many unknown ids are remembered.
pub(super) const CAPACITY: usize = 1024;

/// The unknown key ids of late, each with the number of fetches that had begun when it was seen first;
/// the oldest go first.
///
/// To forget an id is safe: it counts as first seen later than it was, which costs its next token a
/// fetch or a 503, and never makes it a 401. Only digests under keys of this process are kept, for ids come from
/// anybody and may be long.
#[derive(Debug)]
pub(super) struct Seen {
    keys: [RandomState; 2],
    first: HashMap<Digest, u64>,
    /// In the order they came, and so in the order of time.
    order: VecDeque<Digest>,
}

/// 128 bits: with 64, a lucky sender of ids could make another id look old.
type Digest = [u64; 2];

// === impl Seen ===

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            first: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// When `kid` was seen first: `now`, if this is the first time. No id is an id, too.
    pub(super) fn first(&mut self, kid: Option<&str>, now: u64) -> u64 {
        let digest = self.digest(kid);
        if let Some(first) = self.first.get(&digest) {
            return *first;
        }
        if self.order.len() >= CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        self.first.insert(digest, now);
        self.order.push_back(digest);
        now
    }

    /// Forgets an id that is known now. Should its key go away, that it was unknown once says nothing:
    /// it is as unseen as any other.
    pub(super) fn forget(&mut self, kid: &str) {
        let digest = self.digest(Some(kid));
        if self.first.remove(&digest).is_some() {
            self.order.retain(|other| *other != digest);
        }
    }

    fn digest(&self, kid: Option<&str>) -> Digest {
        [self.keys[0].hash_one(kid), self.keys[1].hash_one(kid)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_that_became_known_is_unseen_again() {
        let mut seen = Seen::new();
        seen.first(Some("a"), 1);
        seen.first(Some("b"), 2);
        seen.forget("a");
        seen.forget("never seen");
        assert_eq!(seen.order.len(), 1);
        assert_eq!(seen.first(Some("a"), 3), 3);
        assert_eq!(seen.first(Some("b"), 3), 2);
    }

    #[test]
    fn the_first_time_stays() {
        let (mut seen, start) = (Seen::new(), 7);
        let later = start + 1;
        assert_eq!(seen.first(Some("a"), start), start);
        assert_eq!(seen.first(None, later), later);
        assert_eq!(seen.first(Some("a"), later), start);
        assert_eq!(seen.first(Some(""), later), later);
    }

    #[test]
    fn a_flood_stays_bounded_and_only_forgets() {
        let (mut seen, start) = (Seen::new(), 7);
        seen.first(Some("victim"), start);
        for id in 0..10 * CAPACITY {
            seen.first(Some(&id.to_string()), start);
        }
        assert_eq!((seen.first.len(), seen.order.len()), (CAPACITY, CAPACITY));
        let later = start + 1;
        assert_eq!(seen.first(Some("victim"), later), later);
    }

    proptest! {
        #[test]
        fn never_earlier_than_the_first_time(ids in proptest::collection::vec(0_u16..3000, 0..4000)) {
            let mut seen = Seen::new();
            let mut plain = HashMap::new();
            for (at, id) in ids.into_iter().enumerate() {
                let now = at as u64;
                let first = *plain.entry(id).or_insert(now);
                let told = seen.first(Some(&id.to_string()), now);
                prop_assert!(told >= first && told <= now);
                prop_assert!(seen.order.len() <= CAPACITY && seen.first.len() == seen.order.len());
            }
        }
    }
}
