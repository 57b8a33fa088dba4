//! When each missing key was asked for first.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Instant;

/// How many missing keys are remembered.
pub(super) const CAPACITY: usize = 1024;

/// The missing keys of late, each with when it was asked for first; the oldest go first.
///
/// To forget one is safe: it counts as first seen later than it was, which costs its next token a
/// fetch or a 503, and never makes it a 401. Only digests under keys of this process are kept, for key ids come from
/// anybody and may be long.
#[derive(Debug)]
pub(super) struct Seen {
    keys: [RandomState; 2],
    first: HashMap<Digest, First>,
    /// In the order they came, and so in the order of time.
    order: VecDeque<Digest>,
}

/// The first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// How many fetches had begun.
    pub(super) begun: u64,
    pub(super) at: Instant,
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

    /// When `key` was asked for first: `now`, if this is the first time.
    pub(super) fn first(&mut self, key: &impl Hash, now: First) -> First {
        let digest = self.digest(key);
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

    /// Forgets a key that is there now. Should it go away, that it was missing once says nothing: it is as
    /// unseen as any other.
    pub(super) fn forget(&mut self, key: &impl Hash) {
        let digest = self.digest(key);
        if self.first.remove(&digest).is_some() {
            self.order.retain(|other| *other != digest);
        }
    }

    /// Forgets them all.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.order.clear();
    }

    fn digest(&self, key: &impl Hash) -> Digest {
        [self.keys[0].hash_one(key), self.keys[1].hash_one(key)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    fn time(count: u64) -> First {
        First {
            begun: count,
            at: *START + Duration::from_secs(count),
        }
    }

    #[test]
    fn a_key_that_came_is_unseen_again() {
        let mut seen = Seen::new();
        seen.first(&"a", time(1));
        seen.first(&"b", time(2));
        seen.forget(&"a");
        seen.forget(&"never seen");
        assert_eq!(seen.order.len(), 1);
        assert_eq!(seen.first(&"a", time(3)), time(3));
        assert_eq!(seen.first(&"b", time(3)), time(2));
        seen.clear();
        assert_eq!((seen.first.len(), seen.order.len()), (0, 0));
        assert_eq!(seen.first(&"b", time(4)), time(4));
    }

    #[test]
    fn the_first_time_stays() {
        let mut seen = Seen::new();
        let none: Option<&str> = None;
        assert_eq!(seen.first(&Some("a"), time(7)), time(7));
        assert_eq!(seen.first(&none, time(8)), time(8));
        assert_eq!(seen.first(&Some("a"), time(8)), time(7));
        assert_eq!(seen.first(&Some(""), time(8)), time(8));
    }

    #[test]
    fn a_flood_stays_bounded_and_only_forgets() {
        let mut seen = Seen::new();
        seen.first(&"victim", time(7));
        for id in 0..10 * CAPACITY {
            seen.first(&id.to_string(), time(7));
        }
        assert_eq!((seen.first.len(), seen.order.len()), (CAPACITY, CAPACITY));
        assert_eq!(seen.first(&"victim", time(8)), time(8));
    }

    proptest! {
        #[test]
        fn never_earlier_than_the_first_time(ids in proptest::collection::vec(0_u16..3000, 0..4000)) {
            let mut seen = Seen::new();
            let mut plain = HashMap::new();
            for (at, id) in ids.into_iter().enumerate() {
                let now = at as u64;
                let first = *plain.entry(id).or_insert(now);
                let told = seen.first(&id.to_string(), time(now));
                prop_assert!(told.begun >= first && told.begun <= now);
                prop_assert_eq!(told.at, time(told.begun).at);
                prop_assert!(seen.order.len() <= CAPACITY && seen.first.len() == seen.order.len());
            }
        }
    }
}
