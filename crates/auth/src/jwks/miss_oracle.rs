//! The decisions against their plain definition, and what they are for.

use proptest::prelude::*;

use super::*;

/// One step in the life of an issuer and of those who ask.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    /// A fetch begins, if none is in flight and the ledger agrees.
    Ask {
        kid: u8,
        iat_ago: Option<u64>,
        /// How many fetches have begun since the request arrived.
        waited: u64,
    },
    Scheduled,
    End {
        good: bool,
        /// How old the answer is.
        age: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let age = prop_oneof![2 => Just(0_u64), 1 => 1_u64..60];
    let waited = prop_oneof![2 => Just(0_u64), 1 => 1_u64..3];
    let step = prop_oneof![
        3 => (0_u64..20).prop_map(Step::Pass),
        5 => (0_u8..4, proptest::option::of(0_u64..60), waited)
            .prop_map(|(kid, iat_ago, waited)| Step::Ask { kid, iat_ago, waited }),
        1 => Just(Step::Scheduled),
        3 => (any::<bool>(), age).prop_map(|(good, age)| Step::End { good, age }),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What happened, remembered in full: the oracle. Times are seconds since the start.
#[derive(Default)]
struct History {
    /// What has happened so far, counted; nothing happens at the same time.
    events: usize,
    /// When each id was seen first: by the count, by the clock.
    first_seen: std::collections::HashMap<u8, (usize, u64)>,
    good: Option<Good>,
    flight: Option<(usize, Began)>,
    failing: bool,
    charged: Vec<u64>,
}

/// The last good fetch.
#[derive(Clone, Copy)]
struct Good {
    /// When it began: by the count of events, of fetches, by the clock.
    event: usize,
    number: u64,
    began: u64,
    age: u64,
}

impl History {
    /// Whether it is proven that there is no such key; and if so, whether freshly.
    fn proof(&self, now: u64, kid: u8, arrived: u64, issued: Option<u64>) -> Option<bool> {
        let good = self.good?;
        if good.age == 0 && good.number > arrived {
            return Some(true);
        }
        let (first_event, first_at) = self.first_seen[&kid];
        let made = i128::from(good.began) - i128::from(good.age);
        let after = match good.age {
            // A question may begin a fetch.
            0 => good.event >= first_event,
            _ => made > i128::from(first_at),
        };
        let proven = after && issued.is_some_and(|issued| made >= i128::from(issued));
        proven.then_some(i128::from(now) - made < 30)
    }

    /// Whether one more fetch now keeps every window within the budget.
    fn affords(&self, now: u64) -> bool {
        (self.charged.iter().enumerate())
            .all(|(i, first)| (self.charged.len() - i + 1) as u64 <= 2 + (now - first) / 30)
    }
}

proptest! {
    #[test]
    fn decisions_are_those_of_the_definition(steps in steps()) {
        let mut rig = Rig::fetched(0);
        let first = Good { event: 0, number: 1, began: 0, age: 0 };
        let mut history = History { good: Some(first), ..History::default() };
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
                Step::End { good, age } => {
                    let Some((event, began)) = history.flight.take() else { continue };
                    history.failing = !good;
                    if good {
                        rig.succeed_with(began, age, false, None);
                        let number = began.number;
                        let began = began.moment.wall.as_secs() - DATE;
                        history.good = Some(Good { event, number, began, age });
                    } else {
                        rig.fail(began, now + 5);
                    }
                }
                Step::Scheduled => {}
                Step::Ask { kid, iat_ago, waited } => {
                    let issued = iat_ago.map(|ago| now.saturating_sub(ago));
                    let arrived = rig.ledger.begun().saturating_sub(waited);
                    history.first_seen.entry(kid).or_insert((event, now));
                    let proof = history.proof(now, kid, arrived, issued);
                    let a_cache_was_asked = history.good.is_some_and(|good| good.number > arrived);
                    let decision = rig.ask_again(now, &kid.to_string(), arrived, issued);
                    if proof == Some(true) {
                        prop_assert_eq!(decision, Decision::Absent);
                    } else if !history.failing && history.flight.is_some() {
                        prop_assert_eq!(decision, Decision::Join);
                    } else if !history.failing && !a_cache_was_asked && history.affords(now) {
                        prop_assert_eq!(decision, FETCH, "the schedule is far away");
                        history.flight = Some((event, rig.begin(now, true)));
                        history.charged.push(now);
                    } else if proof == Some(false) {
                        prop_assert_eq!(decision, Decision::Absent);
                    } else {
                        let waits = matches!(decision, Decision::Unavailable(_));
                        prop_assert!(waits, "{:?}", decision);
                    }
                }
            }
        }
    }

    /// The point of it all. The issuer publishes a key at some time and signs with it from then on; its
    /// clock differs from ours by no more than the leeway. Whatever was asked before, with whatever
    /// claims, and whatever copies caches give, a good token is never refused.
    #[test]
    fn a_good_token_is_never_absent(
        steps in steps(),
        published in 1_u64..400,
        skew in -30_i64..=30,
        displaced: bool,
    ) {
        const LEEWAY: u64 = 30;
        let mut rig = Rig::fetched(0);
        rig.instead = displaced.then_some((Algorithm::ES256, Err(LookupError::Ambiguous)));
        // Whether a set with the key is loaded: then nobody asks.
        let mut held = false;
        // The fetch in flight, and when it began.
        let mut flight: Option<(u64, Began)> = None;
        // The requests with a good token that wait: when they arrived.
        let mut waiting = Vec::new();
        let mut now = 1;
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Scheduled if flight.is_none() => {
                    flight = Some((now, rig.begin(now, false)));
                }
                Step::End { good, age } => {
                    let Some((began_at, began)) = flight.take() else { continue };
                    if good {
                        // A cache may also give a copy of before, and take the key away again.
                        let has_key = began_at >= published + age;
                        let kid = has_key.then_some("key").filter(|_| !displaced);
                        rig.succeed_with(began, age, has_key != held, kid);
                        held = has_key;
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
            if now >= published {
                // A token issued this second, by the issuer's clock.
                let issued = Some(now.saturating_add_signed(skew) + LEEWAY);
                if held {
                    // Whoever waited has it; their tokens come back later.
                    for (arrived, _) in &mut waiting {
                        *arrived = u64::MAX;
                    }
                } else {
                    waiting.push((rig.ledger.begun(), issued));
                    waiting.push((rig.ledger.begun(), None));
                    for (arrived, issued) in &waiting {
                        let arrived = rig.ledger.begun().min(*arrived);
                        let decision = rig.ask_again(now, "key", arrived, *issued);
                        prop_assert_ne!(decision, Decision::Absent);
                        if matches!(decision, Decision::Fetch { .. }) && flight.is_none() {
                            flight = Some((now, rig.begin(now, true)));
                        }
                    }
                }
            }
        }
    }
}
