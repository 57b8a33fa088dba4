use proptest::prelude::*;

use super::*;

const CAP: Duration = Duration::from_secs(30);
const AGE: Duration = Duration::from_secs(3600);

struct Bench {
    machine: Machine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let rules = Rules {
            reconnect_cap: CAP,
            max_age: AGE,
        };
        Self {
            machine: Machine::new(rules, now),
            now,
        }
    }

    fn connected() -> (Self, u64) {
        let mut bench = Self::new();
        assert_eq!(bench.step(), Step::Connect);
        let number = bench.machine.connected(bench.now);
        (bench, number)
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
    }

    fn step(&mut self) -> Step {
        self.machine.step(self.now)
    }

    /// How long until the next attempt.
    fn wait(&mut self) -> Duration {
        match self.step() {
            Step::Until(Some(next)) => next - self.now,
            other => panic!("{other:?}"),
        }
    }

    fn fail(&mut self) {
        self.machine.failed(self.now, Cause::ConnectionRefused);
    }

    fn silence(&mut self, number: u64) {
        for n in 1..=SILENT_AFTER {
            let silent = self.machine.timed_out(number, self.now);
            assert_eq!(silent, n == SILENT_AFTER);
        }
    }
}

#[test]
fn while_there_is_no_connection_calls_fail_at_once_with_the_cause() {
    let mut bench = Bench::new();
    let down = |cause| Err(LinkError::Down(cause));
    assert_eq!(bench.machine.admit(), down(Cause::Starting));
    assert_eq!(bench.step(), Step::Connect);
    // One attempt at a time.
    assert_eq!(bench.step(), Step::Until(None));
    bench.fail();
    assert_eq!(bench.machine.admit(), down(Cause::ConnectionRefused));
}

#[test]
fn waits_between_attempts_grow_up_to_the_cap_and_begin_anew_after_a_stable_connection() {
    let mut bench = Bench::new();
    let mut ceiling = FIRST_WAIT;
    for _ in 0..12 {
        assert_eq!(bench.step(), Step::Connect);
        bench.fail();
        let wait = bench.wait();
        assert!(wait >= ceiling / 2 && wait <= ceiling, "{wait:?}");
        bench.pass(wait);
        ceiling = CAP.min(ceiling * 2);
    }
    assert_eq!(bench.step(), Step::Connect);
    let number = bench.machine.connected(bench.now);
    // What ends at once is a failure, too.
    assert!(bench.machine.lost(number, bench.now, Cause::Closed));
    let wait = bench.wait();
    assert!(wait >= CAP / 2);
    bench.pass(wait);
    assert_eq!(bench.step(), Step::Connect);
    let number = bench.machine.connected(bench.now);
    bench.pass(STABLE);
    assert!(bench.machine.lost(number, bench.now, Cause::Closed));
    assert_eq!(bench.step(), Step::Connect);
    bench.fail();
    assert!(bench.wait() <= FIRST_WAIT);
}

#[test]
fn three_timeouts_in_a_row_make_it_silent_and_an_answer_between_does_not() {
    let (mut bench, number) = Bench::connected();
    for _ in 0..10 {
        bench.machine.timed_out(number, bench.now);
        bench.machine.timed_out(number, bench.now);
        assert!(!bench.machine.answered(number, bench.now));
    }
    assert_eq!(bench.machine.admit(), Ok(()));
    bench.silence(number);
    assert_eq!(bench.machine.admit(), Err(LinkError::Silent));
    assert_eq!(bench.machine.silent(), Some(number));
    // A second connection is made beside it, and takes its place when it has shaken hands.
    assert_eq!(bench.step(), Step::Connect);
    assert_eq!(bench.machine.admit(), Err(LinkError::Silent));
    let second = bench.machine.connected(bench.now);
    assert_eq!(bench.machine.admit(), Ok(()));
    // What the first says no longer counts.
    assert!(!bench.machine.answered(number, bench.now));
    assert!(!bench.machine.lost(number, bench.now, Cause::Closed));
    bench.machine.timed_out(number, bench.now);
    assert_eq!(bench.machine.silent(), None);
    assert_eq!(bench.machine.health(bench.now).reconnects, second - 1);
}

