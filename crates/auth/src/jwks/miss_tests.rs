use proptest::prelude::*;

use super::*;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Seconds on both clocks; the wall clock began at a date.
#[derive(Clone, Copy)]
struct Timeline(Instant);

impl Timeline {
    const DATE: u64 = 1_900_000_000;

    fn new() -> Self {
        Self(Instant::now())
    }

    fn at(self, seconds: u64) -> Instant {
        self.0 + secs(seconds)
    }

    fn moment(self, seconds: u64) -> Moment {
        Moment {
            at: self.at(seconds),
            wall: UnixTime::from_secs(Self::DATE + seconds),
        }
    }

    fn ledger(self) -> Ledger {
        Ledger::new(FetchBudget::DEFAULT, secs(7), self.at(0))
    }

    /// A ledger with one good fetch that began then; the next is an hour away.
    fn fetched(self, seconds: u64) -> Ledger {
        let mut ledger = self.ledger();
        ledger.begin(self.at(seconds), false);
        ledger.succeeded(self.moment(seconds), self.at(seconds + 3600));
        ledger
    }

    fn question(self, kid: &str, arrived: u64, issued: Option<u64>) -> Question<'_> {
        Question {
            kid: Some(kid),
            arrived: self.at(arrived),
            issued: issued.map(|at| UnixTime::from_secs(Self::DATE + at)),
        }
    }
}

#[test]
fn the_first_fetch_is_free_and_joined() {
    let time = Timeline::new();
    let mut ledger = time.ledger();
    let question = time.question("a", 0, Some(0));
    assert_eq!(
        ledger.decide(time.moment(0), question),
        Decision::Fetch { charged: false }
    );
    ledger.begin(time.at(0), false);
    assert_eq!(ledger.decide(time.moment(1), question), Decision::Join);
    ledger.succeeded(time.moment(0), time.at(3600));
    // The whole budget is still there.
    for at in [2, 4] {
        assert_eq!(
            ledger.decide(time.moment(at), time.question("b", at, None)),
            Decision::Fetch { charged: true }
        );
        ledger.begin(time.at(at), true);
        ledger.succeeded(time.moment(at), time.at(3600));
    }
    assert_eq!(
        ledger.decide(time.moment(5), time.question("b", 5, None)),
        Decision::Unavailable(secs(27))
    );
}

#[test]
fn a_fetch_that_began_after_the_request_is_evidence() {
    let time = Timeline::new();
    let mut ledger = time.fetched(10);
    for (arrived, issued, decision) in [
        (9, None, Decision::Absent),
        (10, None, Decision::Absent),
        (10, Some(900), Decision::Absent),
        (11, None, Decision::Fetch { charged: true }),
    ] {
        let question = time.question("a", arrived, issued);
        assert_eq!(ledger.decide(time.moment(12), question), decision, "{arrived} {issued:?}");
    }
}

#[test]
fn a_fetch_is_evidence_for_an_id_seen_before_it_and_a_token_issued_before_it() {
    let time = Timeline::new();
    let mut ledger = time.fetched(10);
    // Seen before the fetch that counts.
    ledger.decide(time.moment(11), time.question("seen", 11, None));
    ledger.begin(time.at(20), true);
    ledger.succeeded(time.moment(20), time.at(3600));
    let fetch = Decision::Fetch { charged: true };
    for (kid, issued, decision) in [
        ("seen", Some(19), Decision::Absent),
        ("seen", Some(20), Decision::Absent),
        ("seen", Some(21), fetch),
        ("seen", None, fetch),
        ("new", Some(5), fetch),
    ] {
        let question = time.question(kid, 30, issued);
        assert_eq!(ledger.decide(time.moment(30), question), decision, "{kid} {issued:?}");
    }
}

/// Somebody sends the id of the next key before there is one.
#[test]
fn an_id_sent_ahead_of_its_key_does_not_condemn_the_first_good_token() {
    let time = Timeline::new();
    let mut ledger = time.fetched(0);
    let leeway = 30;
    ledger.decide(time.moment(5), time.question("next", 5, Some(5 + leeway)));
    ledger.begin(time.at(100), false);
    ledger.succeeded(time.moment(100), time.at(3600));
    // The issuer now publishes the key and signs with it, at 101.
    let good = time.question("next", 101, Some(101 + leeway));
    assert_eq!(
        ledger.decide(time.moment(101), good),
        Decision::Fetch { charged: true }
    );
    // A forged token of before is refused without a fetch all the same.
    let forged = time.question("next", 102, Some(60 + leeway));
    assert_eq!(ledger.decide(time.moment(102), forged), Decision::Absent);
}

