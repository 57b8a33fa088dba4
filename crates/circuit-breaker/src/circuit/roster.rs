//! The calls under way, counted by the references that they hold anyway.

use crate::circuit::in_flight::Grid;
use crate::circuit::word::GENERATION_BITS;
use crate::sync::{AtomicU64, Ordering, Shared, fence};

/// Pages, each for a span of time: a call holds the page of the span that it began in, for a permit has to hold something.
/// As many calls of a span are under way as its page is held beside the roster: to count one in and out costs nothing.
///
/// A page comes round after about the threshold or more, and is taken for a new span only if nobody holds it. If somebody
/// does, a call hangs; the new span has no page then, and its calls are counted one by one, by [`InFlight`].
///
/// | who | does | and then looks at |
/// |---|---|---|
/// | enters | holds the page | the tag: if it is not that of its span any more, it lets go |
/// | takes the page | claims the tag | who holds it: if anybody does, it gives up |
/// | counts | looks who holds it | the tag: if it is another than before, nobody was overdue |
///
/// Of one who enters and one who takes it, one holds it first, and the other sees that: a count of references is changed
/// by read-modify-writes only, which are one release sequence.
///
/// [`InFlight`]: crate::circuit::in_flight::InFlight
pub(crate) struct Roster<T> {
    grid: Grid,
    pages: [Shared<Page<T>>; PAGES],
    /// The page that was taken last: nearly always that of now. It is looked for before the clock is read, so that nobody
    /// waits for the page after it.
    last: AtomicU64,
    apart: Shared<Page<T>>,
}

/// What a permit holds.
pub(crate) struct Page<T> {
    /// Whose it is: a generation and a span. See [`CLAIMED`] and [`HELD`].
    tag: AtomicU64,
    /// The page that counts nobody; none if it is this one.
    apart: Option<Shared<Page<T>>>,
    inner: T,
}

/// A span is more than a sixteenth of the threshold, so that after fifteen only what is slow, or nearly, is left. Fewer in
/// a model, so that it is small.
const PAGES: usize = if cfg!(portcullis_loom) { 2 } else { 16 };

// A tag: twenty-four bits of the generation, thirty-eight of the span, and two flags.
const FLAG_BITS: u32 = 2;
const EPOCH_BITS: u32 = 64 - GENERATION_BITS - FLAG_BITS;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;
/// Somebody takes it for another span: nobody may enter, and nobody holds it.
const CLAIMED: u64 = 1;
/// Somebody claimed it, and somebody held it after all. So it is not the same tag as before.
const HELD: u64 = 2;
/// So many spans, and no more, a thread may be late.
const LATE: u64 = 1024;

// === impl Roster ===

impl<T: Clone> Roster<T> {
    /// Calls are overdue after so many nanoseconds. Every page has an `inner`.
    pub(crate) fn new(threshold_nanos: u64, inner: T) -> Self {
        let apart = Shared::new(Page::new_apart(inner.clone()));
        let page = |_| {
            Shared::new(Page {
                tag: AtomicU64::new(tag(0, 0)),
                apart: Some(Shared::clone(&apart)),
                inner: inner.clone(),
            })
        };
        Self {
            grid: Grid::new(threshold_nanos),
            pages: std::array::from_fn(page),
            last: AtomicU64::new(0),
            apart,
        }
    }
}

impl<T> Roster<T> {
    #[inline(always)]
    pub(crate) fn inner(&self) -> &T {
        self.apart.inner()
    }

    /// The page of calls that are not counted, or not by pages.
    #[inline(always)]
    pub(crate) const fn apart(&self) -> &Shared<Page<T>> {
        &self.apart
    }

    /// Counts a call that begins now, for as long as it holds the page, and says when that was. None if the page that was
    /// taken last is not that of its span: see [`begin`](Self::begin).
    #[inline(always)]
    pub(crate) fn enter(
        &self,
        generation: u32,
        now_nanos: impl FnOnce() -> u64,
    ) -> (u64, Option<Shared<Page<T>>>) {
        let page = self.page(self.last.load(Ordering::Relaxed));
        let found = page.tag.load(Ordering::Acquire);
        let now = now_nanos();
        let tag = tag(generation, self.grid.epoch(now));
        (
            now,
            if found == tag {
                Self::hold(page, tag)
            } else {
                None
            },
        )
    }

