//! What a circuit holds.

use std::sync::Arc;

use portcullis_core::Clock;

use super::core::Core;
use super::roster::{Page, Roster};
use super::word::Word;
use crate::sync::Shared;

/// What a circuit holds.
pub(super) enum Handle<C> {
    /// Nobody asks how many calls are under way: all permits hold the same page.
    Plain(Shared<Page<Arc<Core<C>>>>),
    /// Calls that hang are noticed.
    Counting(Arc<Roster<Arc<Core<C>>>>),
}

// === impl Handle ===

impl<C: Clock> Handle<C> {
    pub(super) fn new(core: Core<C>) -> Self {
        let (counts, threshold) = (core.in_flight.is_some(), core.slow_above);
        let core = Arc::new(core);
        if counts {
            Self::Counting(Arc::new(Roster::new(threshold, core)))
        } else {
            Self::Plain(Shared::new(Page::new_apart(core)))
        }
    }

    #[inline(always)]
    pub(super) fn core(&self) -> &Arc<Core<C>> {
        self.apart().inner()
    }

    /// The page of calls that are not counted, or not by pages.
    #[inline(always)]
    pub(super) fn apart(&self) -> &Shared<Page<Arc<Core<C>>>> {
        match self {
            Self::Plain(page) => page,
            Self::Counting(roster) => roster.apart(),
        }
    }

    /// Whether there is another handle or a permit.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Plain(page) => Shared::strong_count(page) > 1,
            Self::Counting(roster) => Arc::strong_count(roster) > 1 || roster.is_held(),
        }
    }

    /// How many calls are overdue.
    pub(super) fn overdue(&self, generation: u32, now: u64) -> u64 {
        let Self::Counting(roster) = self else {
            return 0;
        };
        let one_by_one = self.core().in_flight.as_ref();
        let one_by_one = one_by_one.map_or(0, |calls| calls.overdue(generation, now));
        one_by_one + roster.overdue(generation, now)
    }

    /// Looks whether calls hang, once in each span. Whether that has just opened the circuit.
    pub(super) fn opens_by_hanging(&self, word: Word, now: u64) -> bool {
        let core = self.core();
        let looks = core
            .in_flight
            .as_ref()
            .is_some_and(|calls| calls.looks(now));
        if !looks {
            return false;
        }
        let overdue = self.overdue(word.generation(), now);
        overdue > 0 && core.opened_by_hanging(word, overdue, now)
    }
}

impl<C> Clone for Handle<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Plain(page) => Self::Plain(Shared::clone(page)),
            Self::Counting(roster) => Self::Counting(Arc::clone(roster)),
        }
    }
}