#[test]
fn nobody_waits_for_an_issuer_that_is_down() {
    let time = Timeline::new();
    let mut ledger = time.fetched(0);
    ledger.begin(time.at(10), true);
    ledger.failed(time.at(10), time.at(25));
    let unknown = |at| time.question("a", at, Some(at));
    assert_eq!(
        ledger.decide(time.moment(12), unknown(12)),
        Decision::Unavailable(secs(13))
    );
    // Nor while the next attempt runs, be it due or overdue.
    assert_eq!(
        ledger.decide(time.moment(26), unknown(26)),
        Decision::Unavailable(secs(0))
    );
    ledger.begin(time.at(26), false);
    assert_eq!(
        ledger.decide(time.moment(28), unknown(28)),
        Decision::Unavailable(secs(5))
    );
    // What was known before the outage is still evidence.
    ledger.decide(time.moment(28), time.question("b", 0, None));
    assert_eq!(
        ledger.decide(time.moment(28), time.question("b", 0, None)),
        Decision::Absent
    );
}

#[test]
fn a_fetch_that_fails_is_no_evidence() {
    let time = Timeline::new();
    let mut ledger = time.fetched(0);
    let question = time.question("a", 5, Some(5));
    ledger.decide(time.moment(5), question);
    ledger.begin(time.at(6), true);
    ledger.failed(time.at(6), time.at(8));
    assert_eq!(ledger.decide(time.moment(7), question), Decision::Unavailable(secs(1)));
    ledger.begin(time.at(8), false);
    ledger.succeeded(time.moment(8), time.at(3600));
    assert_eq!(ledger.decide(time.moment(9), question), Decision::Absent);
}

#[test]
fn a_spent_budget_waits_for_what_comes_first() {
    let time = Timeline::new();
    let mut ledger = time.ledger();
    ledger.succeeded(time.moment(0), time.at(10));
    ledger.begin(time.at(1), true);
    ledger.begin(time.at(1), true);
    ledger.succeeded(time.moment(1), time.at(10));
    assert_eq!(
        ledger.decide(time.moment(2), time.question("a", 2, None)),
        Decision::Unavailable(secs(8)),
        "the scheduled fetch"
    );
    ledger.succeeded(time.moment(1), time.at(100));
    assert_eq!(
        ledger.decide(time.moment(2), time.question("a", 2, None)),
        Decision::Unavailable(secs(29)),
        "the budget"
    );
    assert_eq!(
        ledger.decide(time.moment(100), time.question("a", 100, None)),
        Decision::Fetch { charged: false },
        "a scheduled fetch that nobody made"
    );
}

#[test]
fn a_flight_that_is_lost_does_not_last() {
    let time = Timeline::new();
    let mut ledger = time.fetched(0);
    ledger.begin(time.at(10), true);
    let question = time.question("a", 12, None);
    assert_eq!(ledger.decide(time.moment(12), question), Decision::Join);
    assert_eq!(
        ledger.decide(time.moment(17), question),
        Decision::Fetch { charged: true }
    );
    ledger.begin(time.at(17), true);
    ledger.lose(time.at(18));
    assert_eq!(
        ledger.decide(time.moment(18), question),
        Decision::Unavailable(secs(0))
    );
    assert_eq!(ledger.until_next(time.at(18)), secs(0));
}

#[test]
fn of_two_readings_of_the_wall_clock_the_earlier_counts() {
    let time = Timeline::new();
    let mut ledger = time.ledger();
    ledger.decide(time.moment(0), time.question("a", 0, None));
    // At the fetch the wall clock was an hour ahead; it is right by now.
    let ahead = Moment {
        at: time.at(10),
        wall: time.moment(3610).wall,
    };
    ledger.succeeded(ahead, time.at(7200));
    let question = time.question("a", 60, Some(50));
    assert_eq!(
        ledger.decide(time.moment(60), question),
        Decision::Fetch { charged: true }
    );
    // And the reverse: it was right then, and is an hour ahead now.
    ledger.succeeded(time.moment(70), time.at(7200));
    let ahead = Moment {
        at: time.at(80),
        wall: time.moment(3680).wall,
    };
    let question = time.question("a", 80, Some(75));
    assert_eq!(ledger.decide(ahead, question), Decision::Fetch { charged: true });
}

