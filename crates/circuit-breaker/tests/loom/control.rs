//! The control word, in whole circuits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_core::CircuitState::{Closed, Disabled, HalfOpen, Open};
use portcullis_core::{Backoff, CircuitEvent, CircuitEventKind, CircuitState, Observer};
use portcullis_testing::TestClock;

use crate::circuit::{Circuit, CircuitBuilder, Permit, Window};
use crate::{at_once, explore};

type Call = Permit<TestClock>;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<CircuitEventKind>>>);

impl Observer for Told {
    fn circuit(&self, event: &CircuitEvent<'_>) {
        self.0.lock().unwrap().push(event.kind);
    }
}

impl Told {
    fn moves(&self) -> Vec<(CircuitState, CircuitState, Option<Duration>)> {
        let told = self.0.lock().unwrap();
        let moves = told.iter().filter_map(|kind| match *kind {
            CircuitEventKind::Moved {
                from, to, open_for, ..
            } => Some((from, to, open_for)),
            _ => None,
        });
        moves.collect()
    }
}

struct Stand {
    circuit: Circuit<TestClock>,
    clock: TestClock,
    told: Told,
}

/// One failure opens it, for a second; half-open has two probes that have a second.
fn stand(build: impl FnOnce(CircuitBuilder) -> CircuitBuilder) -> Stand {
    let (clock, told) = (TestClock::new(), Told::default());
    let builder = Circuit::builder("model")
        .window(Window::Count(1))
        .minimum_calls(1)
        .open_for(Backoff::fixed(Duration::from_secs(1)))
        .probes(2)
        .probe_wait(Duration::from_secs(1));
    let circuit = build(builder)
        .observer(told.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    Stand {
        circuit,
        clock,
        told,
    }
}

impl Stand {
    fn acquire(&self) -> Call {
        self.circuit.try_acquire().unwrap()
    }

    fn wait_is_over(&self) {
        self.clock.advance_sync(Duration::from_millis(1001));
    }

    /// Half-open, with so many probes under way.
    fn half_open(&self, probes: usize) -> Vec<Call> {
        self.acquire().failure();
        self.wait_is_over();
        let probes = (0..probes).map(|_| self.acquire()).collect();
        assert_eq!(self.circuit.state(), HalfOpen);
        self.told.0.lock().unwrap().clear();
        probes
    }
}

#[test]
fn of_two_trips_one_wins_and_its_deadline_stands() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let trip = |seconds| {
            let call = stand.acquire();
            move || call.overload(Some(Duration::from_secs(seconds)))
        };
        at_once(swapped, trip(20), trip(40));
        let open_for = stand.circuit.snapshot().open_for;
        assert!(open_for.is_some());
        assert_eq!(stand.told.moves(), [(Closed, Open, open_for)]);
    });
}

#[test]
fn a_trip_does_not_overwrite_a_deadline_by_hand() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let (call, circuit) = (stand.acquire(), stand.circuit.clone());
        let minute = Duration::from_secs(60);
        let by_hand = move || circuit.open_for(minute).unwrap();
        at_once(swapped, move || call.failure(), by_hand);
        // By hand was last, or was alone.
        assert_eq!(stand.circuit.snapshot().open_for, Some(minute));
        assert_eq!(stand.told.moves().len(), 1);
    });
}

#[test]
fn of_those_who_find_the_wait_over_as_many_pass_as_there_are_probes() {
    let mut model = loom::model::Builder::new();
    // All of it takes minutes.
    model.preemption_bound = Some(3);
    model.check(|| {
        let stand = stand(|builder| builder);
        stand.acquire().failure();
        stand.wait_is_over();
        let asking = [0, 1, 2].map(|_| {
            let circuit = stand.circuit.clone();
            loom::thread::spawn(move || circuit.try_acquire().ok())
        });
        let probes: Vec<_> = asking
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(probes.len(), 2);
        let moves = stand.told.moves();
        assert_eq!(moves.len(), 2, "{moves:?}");
        assert_eq!(moves[1], (Open, HalfOpen, None));
        assert_eq!(stand.circuit.snapshot().rejected, 1);
        // Their time began with them, whoever said so.
        stand.clock.advance_sync(Duration::from_secs(1));
        assert!(!stand.circuit.admits());
        stand.clock.advance_sync(Duration::from_millis(1));
        assert!(stand.circuit.admits());
    });
}

#[test]
fn a_probe_that_gives_its_place_back_makes_room_for_one() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let mut probes = stand.half_open(2);
        let (back, circuit) = (probes.pop().unwrap(), stand.circuit.clone());
        let (_, taken) = at_once(
            swapped,
            move || drop(back),
            move || circuit.try_acquire().ok(),
        );
        // It was there in time, or is there now; and there is one.
        let next = stand.circuit.try_acquire();
        assert_eq!(next.is_ok(), taken.is_none());
        assert!(stand.circuit.try_acquire().is_err());
    });
}