    /// Holds a page, if it is that of a span.
    #[inline(always)]
    fn hold(page: &Shared<Page<T>>, tag: u64) -> Option<Shared<Page<T>>> {
        let held = Shared::clone(page);
        fence(Ordering::Acquire);
        // It may have been taken between: then it is not held for long.
        (page.tag.load(Ordering::Relaxed) == tag).then_some(held)
    }

    /// Takes the page for a span, with its first call. None if others hold it, or are at it. Who is late may take it too: the
    /// calls of now are counted one by one then.
    #[cold]
    pub(crate) fn begin(&self, generation: u32, now_nanos: u64) -> Option<Shared<Page<T>>> {
        let epoch = self.grid.epoch(now_nanos);
        let (page, tag) = (self.page(epoch), tag(generation, epoch));
        let before = page.tag.load(Ordering::Acquire);
        if before == tag {
            self.last.store(epoch, Ordering::Relaxed);
            return Self::hold(page, tag);
        }
        if before & CLAIMED != 0 || Shared::strong_count(page) > 1 {
            return None;
        }
        page.tag
            .compare_exchange(
                before,
                before | CLAIMED,
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .ok()?;
        fence(Ordering::Release);
        let held = Shared::clone(page);
        // The roster, and this call.
        if Shared::strong_count(page) > 2 {
            drop(held);
            page.tag.store(before | HELD, Ordering::Release);
            return None;
        }
        page.tag.store(tag, Ordering::Release);
        self.last.store(epoch, Ordering::Relaxed);
        Some(held)
    }

    /// How many calls that hold a page are overdue.
    pub(crate) fn overdue(&self, generation: u32, now_nanos: u64) -> u64 {
        let epoch = self.grid.epoch(now_nanos);
        let of = |page: &Shared<Page<T>>| {
            let tag = page.tag.load(Ordering::Acquire);
            let back = epoch.wrapping_sub(epoch_of(tag)) & EPOCH_MASK;
            let is_overdue = back >= self.grid.overdue_after() && back < EPOCH_MASK - LATE;
            if tag & CLAIMED != 0 || generation_of(tag) != generation || !is_overdue {
                return 0;
            }
            let held = Shared::strong_count(page) - 1;
            fence(Ordering::Acquire);
            // If it was taken between, nobody held it then.
            let is_same = page.tag.load(Ordering::Relaxed) == tag;
            if is_same { held as u64 } else { 0 }
        };
        self.pages.iter().map(of).sum()
    }

    /// Whether somebody holds a page.
    pub(crate) fn is_held(&self) -> bool {
        // A call may change from its page to the one apart, and not the other way round: that one comes last.
        let is_held = self.pages.iter().any(|page| Shared::strong_count(page) > 1);
        fence(Ordering::Acquire);
        is_held || Shared::strong_count(&self.apart) > 1 + PAGES
    }

    #[inline(always)]
    fn page(&self, epoch: u64) -> &Shared<Page<T>> {
        &self.pages[(epoch % PAGES as u64) as usize]
    }
}

#[inline(always)]
const fn tag(generation: u32, epoch: u64) -> u64 {
    (generation as u64) << (EPOCH_BITS + FLAG_BITS) | (epoch & EPOCH_MASK) << FLAG_BITS
}

const fn generation_of(tag: u64) -> u32 {
    (tag >> (EPOCH_BITS + FLAG_BITS)) as u32
}

const fn epoch_of(tag: u64) -> u64 {
    tag >> FLAG_BITS & EPOCH_MASK
}

// === impl Page ===

impl<T> Page<T> {
    /// One that counts nobody.
    pub(crate) fn new_apart(inner: T) -> Self {
        Self {
            tag: AtomicU64::new(tag(0, 0)),
            apart: None,
            inner,
        }
    }

    /// The page to hold in its place once the call is not to be counted; none if it is not.
    #[inline(always)]
    pub(crate) const fn apart(&self) -> Option<&Shared<Self>> {
        self.apart.as_ref()
    }

