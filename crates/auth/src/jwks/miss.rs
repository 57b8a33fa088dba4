//! What to do about a key that the loaded set does not have: the decision, without I/O.

use std::time::{Duration, Instant};

use portcullis_core::UnixTime;

use crate::key::Algorithm;

use super::budget::{FetchBudget, Meter};
use super::missing::Instead;
use super::seen::{First, Seen};

/// A moment by both clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) wall: UnixTime,
}

/// The beginning of a fetch.
///
/// Fetches are numbered, from 1. What came before a fetch and what after it is told by numbers taken under
/// one lock: two readings of a clock may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Began {
    pub(super) number: u64,
    /// Read before the request was sent.
    pub(super) moment: Moment,
}

/// What is known about the fetches of one issuer, and the rule for keys that are missing.
///
/// The first row that applies:
///
/// | situation | decision |
/// |---|---|
/// | a good fetch proves that the key does not exist | [`Absent`](Decision::Absent) |
/// | the last fetch failed | [`Unavailable`](Decision::Unavailable) until the next attempt: nobody waits for an issuer that is down |
/// | a fetch is in flight | [`Join`](Decision::Join): it may bring the key |
/// | the next scheduled fetch is due (the first of all is, from the start) | [`Fetch`](Decision::Fetch), free of charge |
/// | the budget permits a fetch | [`Fetch`](Decision::Fetch), charged |
/// | else | [`Unavailable`](Decision::Unavailable) until it does |
///
/// # Evidence
///
/// A fetch proves that a key does not exist if it ended well and its request was sent
/// - after this request arrived; or
/// - after the key id was first seen here, and no earlier than the token was issued by its own word, plus the leeway.
///
/// The second form is what lets the same unknown id be refused again without a fetch each time. The
/// issue time guards it: who knows an issuer's next key id may send it long before it is published,
/// and without that guard the first good tokens under the new key would be refused because of him.
/// A token without an issue time has only the first form. A liar about the issue time gets a 503
/// in place of his 401.
///
/// A key that was there and is gone is missing like any other. So one confirming fetch follows before
/// its tokens are refused: a lagging replica of the issuer, or a cache before it, must not log
/// everybody out at one stroke.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The keys that a set did not have.
    seen: Seen,
    /// The keys in whose place a set had something else. Apart from the others, so that a flood of made-up ids
    /// does not wash them out. What there is of these is bounded by the set, whose content they
    /// do not outlive.
    displaced: Seen,
    meter: Meter,
    /// The longest a fetch may last; a flight that says nothing for longer is lost.
    longest: Duration,
    /// How many fetches have begun.
    begun: u64,
    flight: Option<Began>,
    /// The last fetch that ended well.
    good: Option<Began>,
    /// Whether the last fetch to end failed.
    failing: bool,
    /// When the next fetch is scheduled.
    next: Instant,
}

/// A token whose key is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) kid: Option<&'a str>,
    /// What the set has in its place for this algorithm.
    pub(super) instead: Option<(Algorithm, Instead)>,
    /// How many fetches had begun when the request arrived.
    pub(super) arrived: u64,
    /// The claimed issue time plus the leeway.
    pub(super) issued: Option<UnixTime>,
}

/// What to do about a missing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The key does not exist, by evidence.
    Absent,
    /// Start a fetch and wait for it.
    Fetch {
        /// Whether it comes out of the budget.
        charged: bool,
    },
    /// Wait for the fetch in flight.
    Join,
    /// It cannot be found out now; another attempt makes sense after this time.
    Unavailable(Duration),
}

// === impl Ledger ===

impl Ledger {
    /// Nothing was ever fetched, and the first fetch is due.
    pub(super) fn new(budget: FetchBudget, longest: Duration, now: Instant) -> Self {
        Self {
            seen: Seen::new(),
            displaced: Seen::new(),
            meter: Meter::new(budget),
            longest,
            begun: 0,
            flight: None,
            good: None,
            failing: false,
            next: now,
        }
    }