#[test]
fn of_two_probes_that_are_back_the_last_decides() {
    for failing in [true, false] {
        explore(move |swapped| {
            let stand = stand(|builder| builder);
            let mut probes = stand.half_open(2);
            let (one, other) = (probes.pop().unwrap(), probes.pop().unwrap());
            let settle = move || {
                if failing {
                    one.failure();
                } else {
                    one.success();
                }
            };
            at_once(swapped, settle, move || other.success());
            let to = if failing { Open } else { Closed };
            assert_eq!(stand.circuit.state(), to);
            let moves = stand.told.moves();
            assert_eq!(moves.len(), 1, "{moves:?}");
            assert_eq!((moves[0].0, moves[0].1), (HalfOpen, to));
            assert_eq!(stand.circuit.snapshot().late, 0);
        });
    }
}

#[test]
fn the_end_of_the_time_of_probes_against_the_last_of_them_decides_once() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let mut probes = stand.half_open(2);
        probes.pop().unwrap().success();
        stand.wait_is_over();
        let (last, circuit) = (probes.pop().unwrap(), stand.circuit.clone());
        let ask = move || circuit.try_acquire().ok();
        let ((), next) = at_once(swapped, move || last.success(), ask);
        assert!(next.is_some());
        assert_eq!(stand.told.moves(), [(HalfOpen, Closed, None)]);
        assert_eq!(stand.circuit.snapshot().calls, 0);
    });
}

#[test]
fn a_call_of_before_a_move_never_changes_what_comes_after_it() {
    for window in [Window::Count(1), Window::Time(Duration::from_secs(1))] {
        explore(move |swapped| {
            let stand = stand(|builder| builder.window(window).consecutive_failures(1));
            let (call, circuit) = (stand.acquire(), stand.circuit.clone());
            at_once(swapped, move || call.failure(), move || circuit.reset());
            let snapshot = stand.circuit.snapshot();
            assert_eq!(snapshot.state, Closed);
            assert_eq!((snapshot.calls, snapshot.failed_in_a_row), (0, 0));
            // It opened before and the reset closed it again, or it came late.
            assert!(matches!(stand.told.moves().len(), 0 | 2));
            stand.acquire().success();
            assert_eq!(stand.circuit.snapshot().calls, 1);
        });
    }
}

#[test]
fn a_probe_of_before_a_move_never_changes_what_comes_after_it() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let mut probes = stand.half_open(2);
        probes.pop().unwrap().success();
        let (probe, circuit) = (probes.pop().unwrap(), stand.circuit.clone());
        let by_hand = move || {
            circuit.move_to(Open).unwrap();
            circuit.move_to(HalfOpen).unwrap();
        };
        at_once(swapped, move || probe.failure(), by_hand);
        assert_eq!(stand.circuit.state(), HalfOpen);
        assert_eq!(stand.circuit.snapshot().calls, 0);
        let two = (stand.acquire(), stand.acquire());
        assert!(stand.circuit.try_acquire().is_err());
        drop(two);
    });
}

#[test]
fn a_move_by_hand_against_a_probe_that_decides_ends_where_the_hand_wanted() {
    explore(|swapped| {
        let stand = stand(|builder| builder.probes(1));
        let (probe, circuit) = (stand.half_open(1).pop().unwrap(), stand.circuit.clone());
        let by_hand = move || circuit.move_to(Disabled).unwrap();
        at_once(swapped, move || probe.failure(), by_hand);
        assert_eq!(stand.circuit.state(), Disabled);
        // Each is told by who moved it, so the second may be told of first.
        let mut moves = stand.told.moves();
        moves.sort_by_key(|told| told.0 == Open);
        assert_eq!(moves.last().unwrap().1, Disabled);
        assert!(
            moves.windows(2).all(|two| two[0].1 == two[1].0),
            "{moves:?}"
        );
    });
}

#[test]
fn the_end_of_an_upload_against_the_end_of_its_call_leaves_nobody_under_way() {
    explore(|swapped| {
        let stand = stand(|builder| builder.slow_calls(Duration::from_secs(1), 1.0));
        let mut call = stand.acquire();
        let upload = call.uploading().unwrap();
        at_once(swapped, move || upload.sent(), move || call.success());
        stand.clock.advance_sync(Duration::from_secs(10));
        assert_eq!(stand.circuit.snapshot().overdue, 0);
        // One that hangs, and that the next of its span hands to the older ones, is one.
        let hangs = stand.acquire();
        stand.clock.advance_sync(Duration::from_nanos(2 << 26));
        let next = stand.acquire();
        stand.clock.advance_sync(Duration::from_secs(10));
        assert_eq!(stand.circuit.snapshot().overdue, 2);
        drop((hangs, next));
        assert_eq!(stand.circuit.snapshot().overdue, 0);
    });
}

#[test]
fn the_end_of_an_upload_against_the_end_of_its_probe_leaves_no_upload() {
    explore(|swapped| {
        let stand = stand(|builder| builder);
        let mut probe = stand.half_open(1).pop().unwrap();
        let upload = probe.uploading().unwrap();
        at_once(swapped, move || upload.sent(), move || probe.ignore());
        // The next one hangs, and nobody says that it was the caller.
        let hangs = stand.acquire();
        stand.wait_is_over();
        assert!(stand.circuit.try_acquire().is_err());
        assert_eq!(stand.circuit.state(), Open);
        drop(hangs);
    });
}
