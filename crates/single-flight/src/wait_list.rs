use std::mem;
use std::num::NonZeroUsize;
use std::sync::PoisonError;
use std::task::Waker;

use crate::contained::contained;
use crate::sync::{Mutex, MutexGuard};

/// The wakers of everybody who waits for one flight; closed once, when it lands.
///
/// Wakers are foreign code: they are cloned, dropped and woken outside the lock. Callers who come
/// one after the other from the same task share a slot: its waker is cloned and woken once for
/// them all, and a task that is woken looks after all its futures.
pub(crate) struct WaitList(Mutex<State>);

struct State {
    slots: Vec<Slot>,
    /// The slot taken last, where the next caller of the same task joins.
    latest: usize,
    /// The head of the list of free slots; the number of slots if there is none.
    free: usize,
    seated: usize,
    closed: bool,
}

enum Slot {
    /// The waker of a task, and how many callers it has here: one at least.
    Taken(Waker, NonZeroUsize),
    /// The next free slot.
    Free(usize),
}

/// A place in the list, to be given back with [`WaitList::leave`].
#[derive(Debug)]
pub(crate) struct Place {
    /// The slot, which may be shared.
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
            latest: 0,
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
        if let Some(entry) = self.state().enter_shared(place, limit, waker) {
            return entry;
        }
        let waker = waker.clone();
        let mut state = self.state();
        // All may have changed while the lock was free.
        if let Some(entry) = state.enter_shared(place, limit, &waker) {
            return unlocked(state, (entry, waker)).0;
        }
        let index = state.take_slot(waker);
        let seated = limit.is_some();
        let left = match place.replace(Place { index, seated }) {
            // The seat moves along.
            Some(renewed) => state.leave_slot(renewed.index),
            None => {
                state.seated += usize::from(seated);
                None
            }
        };
        unlocked(state, (Entry::Waiting, left)).0
    }

    pub(crate) fn leave(&self, place: Place) {
        let mut state = self.state();
        if !state.closed {
            let left = state.leave_slot(place.index);
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
            if let Slot::Taken(waker, _) = slot {
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
    /// What can be done without a waker of one's own; none if one is needed.
    fn enter_shared(
        &mut self,
        place: &mut Option<Place>,
        limit: Option<NonZeroUsize>,
        waker: &Waker,
    ) -> Option<Entry> {
        if self.closed {
            return Some(Entry::Closed);
        }
        if let Some(place) = place {
            return match self.slots.get(place.index) {
                Some(Slot::Taken(same, _)) if same.will_wake(waker) => Some(Entry::Waiting),
                _ => None,
            };
        }
        if limit.is_some_and(|limit| self.seated >= limit.get()) {
            return Some(Entry::Full);
        }
        match self.slots.get_mut(self.latest) {
            Some(Slot::Taken(same, callers)) if same.will_wake(waker) => {
                *callers = callers.checked_add(1)?;
            }
            _ => return None,
        }
        let seated = limit.is_some();
        self.seated += usize::from(seated);
        *place = Some(Place {
            index: self.latest,
            seated,
        });
        Some(Entry::Waiting)
    }

    fn take_slot(&mut self, waker: Waker) -> usize {
        let index = self.free;
        let taken = Slot::Taken(waker, NonZeroUsize::MIN);
        match self.slots.get_mut(index) {
            Some(slot) => {
                if let Slot::Free(next) = mem::replace(slot, taken) {
                    self.free = next;
                }
            }
            None => {
                self.slots.push(taken);
                self.free = self.slots.len();
            }
        }
        self.latest = index;
        index
    }

    /// Gives up one caller's part in a slot; the last one frees it, and is given what was in it.
    fn leave_slot(&mut self, index: usize) -> Option<Slot> {
        let slot = self.slots.get_mut(index)?;
        if let Slot::Taken(_, callers) = slot
            && let Some(others) = NonZeroUsize::new(callers.get() - 1)
        {
            *callers = others;
            return None;
        }
        let next = mem::replace(&mut self.free, index);
        Some(mem::replace(slot, Slot::Free(next)))
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

    #[test]
    fn callers_of_one_task_share_a_slot_and_a_wake_up_which_lasts_until_the_last_has_left() {
        let list = WaitList::new();
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&counted));
        let mut places = [const { None }; 4];
        let entered = places
            .each_mut()
            .map(|place| list.enter(place, TWO, &waker));
        assert_eq!(
            entered,
            [Entry::Waiting, Entry::Waiting, Entry::Full, Entry::Full]
        );
        assert_eq!(Arc::strong_count(&counted), 3, "one in the list");
        list.leave(places[0].take().unwrap());
        assert_eq!(list.enter(&mut places[2], TWO, &waker), Entry::Waiting);
        list.leave(places[1].take().unwrap());
        list.close();
        assert_eq!(counted.0.load(SeqCst), 1);
    }

    #[test]
    fn a_caller_who_moves_to_another_task_leaves_the_slot_to_the_others() {
        let list = WaitList::new();
        let (old, new) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let mut places = [None, None];
        for place in &mut places {
            let waker = Waker::from(Arc::clone(&old));
            assert_eq!(list.enter(place, TWO, &waker), Entry::Waiting);
        }
        let waker = Waker::from(Arc::clone(&new));
        assert_eq!(list.enter(&mut places[0], TWO, &waker), Entry::Waiting);
        assert_eq!(list.state().seated, 2);
        list.close();
        assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst)), (1, 1));
    }

    proptest! {
        /// Six callers of three tasks enter (true) and leave (false), now from one task and now
        /// from another; the oracle is the set of those inside, each with its latest task.
        #[test]
        fn exactly_the_tasks_of_those_inside_are_woken(
            steps in prop::collection::vec((any::<bool>(), 0..6_usize, 0..3_usize), 0..60),
            limit in 1..5_usize,
        ) {
            let limit = NonZeroUsize::new(limit).unwrap();
            let list = WaitList::new();
            let wakes: Vec<_> = (0..3).map(|_| Arc::new(Counted::default())).collect();
            let mut places = [const { None }; 6];
            let mut inside = std::collections::BTreeMap::new();
            for (enter, who, task) in steps {
                if enter {
                    let fits = inside.contains_key(&who) || inside.len() < limit.get();
                    let waker = Waker::from(Arc::clone(&wakes[task]));
                    let entry = list.enter(&mut places[who], Some(limit), &waker);
                    prop_assert_eq!(entry, if fits { Entry::Waiting } else { Entry::Full });
                    if fits {
                        inside.insert(who, task);
                    }
                } else if let Some(place) = places[who].take() {
                    prop_assert!(inside.remove(&who).is_some());
                    list.leave(place);
                }
                prop_assert_eq!(list.state().seated, inside.len());
            }
            // One more, for whoever changes tasks takes a new slot before the old one is left.
            prop_assert!(list.state().slots.len() <= limit.get() + 1);
            list.close();
            for (task, wakes) in wakes.iter().enumerate() {
                let callers = inside.values().filter(|latest| **latest == task).count();
                let woken = wakes.0.load(SeqCst);
                prop_assert_eq!(woken > 0, callers > 0);
                prop_assert!(woken <= callers);
                prop_assert_eq!(Arc::strong_count(wakes), 1);
            }
        }
    }
}
