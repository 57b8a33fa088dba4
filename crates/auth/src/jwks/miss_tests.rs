use crate::key::LookupError;

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A ledger, and time in seconds on both clocks; the wall clock began at a date.
struct Rig {
    start: Instant,
    ledger: Ledger,
    /// What the set has in place of every key that is asked for.
    instead: Option<(Algorithm, Instead)>,
}

const DATE: u64 = 1_900_000_000;
const FETCH: Decision = Decision::Fetch { charged: true };

impl Rig {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            ledger: Ledger::new(FetchBudget::DEFAULT, secs(7), start),
            instead: None,
        }
    }

    /// With one good fetch, the first, that began then. The next is far away.
    fn fetched(at: u64) -> Self {
        let mut rig = Self::new();
        rig.fetch(at);
        rig
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + secs(seconds)
    }

    fn moment(&self, seconds: u64) -> Moment {
        Moment {
            at: self.at(seconds),
            wall: UnixTime::from_secs(DATE + seconds),
        }
    }

    fn begin(&mut self, at: u64, charged: bool) -> Began {
        let began = self.ledger.next(self.moment(at));
        self.ledger.begin(began, charged);
        began
    }

    fn succeed(&mut self, began: Began) {
        self.succeed_with(began, 0, false, None);
    }

    /// With an answer so old.
    fn succeed_with(&mut self, began: Began, age: u64, changed: bool, kid: Option<&str>) {
        let (proof, next) = (Proof::new(began, secs(age)), self.at(1_000_000));
        self.ledger.succeeded(proof, next, changed, kid);
    }

    fn fail(&mut self, began: Began, next: u64) {
        let next = self.at(next);
        self.ledger.failed(began, next);
    }

    fn fetch(&mut self, at: u64) {
        let began = self.begin(at, false);
        self.succeed(began);
    }

    /// Asks for a request that arrives now.
    fn ask(&mut self, at: u64, kid: &str, issued: Option<u64>) -> Decision {
        let arrived = self.ledger.begun();
        self.ask_again(at, kid, arrived, issued)
    }

    /// Asks for a request that arrived when so many fetches had begun.
    fn ask_again(&mut self, at: u64, kid: &str, arrived: u64, issued: Option<u64>) -> Decision {
        let question = Question {
            kid: Some(kid),
            instead: self.instead,
            arrived,
            issued: issued.map(|at| UnixTime::from_secs(DATE + at)),
        };
        let now = self.moment(at);
        self.ledger.decide(now, question)
    }
}

#[test]
fn the_first_fetch_is_free_and_joined() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask(0, "a", Some(0)), Decision::Fetch { charged: false });
    let began = rig.begin(0, false);
    assert_eq!(rig.ask(1, "a", Some(0)), Decision::Join);
    rig.succeed(began);
    // The whole budget is still there.
    for at in [2, 4] {
        assert_eq!(rig.ask(at, "b", None), FETCH);
        let began = rig.begin(at, true);
        rig.succeed(began);
    }
    assert_eq!(rig.ask(5, "b", None), Decision::Unavailable(secs(27)));
}

#[test]
fn a_fetch_that_began_after_the_request_is_evidence() {
    let mut rig = Rig::fetched(10);
    // In the same instant by the clock: the numbers tell.
    for (arrived, issued, decision) in [
        (0, None, Decision::Absent),
        (0, Some(900), Decision::Absent),
        (1, None, FETCH),
        (1, Some(10), FETCH),
    ] {
        assert_eq!(
            rig.ask_again(10, "a", arrived, issued),
            decision,
            "{arrived} {issued:?}"
        );
    }
}

#[test]
fn a_fetch_is_evidence_for_an_id_seen_before_it_and_a_token_issued_before_it() {
    let mut rig = Rig::fetched(10);
    rig.ask(11, "seen", None);
    rig.fetch(20);
    for (kid, issued, decision) in [
        ("seen", Some(19), Decision::Absent),
        ("seen", Some(20), Decision::Absent),
        ("seen", Some(21), FETCH),
        ("seen", None, FETCH),
        ("new", Some(5), FETCH),
    ] {
        assert_eq!(rig.ask(30, kid, issued), decision, "{kid} {issued:?}");
    }
}

/// The first token of a cold start, or of a rotation, comes before its key is known here.
#[test]
fn that_a_key_was_unknown_once_says_nothing_when_it_is_withdrawn() {
    let mut rig = Rig::fetched(0);
    rig.ask(5, "key", Some(5));
    let brought = rig.begin(6, true);
    rig.ledger.succeeded(
        Proof::new(brought, Duration::ZERO),
        rig.at(1_000_000),
        true,
        ["key"],
    );
    // A later set lacks it: perhaps that of a replica which lags behind.
    rig.fetch(100);
    assert_eq!(rig.ask(101, "key", Some(5)), FETCH);
    rig.fetch(101);
    assert_eq!(rig.ask(102, "key", Some(5)), Decision::Absent);
}