#[test]
fn a_silent_connection_that_answers_is_good_again_and_no_other_is_made() {
    let (mut bench, number) = Bench::connected();
    bench.silence(number);
    assert_eq!(bench.step(), Step::Connect);
    bench.fail();
    assert!(bench.machine.answered(number, bench.now));
    assert_eq!(bench.machine.admit(), Ok(()));
    bench.pass(Duration::from_secs(60));
    assert!(matches!(bench.step(), Step::Until(Some(_))));
}

#[test]
fn one_that_grew_old_serves_until_another_has_shaken_hands() {
    let (mut bench, number) = Bench::connected();
    let age = bench.wait();
    assert!(age > AGE * 7 / 10 && age <= AGE);
    bench.pass(age);
    assert_eq!(bench.step(), Step::Connect);
    assert_eq!(bench.machine.admit(), Ok(()));
    bench.fail();
    assert_eq!(bench.machine.admit(), Ok(()));
    let wait = bench.wait();
    bench.pass(wait);
    assert_eq!(bench.step(), Step::Connect);
    let next = bench.machine.connected(bench.now);
    assert_eq!(next, number + 1);
    // It was connected all the time.
    assert_eq!(bench.machine.health(bench.now).since, age + wait);
}

#[test]
fn whoever_needs_it_gets_an_attempt_before_its_time_and_not_too_often() {
    let mut bench = Bench::new();
    assert_eq!(bench.step(), Step::Connect);
    for _ in 0..10 {
        bench.fail();
        bench.pass(WAKE_GAP);
        bench.machine.wake(bench.now);
        assert_eq!(bench.step(), Step::Connect);
    }
    bench.fail();
    assert!(!bench.machine.wake(bench.now));
    let (mut bench, _) = Bench::connected();
    bench.pass(AGE / 2);
    assert!(!bench.machine.wake(bench.now), "it is connected");
}

#[test]
fn whoever_was_to_connect_and_failed_is_followed_by_another() {
    let mut bench = Bench::new();
    assert_eq!(bench.step(), Step::Connect);
    bench.machine.restart(bench.now);
    let wait = bench.wait();
    assert!(wait <= FIRST_WAIT);
    bench.pass(wait);
    assert_eq!(bench.step(), Step::Connect);
}

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Step,
    Connected,
    Failed,
    Answered(u64),
    TimedOut(u64),
    Lost(u64),
    Wake,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0_u64..100_000).prop_map(Event::Pass),
        Just(Event::Step),
        Just(Event::Connected),
        Just(Event::Failed),
        (0_u64..3).prop_map(Event::Answered),
        (0_u64..3).prop_map(Event::TimedOut),
        (0_u64..3).prop_map(Event::Lost),
        Just(Event::Wake),
    ]
}

proptest! {
    /// Whatever happens: one attempt at a time, and whenever calls fail another attempt comes within the cap.
    #[test]
    fn it_never_wedges(events in prop::collection::vec(event(), 0..200)) {
        let mut bench = Bench::new();
        let (mut connecting, mut newest) = (false, 0);
        for event in events {
            let number = |back: u64| newest - back.min(newest);
            match event {
                Event::Pass(millis) => bench.pass(Duration::from_millis(millis)),
                Event::Step => if bench.step() == Step::Connect {
                    prop_assert!(!connecting);
                    connecting = true;
                },
                Event::Connected if connecting => {
                    connecting = false;
                    newest = bench.machine.connected(bench.now);
                    prop_assert!(bench.machine.admit().is_ok());
                }
                Event::Failed if connecting => {
                    connecting = false;
                    bench.fail();
                }
                Event::Connected | Event::Failed => {}
                Event::Answered(back) => { bench.machine.answered(number(back), bench.now); }
                Event::TimedOut(back) => { bench.machine.timed_out(number(back), bench.now); }
                Event::Lost(back) => { bench.machine.lost(number(back), bench.now, Cause::Closed); }
                Event::Wake => { bench.machine.wake(bench.now); }
            }
            if bench.machine.admit().is_err() && !connecting {
                let mut later = bench.now;
                later += CAP;
                let from = match bench.machine.current {
                    Some(ref current) if !current.is_silent() => current.replace,
                    _ => bench.machine.next,
                };
                prop_assert!(from <= later);
            }
        }
    }
}