/// One step in the life of an issuer and of those who ask.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    /// A fetch begins, if none is in flight and the ledger agrees.
    Ask { kid: u8, iat_ago: Option<u64> },
    Scheduled,
    End { good: bool },
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
    first_seen: std::collections::HashMap<u8, u64>,
    /// When each good fetch began.
    good: Vec<u64>,
    flight: Option<u64>,
    failing: bool,
    charged: Vec<u64>,
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_definition(steps in steps()) {
        let time = Timeline::new();
        let mut ledger = time.ledger();
        ledger.succeeded(time.moment(0), time.at(1_000_000));
        let mut history = History { good: vec![0], ..History::default() };
        let mut now = 1;
        for step in steps {
            match step {
                Step::Pass(seconds) => {
                    now += seconds;
                    // Fetches end in their time.
                    if history.flight.is_some_and(|began| now - began >= 7) {
                        let began = history.flight.take().unwrap();
                        ledger.failed(time.at(began), time.at(now + 5));
                        history.failing = true;
                    }
                }
                Step::Scheduled if history.flight.is_none() => {
                    ledger.begin(time.at(now), false);
                    history.flight = Some(now);
                }
                Step::End { good } => {
                    let Some(began) = history.flight.take() else { continue };
                    history.failing = !good;
                    if good {
                        ledger.succeeded(time.moment(began), time.at(1_000_000));
                        history.good.push(began);
                    } else {
                        ledger.failed(time.at(began), time.at(now + 5));
                    }
                }
                Step::Scheduled => {}
                Step::Ask { kid, iat_ago } => {
                    let issued = iat_ago.map(|ago| now.saturating_sub(ago));
                    let first = *history.first_seen.entry(kid).or_insert(now);
                    let proof = history.good.iter().any(|began| {
                        *began >= now
                            || (*began >= first && issued.is_some_and(|issued| *began >= issued))
                    });
                    let name = kid.to_string();
                    let decision =
                        ledger.decide(time.moment(now), time.question(&name, now, issued));
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
                            ledger.begin(time.at(now), true);
                            history.flight = Some(now);
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
        let time = Timeline::new();
        let mut ledger = time.ledger();
        ledger.succeeded(time.moment(0), time.at(1_000_000));
        // Whether a set with the key is loaded: then nobody asks.
        let mut held = false;
        let mut flight = None;
        let mut now = 1;
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Scheduled if flight.is_none() => {
                    ledger.begin(time.at(now), false);
                    flight = Some(now);
                }
                Step::End { good } => {
                    let Some(began) = flight.take() else { continue };
                    if good {
                        ledger.succeeded(time.moment(began), time.at(1_000_000));
                        held |= began >= published;
                    } else {
                        ledger.failed(time.at(began), time.at(now + 5));
                    }
                }
                Step::Scheduled => {}
                // An attacker, who knows the id of the key to come.
                Step::Ask { iat_ago, .. } if !held => {
                    let issued = iat_ago.map(|ago| now.saturating_sub(ago));
                    ledger.decide(time.moment(now), time.question("key", now, issued));
                }
                Step::Ask { .. } => {}
            }
            if now >= published && !held {
                // A token issued this second, by the issuer's clock.
                let issued = now.saturating_add_signed(skew) + LEEWAY;
                let good = time.question("key", now, Some(issued));
                let decision = ledger.decide(time.moment(now), good);
                prop_assert_ne!(decision, Decision::Absent);
                let silent = ledger.decide(time.moment(now), time.question("key", now, None));
                prop_assert_ne!(silent, Decision::Absent);
                if matches!(decision, Decision::Fetch { .. }) && flight.is_none() {
                    ledger.begin(time.at(now), true);
                    flight = Some(now);
                }
            }
        }
    }
}