/// Somebody sends the id of the next key before there is one.
#[test]
fn an_id_sent_ahead_of_its_key_does_not_condemn_the_first_good_token() {
    let mut rig = Rig::fetched(0);
    let leeway = 30;
    rig.ask(5, "next", Some(5 + leeway));
    rig.fetch(100);
    // The issuer now publishes the key and signs with it, at 101.
    assert_eq!(rig.ask(101, "next", Some(101 + leeway)), FETCH);
    // A forged token of before is refused without a fetch all the same.
    assert_eq!(rig.ask(102, "next", Some(60 + leeway)), Decision::Absent);
}

#[test]
fn a_fetch_in_flight_is_worth_joining_but_is_no_evidence() {
    let mut rig = Rig::fetched(0);
    let began = rig.begin(10, true);
    assert_eq!(rig.ask(11, "a", Some(5)), Decision::Join);
    rig.succeed(began);
    assert_eq!(rig.ask_again(12, "a", 2, Some(5)), FETCH);
    rig.fetch(12);
    assert_eq!(rig.ask_again(13, "a", 2, Some(5)), Decision::Absent);
}

#[test]
fn nobody_waits_for_an_issuer_that_is_down() {
    let mut rig = Rig::fetched(0);
    rig.ask(1, "old", Some(0));
    rig.fetch(5);
    let began = rig.begin(10, true);
    rig.fail(began, 25);
    assert_eq!(rig.ask(12, "a", Some(12)), Decision::Unavailable(secs(13)));
    // Nor while the next attempt runs, be it due or overdue.
    assert_eq!(rig.ask(26, "a", Some(26)), Decision::Unavailable(secs(0)));
    rig.begin(26, false);
    assert_eq!(rig.ask(28, "a", Some(28)), Decision::Unavailable(secs(5)));
    // What was known before the outage is still evidence.
    assert_eq!(rig.ask(28, "old", Some(0)), Decision::Absent);
}

#[test]
fn a_fetch_that_fails_is_no_evidence() {
    let mut rig = Rig::fetched(0);
    let arrived = rig.ledger.begun();
    rig.ask(5, "a", Some(5));
    let began = rig.begin(6, true);
    rig.fail(began, 8);
    let waits = Decision::Unavailable(secs(1));
    assert_eq!(rig.ask_again(7, "a", arrived, Some(5)), waits);
    rig.fetch(8);
    assert_eq!(rig.ask_again(9, "a", arrived, Some(5)), Decision::Absent);
}

#[test]
fn a_spent_budget_waits_for_what_comes_first() {
    let mut rig = Rig::fetched(0);
    for _ in 0..2 {
        let began = rig.begin(1, true);
        rig.ledger
            .succeeded(Proof::new(began, Duration::ZERO), rig.at(10), false, []);
    }
    let schedule = Decision::Unavailable(secs(8));
    assert_eq!(rig.ask(2, "a", None), schedule, "the scheduled fetch");
    let began = rig.begin(1, false);
    rig.ledger
        .succeeded(Proof::new(began, Duration::ZERO), rig.at(100), false, []);
    let budget = Decision::Unavailable(secs(29));
    assert_eq!(rig.ask(2, "a", None), budget, "the budget");
    let free = Decision::Fetch { charged: false };
    assert_eq!(
        rig.ask(100, "a", None),
        free,
        "a scheduled fetch that nobody made"
    );
}

#[test]
fn a_flight_that_is_lost_does_not_last() {
    let mut rig = Rig::fetched(0);
    rig.begin(10, true);
    assert_eq!(rig.ask(12, "a", None), Decision::Join);
    assert_eq!(rig.ask(17, "a", None), FETCH);
    rig.begin(17, true);
    let now = rig.at(18);
    rig.ledger.lose(now);
    assert_eq!(rig.ask(18, "a", None), Decision::Unavailable(secs(0)));
    assert_eq!(rig.ledger.until_next(now), secs(0));
}

#[test]
fn a_flight_that_was_overtaken_is_outdated() {
    let mut rig = Rig::fetched(0);
    let late = rig.begin(10, true);
    assert!(!rig.ledger.is_outdated(late));
    rig.fetch(20);
    assert!(rig.ledger.is_outdated(late));
}

#[test]
fn of_two_readings_of_the_wall_clock_the_earlier_counts() {
    let mut rig = Rig::new();
    rig.ask(0, "a", None);
    // At the fetch the wall clock was an hour ahead; it is right by now.
    let mut began = rig.begin(10, false);
    began.moment.wall = rig.moment(3610).wall;
    rig.succeed(began);
    assert_eq!(rig.ask(60, "a", Some(50)), FETCH);
    // And the reverse: it was right then, and is an hour ahead now.
    rig.fetch(70);
    let question = Question {
        kid: Some("a"),
        instead: None,
        arrived: rig.ledger.begun(),
        issued: Some(UnixTime::from_secs(DATE + 75)),
    };
    let ahead = Moment {
        at: rig.at(80),
        wall: rig.moment(3680).wall,
    };
    assert_eq!(rig.ledger.decide(ahead, question), FETCH);
}

