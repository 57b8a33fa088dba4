//! Handles that are resolved when they are first needed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use metrics::Counter;

use super::family::OVERFLOW;
use super::recording::Recording;

/// What each key has. It is made once, and found from then on without a lock and without an allocation.
///
/// For keys of a closed set: nothing is ever taken out.
pub(super) struct Table<K, V> {
    /// Replaced by a larger copy whenever a key comes that was never there.
    held: ArcSwap<Map<K, V>>,
    growing: Mutex<()>,
}

/// What each value of a label has that comes from the configuration: for so many of them. Those beyond are one.
pub(super) struct ByLabel<V> {
    known: Table<String, V>,
    most: usize,
    beyond: OnceLock<V>,
    overflowed: Counter,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// The value of all that is beyond the bound. No pattern of a route begins like this.
const BEYOND: &str = "_overflow";

// === impl Table ===

impl<K: Hash + Eq + Clone, V: Clone> Table<K, V> {
    /// Runs `run` on what `key` has, which `make` makes.
    pub(super) fn with(&self, key: &K, make: impl FnOnce() -> V, run: impl FnOnce(&V)) {
        if let Some(value) = self.held.load().get(key) {
            return run(value);
        }
        if let Some(value) = self.grow(key, usize::MAX, make) {
            run(&value);
        }
    }

    /// Makes what `key` shall have, unless somebody was faster. None if there are as many as there may be.
    #[cold]
    fn grow<Q>(&self, key: &Q, most: usize, make: impl FnOnce() -> V) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        // Nothing is taken out: what is full stays so, and nobody waits to hear it.
        let full = self.held.load();
        if full.len() >= most {
            return full.get(key).cloned();
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.held.load();
        if let Some(value) = held.get(key) {
            return Some(value.clone());
        }
        if held.len() >= most {
            return None;
        }
        let value = make();
        let mut larger = Map::clone(&held);
        larger.insert(key.to_owned(), value.clone());
        self.held.store(Arc::new(larger));
        Some(value)
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            held: ArcSwap::from_pointee(Map::default()),
            growing: Mutex::default(),
        }
    }
}

// === impl ByLabel ===

impl<V: Clone> ByLabel<V> {
    /// For at most `most` values of `label`.
    pub(super) fn new(recording: &Recording, label: &str, most: usize) -> Self {
        Self {
            known: Table::default(),
            most,
            beyond: OnceLock::new(),
            overflowed: recording.counter(&OVERFLOW, &[label]),
        }
    }

    /// Runs `run` on what `value` has, which `make` makes of it, or of the one that stands for all beyond.
    pub(super) fn with(&self, value: &str, make: impl Fn(&str) -> V, run: impl FnOnce(&V)) {
        if let Some(known) = self.known.held.load().get(value) {
            return run(known);
        }
        if let Some(made) = self.known.grow(value, self.most, || make(value)) {
            return run(&made);
        }
        self.overflowed.increment(1);
        run(self.beyond.get_or_init(|| make(BEYOND)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::naming::Names;
    use super::*;

    #[test]
    fn what_a_key_has_is_made_once() {
        let (table, made, seen) = (Table::default(), Cell::new(0), Cell::new(0));
        let make = || {
            made.set(made.get() + 1);
            made.get()
        };
        for (key, value) in [("a", 1), ("b", 2), ("a", 1), ("b", 2)] {
            table.with(&key, make, |found| seen.set(*found));
            assert_eq!(seen.get(), value);
        }
    }

    #[test]
    fn values_beyond_the_bound_are_one_and_those_before_stay() {
        let recording = Recording::new(Names::default(), None);
        let labels = ByLabel::new(&recording, "route", 2);
        let of = |value: &str| {
            let found = Cell::new(String::new());
            labels.with(value, str::to_owned, |made: &String| {
                found.set(made.clone())
            });
            found.into_inner()
        };
        assert_eq!(
            ["a", "b", "c", "d", "a"].map(of),
            ["a", "b", BEYOND, BEYOND, "a"]
        );
    }

    #[test]
    fn threads_that_meet_make_no_two_of_one_and_lose_none() {
        let (table, made) = (Table::<usize, usize>::default(), AtomicUsize::new(0));
        let make = || made.fetch_add(1, Ordering::Relaxed);
        let look = || (0..64).for_each(|key| table.with(&key, make, |_| {}));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(look);
            }
        });
        assert_eq!((table.held.load().len(), made.into_inner()), (64, 64));
    }
}