    /// Decides, and notes that the id was seen.
    pub(super) fn decide(&mut self, now: Moment, question: Question<'_>) -> Decision {
        let first_seen = self.first_seen(now, question);
        if self.is_evidence(now, first_seen, question) {
            Decision::Absent
        } else if self.failing {
            Decision::Unavailable(self.wait(now.at))
        } else if self.in_flight(now.at) {
            Decision::Join
        } else if now.at >= self.next {
            Decision::Fetch { charged: false }
        } else if self.meter.wait(now.at).is_zero() {
            Decision::Fetch { charged: true }
        } else {
            Decision::Unavailable(self.wait(now.at))
        }
    }

    fn first_seen(&mut self, now: Moment, question: Question<'_>) -> First {
        let first = First {
            begun: self.begun,
            at: now.at,
        };
        match question.instead {
            None => self.seen.first(&question.kid, first),
            Some(instead) => self.displaced.first(&(question.kid, instead), first),
        }
    }

    fn is_evidence(&self, now: Moment, first_seen: First, question: Question<'_>) -> bool {
        let Some(good) = self.good else { return false };
        if good.number > question.arrived {
            return true;
        }
        // The wall clock may have been corrected since: of the two ways to say when the fetch began, the
        // earlier one counts.
        let began = good.moment;
        let ago = now.at.saturating_duration_since(began.at);
        let began_wall = began.wall.min(now.wall - ago);
        good.number > first_seen.begun && question.issued.is_some_and(|issued| began_wall >= issued)
    }

    /// How long until something may have changed.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        match self.flight {
            Some(began) if self.in_flight(now) => self
                .longest
                .saturating_sub(now.saturating_duration_since(began.moment.at)),
            _ if self.failing => self.until_next(now),
            _ => self.meter.wait(now).min(self.until_next(now)),
        }
    }

    /// How long until the next scheduled fetch; zero if it is due.
    pub(super) fn until_next(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// Whether a fetch is in flight. One whose task was lost with its runtime is not, after its time.
    pub(super) fn in_flight(&self, now: Instant) -> bool {
        self.flight
            .is_some_and(|began| now.saturating_duration_since(began.moment.at) < self.longest)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    /// How many fetches have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// The fetch that would begin now.
    pub(super) fn next(&self, now: Moment) -> Began {
        Began {
            number: self.begun + 1,
            moment: now,
        }
    }

    /// Notes that a fetch was started.
    pub(super) fn begin(&mut self, began: Began, charged: bool) {
        self.begun = began.number;
        self.flight = Some(began);
        if charged {
            self.meter.spend(began.moment.at);
        }
    }

    /// Whether a fetch that began later has ended well.
    pub(super) fn is_outdated(&self, began: Began) -> bool {
        self.good.is_some_and(|good| good.number > began.number)
    }

    /// Notes that a fetch ended well, whether the set has another content now, with which ids, and when the
    /// next one is scheduled.
    pub(super) fn succeeded<'k>(
        &mut self,
        began: Began,
        next: Instant,
        changed: bool,
        kids: impl IntoIterator<Item = &'k str>,
    ) {
        for kid in kids {
            self.seen.forget(&Some(kid));
        }
        if changed {
            // A key for those without an id may have come as well.
            self.seen.forget(&None::<&str>);
            self.displaced.clear();
        }
        self.ended(began);
        self.good = Some(began);
        self.failing = false;
        self.next = next;
    }

    /// Notes that a fetch failed, and when the next one is scheduled.
    pub(super) fn failed(&mut self, began: Began, next: Instant) {
        self.ended(began);
        self.failing = true;
        self.next = next;
    }

    /// Notes that the fetch in flight vanished: another one is due.
    pub(super) fn lose(&mut self, now: Instant) {
        self.flight = None;
        self.failing = true;
        self.next = now;
    }

    /// Makes the next scheduled fetch due.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = self.next.min(now);
    }

    fn ended(&mut self, began: Began) {
        if self.flight == Some(began) {
            self.flight = None;
        }
    }
}

#[cfg(test)]
#[path = "miss_tests.rs"]
mod tests;