/// Somebody who holds a token of a withdrawn key is refused, and not told that nobody knows.
#[test]
fn old_evidence_is_looked_at_again_if_that_is_possible_and_else_believed() {
    let mut rig = Rig::fetched(0);
    rig.ask(1, "a", Some(1));
    rig.fetch(10);
    assert_eq!(rig.ask(39, "a", Some(1)), Decision::Absent);
    assert_eq!(rig.ask(40, "a", Some(1)), FETCH);
    // Another fetch, in flight, is worth waiting for.
    let began = rig.begin(40, true);
    assert_eq!(rig.ask(41, "a", Some(1)), Decision::Join);
    rig.fail(began, 60);
    assert_eq!(rig.ask(42, "a", Some(1)), Decision::Absent, "an outage");
    let began = rig.begin(60, true);
    rig.succeed(began);
    assert_eq!(rig.ask(89, "a", Some(1)), Decision::Absent);
    rig.ledger.meter.spend(rig.at(89));
    rig.ledger.meter.spend(rig.at(89));
    assert_eq!(rig.ask(91, "a", Some(1)), Decision::Absent, "no budget");
    let waits = rig.ask(91, "b", Some(1));
    assert!(matches!(waits, Decision::Unavailable(_)), "{waits:?}");
}

#[test]
fn a_copy_from_a_cache_speaks_for_the_time_when_it_was_made() {
    let mut rig = Rig::fetched(0);
    rig.ask(100, "a", Some(50));
    for (began, age, issued, decision) in [
        (120, 20, 50, FETCH),
        (120, 19, 50, Decision::Absent),
        (120, 19, 101, Decision::Absent),
        (120, 19, 102, FETCH),
        (120, 0, 120, Decision::Absent),
    ] {
        let fetch = rig.begin(began, false);
        rig.succeed_with(fetch, age, false, None);
        let told = rig.ask(120, "a", Some(issued));
        assert_eq!(told, decision, "{began} {age} {issued}");
    }
    // Nor for a request that waited for it, which does not ask the same cache again.
    let arrived = rig.ledger.begun();
    let fetch = rig.begin(200, false);
    rig.succeed_with(fetch, 1, false, None);
    let told = rig.ask_again(200, "b", arrived, Some(50));
    assert!(matches!(told, Decision::Unavailable(_)), "{told:?}");
    // Older than the machine, for all that is known.
    let fetch = rig.begin(201, false);
    rig.succeed_with(fetch, u64::MAX / 2, false, None);
    assert_eq!(rig.ask(202, "a", Some(50)), FETCH);
}

#[test]
fn what_is_in_place_of_a_key_is_asked_about_apart_and_until_the_set_changes() {
    let mut rig = Rig::fetched(0);
    rig.ask(1, "a", Some(1));
    rig.fetch(10);
    assert_eq!(rig.ask(11, "a", Some(1)), Decision::Absent);
    let error = |error| Some((Algorithm::ES256, Err(error)));
    rig.instead = error(LookupError::Ambiguous);
    assert_eq!(rig.ask(11, "a", Some(1)), FETCH, "not that of the id");
    rig.fetch(12);
    assert_eq!(rig.ask(13, "a", Some(1)), Decision::Absent);
    // A flood of ids that are nowhere does not wash it out.
    rig.instead = None;
    for kid in 0..3 * super::super::seen::CAPACITY {
        rig.ask(13, &kid.to_string(), Some(1));
    }
    rig.instead = error(LookupError::Ambiguous);
    assert_eq!(rig.ask(13, "a", Some(1)), Decision::Absent);
    rig.instead = error(LookupError::AlgorithmMismatch);
    assert_eq!(rig.ask(13, "a", Some(1)), FETCH, "another thing");
    rig.instead = error(LookupError::Ambiguous);
    // The same may be in its place again later, and that is another story.
    let began = rig.begin(14, false);
    rig.succeed_with(began, 0, true, None);
    assert_eq!(rig.ask(15, "a", Some(1)), FETCH);
}

#[test]
fn a_token_without_an_id_is_unseen_again_when_the_set_changed() {
    let mut rig = Rig::fetched(0);
    let ask = |rig: &mut Rig, at| {
        let question = Question {
            kid: None,
            instead: None,
            arrived: rig.ledger.begun(),
            issued: Some(UnixTime::from_secs(DATE + 1)),
        };
        let now = rig.moment(at);
        rig.ledger.decide(now, question)
    };
    ask(&mut rig, 1);
    rig.fetch(10);
    assert_eq!(ask(&mut rig, 11), Decision::Absent);
    let began = rig.begin(12, false);
    rig.succeed_with(began, 0, true, None);
    assert_eq!(ask(&mut rig, 13), FETCH);
}

#[path = "miss_oracle.rs"]
mod oracle;
