use proptest::prelude::*;

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A ledger, and time in seconds on both clocks; the wall clock began at a date.
struct Rig {
    start: Instant,
    ledger: Ledger,
}

const DATE: u64 = 1_900_000_000;
const FETCH: Decision = Decision::Fetch { charged: true };

impl Rig {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            ledger: Ledger::new(FetchBudget::DEFAULT, secs(7), start),
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
        let next = self.at(1_000_000);
        self.ledger.succeeded(began, next, false, []);
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
            instead: None,
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
    rig.ledger
        .succeeded(brought, rig.at(1_000_000), true, ["key"]);
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
        rig.ledger.succeeded(began, rig.at(10), false, []);
    }
    let schedule = Decision::Unavailable(secs(8));
    assert_eq!(rig.ask(2, "a", None), schedule, "the scheduled fetch");
    let began = rig.begin(1, false);
    rig.ledger.succeeded(began, rig.at(100), false, []);
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

/// One step in the life of an issuer and of those who ask.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    /// A fetch begins, if none is in flight and the ledger agrees.
    Ask {
        kid: u8,
        iat_ago: Option<u64>,
    },
    Scheduled,
    End {
        good: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u64..20).prop_map(Step::Pass),
        5 => (0_u8..4, proptest::option::of(0_u64..60))
            .prop_map(|(kid, iat_ago)| Step::Ask { kid, iat_ago }),
        1 => Just(Step::Scheduled),
        3 => any::<bool>().prop_map(|good| Step::End { good }),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What happened, remembered in full: the oracle.
#[derive(Default)]
struct History {
    /// What has happened so far, counted; nothing happens at the same time.
    events: usize,
    first_seen: std::collections::HashMap<u8, usize>,
    /// When each good fetch began: by the count, by the clock.
    good: Vec<(usize, u64)>,
    flight: Option<(usize, Began)>,
    failing: bool,
    charged: Vec<u64>,
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_definition(steps in steps()) {
        let mut rig = Rig::fetched(0);
        let mut history = History { good: vec![(0, 0)], ..History::default() };
        let mut now = 1;
        for step in steps {
            history.events += 1;
            let event = history.events;
            match step {
                Step::Pass(seconds) => {
                    now += seconds;
                    // Fetches end in their time.
                    let overdue = |began: &Began| rig.at(now) - began.moment.at >= secs(7);
                    if history.flight.as_ref().is_some_and(|(_, began)| overdue(began)) {
                        let (_, began) = history.flight.take().unwrap();
                        rig.fail(began, now + 5);
                        history.failing = true;
                    }
                }
                Step::Scheduled if history.flight.is_none() => {
                    history.flight = Some((event, rig.begin(now, false)));
                }
                Step::End { good } => {
                    let Some((count, began)) = history.flight.take() else { continue };
                    history.failing = !good;
                    if good {
                        rig.succeed(began);
                        history.good.push((count, began.moment.wall.as_secs() - DATE));
                    } else {
                        rig.fail(began, now + 5);
                    }
                }
                Step::Scheduled => {}
                Step::Ask { kid, iat_ago } => {
                    let issued = iat_ago.map(|ago| now.saturating_sub(ago));
                    let first = *history.first_seen.entry(kid).or_insert(event);
                    let proof = history.good.iter().any(|(count, began)| {
                        // A question may begin a fetch.
                        *count >= first && issued.is_some_and(|issued| *began >= issued)
                    });
                    let decision = rig.ask(now, &kid.to_string(), issued);
                    match decision {
                        Decision::Absent => prop_assert!(proof),
                        other => prop_assert!(!proof, "{:?}", other),
                    }
                    match decision {
                        Decision::Absent => {}
                        Decision::Unavailable(wait) => prop_assert!(
                            history.failing || history.flight.is_none() && !wait.is_zero()
                        ),
                        Decision::Join => {
                            prop_assert!(history.flight.is_some() && !history.failing);
                        }
                        Decision::Fetch { charged } => {
                            prop_assert!(charged, "the schedule is far away");
                            prop_assert!(history.flight.is_none() && !history.failing);
                            history.flight = Some((event, rig.begin(now, true)));
                            history.charged.push(now);
                        }
                    }
                }
            }
        }
        for (i, first) in history.charged.iter().enumerate() {
            for (j, last) in history.charged.iter().enumerate().skip(i) {
                prop_assert!((j - i + 1) as u64 <= 2 + (last - first) / 30, "the budget");
            }
        }
    }

    /// The point of it all. The issuer publishes a key at some time and signs with it from then on; its
    /// clock differs from ours by no more than the leeway. Whatever was asked before, with whatever
    /// claims, a good token is never refused unless the key was looked up since it exists.
    #[test]
    fn a_good_token_is_never_absent(
        steps in steps(),
        published in 1_u64..400,
        skew in -30_i64..=30,
    ) {
        const LEEWAY: u64 = 30;
        let mut rig = Rig::fetched(0);
        // Whether a set with the key is loaded: then nobody asks.
        let mut held = false;
        // The fetch in flight, and whether the key was published when it began.
        let mut flight: Option<(bool, Began)> = None;
        // The requests with a good token that wait: when they arrived.
        let mut waiting = Vec::new();
        let mut now = 1;
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Scheduled if flight.is_none() => {
                    flight = Some((now >= published, rig.begin(now, false)));
                }
                Step::End { good } => {
                    let Some((has_key, began)) = flight.take() else { continue };
                    if good {
                        rig.succeed(began);
                        held |= has_key;
                    } else {
                        rig.fail(began, now + 5);
                    }
                }
                Step::Scheduled => {}
                // An attacker, who knows the id of the key to come.
                Step::Ask { iat_ago, .. } if !held => {
                    rig.ask(now, "key", iat_ago.map(|ago| now.saturating_sub(ago)));
                }
                Step::Ask { .. } => {}
            }
            if now >= published && !held {
                // A token issued this second, by the issuer's clock.
                let issued = Some(now.saturating_add_signed(skew) + LEEWAY);
                waiting.push((rig.ledger.begun(), issued));
                waiting.push((rig.ledger.begun(), None));
                for (arrived, issued) in &waiting {
                    let decision = rig.ask_again(now, "key", *arrived, *issued);
                    prop_assert_ne!(decision, Decision::Absent);
                    if matches!(decision, Decision::Fetch { .. }) && flight.is_none() {
                        flight = Some((true, rig.begin(now, true)));
                    }
                }
            }
        }
    }
}
