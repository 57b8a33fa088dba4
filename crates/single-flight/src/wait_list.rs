use std::mem;
use std::num::NonZeroUsize;
use std::sync::PoisonError;
use std::task::Waker;

use crate::contained::contained;
use crate::sync::{Mutex, MutexGuard};

/// The wakers of everybody who waits for one flight; closed once, when it lands.
///
/// Wakers are foreign code: they are cloned, dropped and woken outside the lock.
pub(crate) struct WaitList(Mutex<State>);

struct State {
    slots: Vec<Slot>,
    /// The head of the list of free slots; the number of slots if there is none.
    free: usize,
    seated: usize,
    closed: bool,
}

enum Slot {
    Taken(Waker),
    /// The next free slot.
    Free(usize),
}

/// A place in the list, to be given back with [`WaitList::leave`].
#[derive(Debug)]
pub(crate) struct Place {
    index: usize,
    /// Counted against the limit.
    seated: bool,
}

/// What became of a wish to wait.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// The waker is in the list and will be woken when it closes.
    Waiting,
    /// As many waiters as allowed are there.
    Full,
    /// The list is closed: there is nothing to wait for.
    Closed,
}

// === impl WaitList ===

impl WaitList {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            slots: Vec::new(),
            free: 0,
            seated: 0,
            closed: false,
        }))
    }

    /// Takes a place, or renews the waker of the one taken. Only entries with a limit count.
    pub(crate) fn enter(
        &self,
        place: &mut Option<Place>,
        limit: Option<NonZeroUsize>,
        waker: &Waker,
    ) -> Entry {
        let waker = waker.clone();
        let mut state = self.state();
        if state.closed {
            return unlocked(state, (Entry::Closed, waker)).0;
        }
        if let Some(place) = place {
            let renewed = mem::replace(&mut state.slots[place.index], Slot::Taken(waker));
            return unlocked(state, (Entry::Waiting, renewed)).0;
        }
        if limit.is_some_and(|limit| state.seated >= limit.get()) {
            return unlocked(state, (Entry::Full, waker)).0;
        }
        let seated = limit.is_some();
        let index = state.take_slot(waker);
        state.seated += usize::from(seated);
        *place = Some(Place { index, seated });
        Entry::Waiting
    }

    pub(crate) fn leave(&self, place: Place) {
        let mut state = self.state();
        if !state.closed {
            let next = mem::replace(&mut state.free, place.index);
            let left = mem::replace(&mut state.slots[place.index], Slot::Free(next));
            state.seated -= usize::from(place.seated);
            unlocked(state, left);
        }
    }

    /// Closes the list and wakes everybody in it.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let slots = mem::take(&mut state.slots);
        drop(state);
        for slot in slots {
            if let Slot::Taken(waker) = slot {
                // One broken waker must not cost the others their wake-up.
                contained(|| waker.wake());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the lock back before the caller drops what it took out.
fn unlocked<T>(state: MutexGuard<'_, State>, taken: T) -> T {
    drop(state);
    taken
}

// === impl State ===

impl State {
    fn take_slot(&mut self, waker: Waker) -> usize {
        let index = self.free;
        match self.slots.get_mut(index) {
            Some(slot) => {
                if let Slot::Free(next) = mem::replace(slot, Slot::Taken(waker)) {
                    self.free = next;
                }
            }
            None => {
                self.slots.push(Slot::Taken(waker));
                self.free = self.slots.len();
            }
        }
        index
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("broken waker");
        }
    }

    const TWO: Option<NonZeroUsize> = NonZeroUsize::new(2);

    #[test]
    fn places_without_a_limit_do_not_count() {
        let list = WaitList::new();
        let mut places = [const { None }; 4];
        let entries = [None, TWO, TWO, TWO].map(|limit| (limit, Waker::noop()));
        let found: Vec<_> = entries
            .iter()
            .zip(&mut places)
            .map(|((limit, waker), place)| list.enter(place, *limit, waker))
            .collect();
        assert_eq!(
            found,
            [Entry::Waiting, Entry::Waiting, Entry::Waiting, Entry::Full]
        );
    }

    #[test]
    fn a_place_keeps_the_latest_waker_only() {
        let list = WaitList::new();
        let (old, new) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let mut place = None;
        for waker in [&old, &new] {
            let waker = Waker::from(Arc::clone(waker));
            assert_eq!(list.enter(&mut place, TWO, &waker), Entry::Waiting);
        }
        assert_eq!(Arc::strong_count(&old), 1);
        list.close();
        assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (0, 1));
        assert_eq!(list.enter(&mut place, TWO, Waker::noop()), Entry::Closed);
    }

    #[test]
    fn a_broken_waker_does_not_cost_the_others_their_wake_up() {
        let list = WaitList::new();
        let counted = Arc::new(Counted::default());
        let wakers = [Waker::from(Arc::new(Broken)), Arc::clone(&counted).into()];
        let mut places = [None, None];
        for (place, waker) in places.iter_mut().zip(&wakers) {
            assert_eq!(list.enter(place, TWO, waker), Entry::Waiting);
        }
        list.close();
        assert_eq!(counted.0.load(SeqCst), 1);
    }

    proptest! {
        /// Callers enter (true) and leave (false); the oracle is the set of those inside.
        #[test]
        fn exactly_those_inside_are_woken(
            steps in prop::collection::vec((any::<bool>(), 0..6_usize), 0..60),
            limit in 1..5_usize,
        ) {
            let limit = NonZeroUsize::new(limit).unwrap();
            let list = WaitList::new();
            let wakes: Vec<_> = (0..6).map(|_| Arc::new(Counted::default())).collect();
            let mut places = [const { None }; 6];
            let mut inside = std::collections::BTreeSet::new();
            for (enter, who) in steps {
                if enter {
                    let fits = inside.contains(&who) || inside.len() < limit.get();
                    let waker = Waker::from(Arc::clone(&wakes[who]));
                    let entry = list.enter(&mut places[who], Some(limit), &waker);
                    prop_assert_eq!(entry, if fits { Entry::Waiting } else { Entry::Full });
                    if fits {
                        inside.insert(who);
                    }
                } else if let Some(place) = places[who].take() {
                    prop_assert!(inside.remove(&who));
                    list.leave(place);
                }
            }
            prop_assert!(list.state().slots.len() <= limit.get());
            list.close();
            for (who, wakes) in wakes.iter().enumerate() {
                prop_assert_eq!(wakes.0.load(SeqCst), usize::from(inside.contains(&who)));
                prop_assert_eq!(Arc::strong_count(wakes), 1);
            }
        }
    }
}
