//! A circuit for each key.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use portcullis_core::{
    CircuitEvent, CircuitEventKind, Clock, ConfigError, Observer, Problems, SystemClock,
};

use crate::{Circuit, CircuitBuilder};

/// A circuit for each key: one for each upstream, issuer, shard, or whatever fails by itself.
///
/// At most so many. For a new key beyond that a healthy circuit is given up, one that was not used lately: with it is
/// lost only that nothing was wrong. If none of those looked at is healthy, the new key shares one circuit with all
/// that came too late, which is reported: nothing that is open or on its way there is ever given up. So where keys come
/// and go (instances with changing addresses), say which are gone: [`remove`](Self::remove), [`retain`](Self::retain).
///
/// All have the name of the configuration, so that no key becomes a label of a metric.
///
/// ```
/// use portcullis_circuit_breaker::{Circuit, KeyedCircuits};
///
/// # fn main() -> Result<(), portcullis_core::ConfigError> {
/// let upstreams = KeyedCircuits::new(Circuit::by_the_row("upstream"), 64)?;
/// let permit = upstreams.get("10.0.0.7:8080").try_acquire();
/// assert!(permit.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// # Clone
/// A clone is a handle to the same circuits.
pub struct KeyedCircuits<K, C: Clock = SystemClock> {
    shared: Arc<Shared<K, C>>,
}

struct Shared<K, C: Clock> {
    builder: CircuitBuilder<C>,
    most: usize,
    /// Never held while a circuit is asked to do anything, or anybody is told.
    table: RwLock<Table<K, C>>,
    overflow: Circuit<C>,
    overflowed: AtomicU64,
    observer: Option<Arc<dyn Observer>>,
}

struct Table<K, C: Clock> {
    places: std::collections::HashMap<K, usize, RandomState>,
    entries: Vec<Entry<K, C>>,
    /// Where to look for one to give up.
    hand: usize,
}

struct Entry<K, C: Clock> {
    key: K,
    circuit: Circuit<C>,
    used: AtomicBool,
}

/// How many entries are looked at for one that can be given up: so a flood of new keys costs each of them no more.
const LOOKED_AT: usize = 32;

// === impl KeyedCircuits ===

impl<K: Hash + Eq + Clone, C: Clock> KeyedCircuits<K, C> {
    /// At most `most` circuits, each made as `builder` says.
    ///
    /// # Errors
    /// [`ConfigError`] if `builder` would not build, or `most` is zero or above 100 000.
    pub fn new(builder: CircuitBuilder<C>, most: usize) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        if !(1..=100_000).contains(&most) {
            problems.push("most", format!("is {most}"), "choose 1 to 100000 circuits");
        }
        let name: Arc<str> = format!("{} (overflow)", builder.name()).into();
        let overflow = match builder.clone().named(name).build() {
            Ok(circuit) => circuit,
            Err(error) => {
                problems.absorb("circuit", Err::<(), _>(error));
                return Err(problems.into_result(()).err().unwrap_or_else(|| {
                    ConfigError::new("circuit", "cannot be built", "see its builder")
                }));
            }
        };
        let observer = builder.watching();
        problems.into_result(())?;
        Ok(Self {
            shared: Arc::new(Shared {
                builder,
                most,
                table: RwLock::new(Table {
                    places: std::collections::HashMap::default(),
                    entries: Vec::new(),
                    hand: 0,
                }),
                overflow,
                overflowed: AtomicU64::new(0),
                observer,
            }),
        })
    }

    /// The circuit of a key; the shared one where there is no room for a new key.
    pub fn get<Q>(&self, key: &Q) -> Circuit<C>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(circuit) = self.find(key) {
            return circuit;
        }
        self.make(key.to_owned())
    }

    /// The circuit of a key, if it has one of its own.
    pub fn find<Q>(&self, key: &Q) -> Option<Circuit<C>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let table = self.shared.table.read();
        let entry = &table.entries[*table.places.get(key)?];
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry.circuit.clone())
    }

    /// Forgets the circuit of a key, whatever its state: what it stood for is gone for good. Nothing else forgets one
    /// that is not healthy, for nobody asks it any more. Calls under way keep theirs.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shared.table.write().remove(key)
    }

    /// Forgets the circuits of all keys but those that `keep` names: after a change of what there is to ask.
    pub fn retain(&self, mut keep: impl FnMut(&K) -> bool) {
        let mut table = self.shared.table.write();
        let gone: Vec<K> = table
            .places
            .keys()
            .filter(|key| !keep(key))
            .cloned()
            .collect();
        for key in gone {
            table.remove(&key);
        }
    }

    /// The circuits there are, with their keys.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Circuit<C>)> {
        let table = self.shared.table.read();
        let entries = table.entries.iter();
        entries
            .map(|entry| (entry.key.clone(), entry.circuit.clone()))
            .collect()
    }

    /// The circuit that new keys share where there is no room.
    #[must_use]
    pub fn overflow(&self) -> &Circuit<C> {
        &self.shared.overflow
    }

    /// How often the shared circuit was given out.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.shared.overflowed.load(Ordering::Relaxed)
    }

    #[cold]
    fn make(&self, key: K) -> Circuit<C> {
        let shared = &self.shared;
        // It was built before, with the same numbers.
        let build = || shared.builder.clone().build().ok();
        let made = shared.table.write().insert(key, build, shared.most);
        made.unwrap_or_else(|| {
            self.shared.overflowed.fetch_add(1, Ordering::Relaxed);
            if let Some(observer) = &self.shared.observer {
                let name = self.shared.overflow.name();
                observer.circuit(&CircuitEvent::new(name, CircuitEventKind::Overflowed));
            }
            self.shared.overflow.clone()
        })
    }
}

impl<K, C: Clock> Clone for KeyedCircuits<K, C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K, C: Clock> fmt::Debug for KeyedCircuits<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCircuits")
            .field("most", &self.shared.most)
            .finish_non_exhaustive()
    }
}

// === impl Table ===

impl<K: Hash + Eq + Clone, C: Clock> Table<K, C> {
    /// The circuit of `key`, a new one unless somebody was faster. None if there is no room.
    fn insert(
        &mut self,
        key: K,
        build: impl FnOnce() -> Option<Circuit<C>>,
        most: usize,
    ) -> Option<Circuit<C>> {
        if let Some(place) = self.places.get(&key) {
            return Some(self.entries[*place].circuit.clone());
        }
        let place = if self.entries.len() < most {
            self.entries.len()
        } else {
            self.give_up()?
        };
        let circuit = build()?;
        let entry = Entry {
            key: key.clone(),
            circuit: circuit.clone(),
            used: AtomicBool::new(true),
        };
        match self.entries.get_mut(place) {
            Some(old) => {
                self.places.remove(&old.key);
                *old = entry;
            }
            None => self.entries.push(entry),
        }
        self.places.insert(key, place);
        Some(circuit)
    }

    fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(place) = self.places.remove(key) else {
            return false;
        };
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
        if self.hand >= self.entries.len() {
            self.hand = 0;
        }
        true
    }

    /// The place of a healthy circuit that was not used since the hand came by the last time; else of one that is
    /// healthy at all.
    fn give_up(&mut self) -> Option<usize> {
        let mut healthy = None;
        for _ in 0..LOOKED_AT.min(self.entries.len()) {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = &self.entries[place];
            let used = entry.used.swap(false, Ordering::Relaxed);
            // With a call under way it may be about to learn otherwise.
            if entry.circuit.is_shared() || !entry.circuit.is_healthy() {
                continue;
            }
            if !used {
                return Some(place);
            }
            healthy.get_or_insert(place);
        }
        healthy
    }
}
