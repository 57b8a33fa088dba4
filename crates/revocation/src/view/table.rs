//! A table of ids that one thread writes while others read it without a lock.

use super::primitives::{AtomicU64, Ordering};
use crate::id::Id;

/// Ids and a number for each: open addressing over atomic words.
///
/// One thread writes. A slot that is taken stays with its id; only its number changes. So a reader needs
/// no lock: it finds an id with a number that it has or had, or does not find it. Nothing is ever removed;
/// a table with too much in it is replaced.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Box<[Slot]>,
}

#[derive(Debug)]
struct Slot {
    /// The first half of the id; zero in a free slot. Written last.
    high: AtomicU64,
    low: AtomicU64,
    number: AtomicU64,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// A slot that was free.
    New,
    /// Another number for an id that was there.
    Over,
    /// Nothing: there is no free slot.
    Full,
}

// === impl Table ===

impl Table {
    /// A table of at least `slots` slots.
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.max(2).next_power_of_two();
        Self {
            slots: (0..slots).map(|_| Slot::free()).collect(),
        }
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The number of an id.
    pub(crate) fn get(&self, id: Id) -> Option<u64> {
        let (high, low) = id.halves();
        for slot in self.probe(low) {
            // Acquire: whoever sees the first half sees the rest.
            match slot.high.load(Ordering::Acquire) {
                0 => return None,
                found if found == high && slot.low.load(Ordering::Relaxed) == low => {
                    return Some(slot.number.load(Ordering::Acquire));
                }
                _ => {}
            }
        }
        None
    }

    /// Writes the number of an id. By one thread at a time.
    pub(crate) fn set(&self, id: Id, number: u64) -> Wrote {
        let (high, low) = id.halves();
        for slot in self.probe(low) {
            match slot.high.load(Ordering::Relaxed) {
                0 => {
                    slot.low.store(low, Ordering::Relaxed);
                    slot.number.store(number, Ordering::Relaxed);
                    slot.high.store(high, Ordering::Release);
                    return Wrote::New;
                }
                found if found == high && slot.low.load(Ordering::Relaxed) == low => {
                    slot.number.store(number, Ordering::Release);
                    return Wrote::Over;
                }
                _ => {}
            }
        }
        Wrote::Full
    }

    /// The slots in which an id may be, in their order. Ids are hashes: their bits are spread already.
    fn probe(&self, low: u64) -> impl Iterator<Item = &Slot> {
        let start = (low as usize) & (self.slots.len() - 1);
        let (before, from) = self.slots.split_at(start);
        from.iter().chain(before)
    }
}

// === impl Slot ===

impl Slot {
    fn free() -> Self {
        Self {
            high: AtomicU64::new(0),
            low: AtomicU64::new(0),
            number: AtomicU64::new(0),
        }
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_table_says_so_and_searches_end() {
        let table = Table::new(2);
        for n in 1..=2 {
            assert_eq!(table.set(Id::from_bytes([n; 16]), n.into()), Wrote::New);
        }
        assert_eq!(table.set(Id::from_bytes([3; 16]), 3), Wrote::Full);
        assert_eq!(table.get(Id::from_bytes([3; 16])), None);
        assert_eq!(table.set(Id::from_bytes([2; 16]), 9), Wrote::Over);
        assert_eq!(table.get(Id::from_bytes([2; 16])), Some(9));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map(
            // Few different halves, so that ids share slots and halves.
            writes in prop::collection::vec((0_u64..4, 0_u64..4, any::<u64>()), 0..40),
        ) {
            let id = |high: u64, low: u64| {
                Id::from_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
            };
            let (table, mut oracle) = (Table::new(32), HashMap::new());
            for (high, low, number) in writes {
                let before = oracle.insert(id(high, low), number);
                let wrote = table.set(id(high, low), number);
                prop_assert_eq!(wrote == Wrote::Over, before.is_some());
            }
            for high in 0..4 {
                for low in 0..4 {
                    let id = id(high, low);
                    prop_assert_eq!(table.get(id), oracle.get(&id).copied());
                }
            }
        }
    }
}
