use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::PoisonError;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::error::FlightError;
use crate::flight::{Flight, Outcome};
use crate::limits::Limits;
use crate::sync::{Arc, Mutex, MutexGuard};

/// The flights under way, by key.
///
/// The lock is held for one look-up, insert or removal. No code of the user runs under it but
/// `K::eq`; should that panic, the table is as it was, so a poisoned lock is taken as it is.
///
/// The hash is a fast one, seeded at random for each table, whose values nobody outside gets to
/// see. Should somebody find keys that collide all the same, a look-up compares with as many of
/// them as there may be flights at the same time, and no more.
pub(crate) struct Table<K, T, E> {
    pub(crate) limits: Limits,
    hasher: RandomState,
    flights: Mutex<HashTable<Arc<Flight<K, T, E>>>>,
}

/// The part a caller plays in the flight of a key.
pub(crate) enum Boarding<K, T, E> {
    /// There was no flight, so this caller must see to it that there is one: by a [`Lead`], at
    /// once.
    Lead(Arc<Flight<K, T, E>>),
    /// There is one already.
    Join(Arc<Flight<K, T, E>>),
}

/// The duty to land a flight, kept by whoever drives its work.
///
/// Dropped with the duty undone (a runtime that shuts down, a panic on the way) it lands the
/// flight as [`Aborted`](FlightError::Aborted), so that no entry and no waiter is left behind.
pub(crate) struct Lead<K, T, E> {
    table: Arc<Table<K, T, E>>,
    /// None once landed.
    flight: Option<Arc<Flight<K, T, E>>>,
}

// === impl Table ===

impl<K, T, E> Table<K, T, E> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: RandomState::default(),
            flights: Mutex::new(HashTable::new()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.flights().len()
    }

    /// Lands `flight`: frees its key first, so that whoever has seen the outcome and asks again
    /// starts a new flight, then tells everybody aboard.
    pub(crate) fn land(&self, flight: &Arc<Flight<K, T, E>>, outcome: Outcome<T, E>) {
        self.strike(flight);
        flight.publish(outcome);
    }

    /// Removes this very flight; a later one of the same key is another and stays.
    fn strike(&self, flight: &Arc<Flight<K, T, E>>) {
        let struck = self
            .flights()
            .find_entry(flight.hash, |other| Arc::ptr_eq(other, flight))
            .map(|entry| entry.remove().0)
            .ok();
        // The lock is free again before anything is dropped.
        drop(struck);
    }

    fn flights(&self) -> MutexGuard<'_, HashTable<Arc<Flight<K, T, E>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, T, E> Table<K, T, E> {
    /// Joins the flight of `key`, or starts one.
    pub(crate) fn board(&self, key: K) -> Result<Boarding<K, T, E>, FlightError<E>> {
        let hash = self.hasher.hash_one(&key);
        let mut flights = self.flights();
        if let Some(flight) = flights.find(hash, |flight| flight.key == key) {
            let flight = Arc::clone(flight);
            drop(flights);
            return Ok(Boarding::Join(flight));
        }
        if flights.len() >= self.limits.max_flights().get() {
            drop(flights);
            return Err(FlightError::TooManyFlights);
        }
        let flight = Arc::new(Flight::new(key, hash));
        flights.insert_unique(hash, Arc::clone(&flight), |flight| flight.hash);
        drop(flights);
        Ok(Boarding::Lead(flight))
    }

    pub(crate) fn find<Q>(&self, key: &Q) -> Option<Arc<Flight<K, T, E>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        self.flights()
            .find(hash, |flight| flight.key.borrow() == key)
            .cloned()
    }
}

// === impl Lead ===

impl<K, T, E> Lead<K, T, E> {
    /// Takes on the duty for a flight that was just [started](Boarding::Lead).
    pub(crate) fn new(table: Arc<Table<K, T, E>>, flight: Arc<Flight<K, T, E>>) -> Self {
        Self {
            table,
            flight: Some(flight),
        }
    }

    pub(crate) fn table(&self) -> &Arc<Table<K, T, E>> {
        &self.table
    }

    pub(crate) fn flight(&self) -> Option<&Arc<Flight<K, T, E>>> {
        self.flight.as_ref()
    }

    /// Lands the flight for everybody aboard.
    pub(crate) fn land(mut self, outcome: Outcome<T, E>) {
        if let Some(flight) = self.flight.take() {
            self.table.land(&flight, outcome);
        }
    }

    /// Lands the flight and gives the outcome to the leader as well; if nobody else came aboard
    /// nothing is published and nothing cloned.
    pub(crate) fn land_here(mut self, outcome: Outcome<T, E>) -> Outcome<T, E>
    where
        T: Clone,
    {
        let Some(flight) = self.flight.take() else {
            return outcome;
        };
        self.table.strike(&flight);
        // Struck, so nobody can come aboard any more; alone, so nobody has.
        match Arc::try_unwrap(flight) {
            // Unless a waiter, gone since, ended the flight over our head: the first outcome stands.
            Ok(alone) => alone.into_outcome().unwrap_or(outcome),
            Err(flight) => {
                flight.publish(outcome);
                flight.outcome().unwrap_or(Err(FlightError::Aborted))
            }
        }
    }
}

impl<K, T, E> Drop for Lead<K, T, E> {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.table.land(&flight, Err(FlightError::Aborted));
        }
    }
}
