//! The logout tokens that were seen: plain decisions, no clock, no lock.

use std::collections::{BTreeSet, HashMap};

use portcullis_core::UnixTime;
use sha2::{Digest as _, Sha256};

use crate::Order;

/// A token by its issuer and `jti`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TokenName([u8; 32]);

/// The logout tokens that were seen and would still be accepted. Bounded: at the bound nothing is
/// forgotten, but nothing is begun either.
#[derive(Debug)]
pub(super) struct Memory {
    most: usize,
    seen: HashMap<TokenName, Seen>,
    ends: BTreeSet<(UnixTime, TokenName)>,
}

#[derive(Debug)]
struct Seen {
    end: UnixTime,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Somebody is at it.
    UnderWay,
    /// It was tried, and may or may not have been done. To be submitted again as the same order, so that it
    /// takes effect once.
    Tried(Order),
    Done,
}

/// What to do with a logout token.
#[derive(Debug)]
pub(super) enum Begun {
    /// Do it.
    New,
    /// Do it again, as this order.
    Again(Order),
    /// Section 2.6: its `jti` was received before.
    Replayed,
    /// The same is being done.
    Busy,
    /// There is no room to remember another one, so a replay could not be told.
    Full,
}

// === impl TokenName ===

impl TokenName {
    pub(super) fn new(issuer: &str, jti: &str) -> Self {
        let hash = Sha256::new()
            .chain_update((issuer.len() as u64).to_be_bytes())
            .chain_update(issuer)
            .chain_update(jti);
        Self(hash.finalize().into())
    }
}

// === impl Memory ===

impl Memory {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            seen: HashMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Begins with a token that is refused from `end` on.
    pub(super) fn begin(&mut self, name: TokenName, end: UnixTime, now: UnixTime) -> Begun {
        self.forget(now);
        if let Some(seen) = self.seen.get_mut(&name) {
            return match std::mem::replace(&mut seen.state, State::UnderWay) {
                State::Tried(order) => Begun::Again(order),
                State::UnderWay => Begun::Busy,
                State::Done => {
                    seen.state = State::Done;
                    Begun::Replayed
                }
            };
        }
        if self.seen.len() >= self.most {
            return Begun::Full;
        }
        self.ends.insert((end, name));
        let state = State::UnderWay;
        self.seen.insert(name, Seen { end, state });
        Begun::New
    }

    /// It was done.
    pub(super) fn done(&mut self, name: TokenName) {
        self.set(name, State::Done);
    }

    /// It was tried, with this order.
    pub(super) fn tried(&mut self, name: TokenName, order: Order) {
        self.set(name, State::Tried(order));
    }

    fn set(&mut self, name: TokenName, state: State) {
        // Gone if it ended meanwhile.
        if let Some(seen) = self.seen.get_mut(&name) {
            seen.state = state;
        }
    }

    fn forget(&mut self, now: UnixTime) {
        while let Some(&(end, name)) = self.ends.first() {
            if end > now {
                return;
            }
            self.ends.pop_first();
            // Another one may have taken the name since.
            if self.seen.get(&name).is_some_and(|seen| seen.end == end) {
                self.seen.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Target;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn order() -> Order {
        Order::revoke([Target::session("i", "s")])
    }

    #[test]
    fn a_token_is_done_once_until_it_ends() {
        let mut memory = Memory::new(10);
        let name = TokenName::new("i", "j");
        assert!(matches!(memory.begin(name, at(100), at(0)), Begun::New));
        assert!(matches!(memory.begin(name, at(100), at(1)), Begun::Busy));
        let first = order();
        let id = format!("{first:?}");
        memory.tried(name, first);
        match memory.begin(name, at(100), at(2)) {
            Begun::Again(order) => assert_eq!(format!("{order:?}"), id),
            other => panic!("{other:?}"),
        }
        memory.done(name);
        assert!(matches!(
            memory.begin(name, at(100), at(99)),
            Begun::Replayed
        ));
        assert!(matches!(
            memory.begin(name, at(100), at(99)),
            Begun::Replayed
        ));
        assert!(matches!(memory.begin(name, at(200), at(100)), Begun::New));
    }

    #[test]
    fn tokens_of_two_issuers_are_two() {
        assert_ne!(TokenName::new("ab", "c"), TokenName::new("a", "bc"));
        assert_ne!(TokenName::new("a", "j"), TokenName::new("b", "j"));
    }

    proptest! {
        #[test]
        fn it_never_forgets_too_early_nor_holds_too_many(
            steps in proptest::collection::vec((0_u64..12, 1_u64..30, 0_u64..5, 0_u8..3), 1..200)
        ) {
            const MOST: usize = 4;
            let mut memory = Memory::new(MOST);
            // The plain way: a list of what was begun.
            let mut plain: Vec<(u64, u64, u8)> = Vec::new();
            let mut now = 0;
            for (token, lifetime, pause, end) in steps {
                now += pause;
                plain.retain(|(_, end, _)| *end > now);
                let name = TokenName::new("i", &token.to_string());
                let known = plain.iter_mut().find(|(other, ..)| *other == token);
                let full = plain_len(&known, MOST, memory.seen.values().filter(|seen| seen.end > at(now)).count());
                let begun = memory.begin(name, at(now + lifetime), at(now));
                let expected = match known {
                    Some((_, _, 1)) => "replayed",
                    Some(_) => "again",
                    None if full => "full",
                    None => {
                        plain.push((token, now + lifetime, 0));
                        "new"
                    }
                };
                let is = match begun {
                    Begun::New => "new",
                    Begun::Again(_) => "again",
                    Begun::Replayed => "replayed",
                    Begun::Busy => "busy",
                    Begun::Full => "full",
                };
                prop_assert_eq!(is, expected);
                prop_assert!(memory.seen.len() <= MOST);
                prop_assert_eq!(memory.seen.len(), memory.ends.len());
                if is == "new" || is == "again" {
                    let entry = plain.iter_mut().find(|(other, ..)| *other == token).unwrap();
                    if end == 1 {
                        memory.done(name);
                        entry.2 = 1;
                    } else {
                        memory.tried(name, order());
                    }
                }
            }
        }
    }

    fn plain_len<T>(known: &Option<T>, most: usize, held: usize) -> bool {
        known.is_none() && held >= most
    }
}