    #[inline(always)]
    pub(crate) const fn inner(&self) -> &T {
        &self.inner
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    /// A threshold of 800 ns: spans of 64.
    const SPAN: u64 = 64;
    const ROUND: u64 = SPAN * PAGES as u64;
    const LATER: u64 = 100 * ROUND;

    fn roster() -> Roster<()> {
        Roster::new(800, ())
    }

    fn enter(roster: &Roster<()>, generation: u32, now: u64) -> Option<Shared<Page<()>>> {
        roster.enter(generation, || now).1
    }

    fn begin(roster: &Roster<()>, generation: u32, now: u64) -> Shared<Page<()>> {
        assert!(enter(roster, generation, now).is_none());
        roster
            .begin(generation, now)
            .expect("nobody holds the page")
    }

    #[test]
    fn a_call_is_overdue_when_all_of_its_span_is_and_until_it_lets_go() {
        let roster = roster();
        let one = begin(&roster, 0, 5 * SPAN);
        let other = enter(&roster, 0, 6 * SPAN - 1).unwrap();
        assert_eq!(roster.overdue(0, 6 * SPAN + 799), 0);
        assert_eq!(roster.overdue(0, 19 * SPAN), 2);
        drop(one);
        assert_eq!(roster.overdue(0, LATER), 1);
        drop(other);
        assert_eq!(roster.overdue(0, LATER), 0);
        assert!(!roster.is_held());
    }

    #[test]
    fn a_page_that_is_held_is_nobody_elses() {
        let roster = roster();
        let hangs = begin(&roster, 0, SPAN);
        for round in 1..4 {
            let now = SPAN + round * ROUND;
            assert!(enter(&roster, 0, now).is_none() && roster.begin(0, now).is_none());
            assert_eq!(roster.overdue(0, now), 1);
        }
        drop(hangs);
        drop(begin(&roster, 0, SPAN + 4 * ROUND));
    }

    #[test]
    fn a_call_of_before_a_move_is_nobodys_and_keeps_its_page() {
        let roster = roster();
        let hangs = begin(&roster, 7, SPAN);
        assert!(roster.begin(8, SPAN).is_none());
        assert_eq!((roster.overdue(7, LATER), roster.overdue(8, LATER)), (1, 0));
        drop(hangs);
        let _held = begin(&roster, 8, SPAN);
        assert_eq!((roster.overdue(7, LATER), roster.overdue(8, LATER)), (0, 1));
    }

    #[test]
    fn who_is_late_is_counted_where_it_belongs_or_not_here() {
        let roster = roster();
        let now = begin(&roster, 2, SPAN + ROUND);
        // By a round, and by a generation.
        assert!(roster.begin(2, SPAN).is_none() && roster.begin(1, SPAN + ROUND).is_none());
        drop(now);
        let late = begin(&roster, 2, SPAN);
        assert!(roster.begin(2, SPAN + ROUND).is_none());
        assert_eq!(roster.overdue(2, SPAN + ROUND), 1);
        drop(late);
        let _now = begin(&roster, 2, SPAN + ROUND);
        assert_eq!(roster.overdue(2, SPAN + ROUND), 0);
    }

    #[test]
    fn a_page_passes_on_when_generations_begin_anew() {
        let roster = roster();
        let last = (1 << GENERATION_BITS) - 1;
        drop(begin(&roster, last, SPAN));
        let hangs = begin(&roster, 0, SPAN);
        assert_eq!(
            (roster.overdue(last, LATER), roster.overdue(0, LATER)),
            (0, 1)
        );
        drop(hangs);
    }

    #[test]
    fn a_call_that_begins_ahead_of_who_asks_is_not_overdue() {
        let roster = roster();
        let _ahead = begin(&roster, 0, 3 * SPAN);
        for now in [0, SPAN, 2 * SPAN, 3 * SPAN] {
            assert_eq!(roster.overdue(0, now), 0);
        }
    }

    #[test]
    fn who_changes_to_the_page_apart_holds_it_and_is_not_counted() {
        let roster = roster();
        let page = begin(&roster, 0, SPAN);
        let apart = Shared::clone(page.apart().unwrap());
        drop(page);
        assert!(apart.apart().is_none() && roster.is_held());
        assert_eq!(roster.overdue(0, LATER), 0);
        drop(apart);
        assert!(!roster.is_held());
    }

    #[test]
    fn a_page_that_was_claimed_in_vain_counts_as_before_and_is_taken_later() {
        let roster = roster();
        let hangs = begin(&roster, 0, SPAN);
        let tag = roster.page(1).tag.load(Ordering::Relaxed);
        roster.page(1).tag.store(tag | HELD, Ordering::Relaxed);
        assert!(enter(&roster, 0, SPAN).is_none());
        assert_eq!(roster.overdue(0, LATER), 1);
        drop(hangs);
        drop(begin(&roster, 0, SPAN + ROUND));
        // While somebody is at it, nobody else is.
        roster.page(1).tag.store(tag | CLAIMED, Ordering::Relaxed);
        assert!(roster.begin(0, SPAN + 2 * ROUND).is_none());
        assert_eq!(roster.overdue(0, LATER), 0);
    }
}
