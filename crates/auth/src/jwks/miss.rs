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

/// A fetch that ended well, and the time for which it speaks: that of its beginning, or if a cache
/// answered, the time when the copy was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    began: Began,
    /// None if a cache answered with a copy of before this machine was started.
    of: Option<Moment>,
    /// Whether a cache answered.
    cached: bool,
}

/// What there is to say that a key does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    None,
    /// It was so, a while ago.
    Old,
    Fresh,
}

/// What is known about the fetches of one issuer, and the rule for keys that are missing.
///
/// The first row that applies:
///
/// | situation | decision |
/// |---|---|
/// | a good fetch proves that the key does not exist, and the proof is fresh | [`Absent`](Decision::Absent) |
/// | the last fetch failed | [`Unavailable`](Decision::Unavailable) until the next attempt: nobody waits for an issuer that is down |
/// | a fetch is in flight | [`Join`](Decision::Join): it may bring the key |
/// | the last fetch began after this request arrived, and a cache answered | [`Unavailable`](Decision::Unavailable): it would answer again |
/// | the next scheduled fetch is due (the first of all is, from the start) | [`Fetch`](Decision::Fetch), free of charge |
/// | the budget permits a fetch | [`Fetch`](Decision::Fetch), charged |
/// | else | [`Unavailable`](Decision::Unavailable) until it does |
///
/// Where this says `Unavailable` and there is a proof that is not fresh, the answer is `Absent` after all:
/// tokens of a withdrawn key must not become outages one by one.
///
/// # Evidence
///
/// A fetch proves that a key does not exist if it ended well and its request was sent
/// - after this request arrived; or
/// - after the key was first asked for here, and no earlier than the token was issued by its own word, plus the leeway.
///
/// The first form is always fresh. The second is while the fetch is younger than the period of the
/// budget: a key may come back. Every request asks the caches on the way to look again; where one
/// answers with a copy all the same, the fetch counts as sent when that copy was made, and has only
/// the second form.
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
    /// The last fetch that ended well: it brought the set in use.
    good: Option<Proof>,
    /// How long evidence of the second form is fresh.
    fresh: Duration,
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

// === impl Proof ===

impl Proof {
    /// A fetch whose answer was so old when it came; zero if no cache gave it.
    pub(super) fn new(began: Began, age: Duration) -> Self {
        let of = began.moment.at.checked_sub(age).map(|at| Moment {
            at,
            wall: began.moment.wall - age,
        });
        Self {
            began,
            of,
            cached: !age.is_zero(),
        }
    }
}

// === impl Ledger ===

impl Ledger {
    /// Nothing was ever fetched, and the first fetch is due.
    pub(super) fn new(budget: FetchBudget, longest: Duration, now: Instant) -> Self {
        Self {
            seen: Seen::new(),
            displaced: Seen::new(),
            meter: Meter::new(budget),
            fresh: budget.period(),
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
        let evidence = self.evidence(now, first_seen, question);
        if evidence == Evidence::Fresh {
            return Decision::Absent;
        }
        // Evidence had the first form otherwise.
        let asked_a_cache = self
            .good
            .is_some_and(|good| good.began.number > question.arrived);
        if self.failing {
            self.without_fetch(now, evidence)
        } else if self.in_flight(now.at) {
            Decision::Join
        } else if asked_a_cache {
            self.without_fetch(now, evidence)
        } else if now.at >= self.next {
            Decision::Fetch { charged: false }
        } else if self.meter.wait(now.at).is_zero() {
            Decision::Fetch { charged: true }
        } else {
            self.without_fetch(now, evidence)
        }
    }

    fn without_fetch(&self, now: Moment, evidence: Evidence) -> Decision {
        match evidence {
            Evidence::None => Decision::Unavailable(self.wait(now.at)),
            Evidence::Old | Evidence::Fresh => Decision::Absent,
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

    fn evidence(&self, now: Moment, first_seen: First, question: Question<'_>) -> Evidence {
        let Some(good) = self.good else {
            return Evidence::None;
        };
        if !good.cached && good.began.number > question.arrived {
            return Evidence::Fresh;
        }
        let (Some(of), Some(issued)) = (good.of, question.issued) else {
            return Evidence::None;
        };
        let asked_before = if good.cached {
            of.at > first_seen.at
        } else {
            good.began.number > first_seen.begun
        };
        // The wall clock may have been corrected since: of the two ways to say when the fetch began, the
        // earlier one counts.
        let ago = now.at.saturating_duration_since(of.at);
        let wall = of.wall.min(now.wall - ago);
        match asked_before && wall >= issued {
            false => Evidence::None,
            true if ago < self.fresh => Evidence::Fresh,
            true => Evidence::Old,
        }
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
        self.good
            .is_some_and(|good| good.began.number > began.number)
    }

    /// Notes that a fetch ended well, whether the set has another content now, with which ids, and when the
    /// next one is scheduled.
    pub(super) fn succeeded<'k>(
        &mut self,
        proof: Proof,
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
        self.ended(proof.began);
        self.good = Some(proof);
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
