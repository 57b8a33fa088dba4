//! Half-open: who may try, and what the probes decide.

use std::sync::Barrier;

use portcullis_core::CircuitState::{Closed, HalfOpen, Open};

use crate::kit::{Stand, base, count, secs};

#[test]
fn s08_half_open_lets_its_probes_in_and_nobody_else() {
    let stand = Stand::new(base());
    let first = stand.half_open();
    let others = stand.run("AAA xx");
    assert_eq!(stand.circuit.snapshot().rejected, 2);
    stand.circuit.move_to(Open).unwrap();
    stand.circuit.move_to(HalfOpen).unwrap();
    // Four of its own, whatever the others before are doing.
    let fresh = stand.run("AAAA x");
    drop((first, others, fresh));
}

#[test]
fn s09_probes_that_fail_open_it_again_when_all_are_back() {
    let stand = Stand::new(base());
    stand.half_open().failure();
    stand.run("FS");
    stand.is(HalfOpen);
    stand.run("F");
    stand.is(Open);
    assert_eq!(stand.tally(), (4, 3, 0));
    assert_eq!(stand.circuit.snapshot().failure_rate, Some(0.75));
}

#[test]
fn s10_slow_probes_open_it_again() {
    let stand = Stand::new(base().probe_wait(secs(60.0)));
    stand.half_open().success();
    stand.run("Sss");
    stand.is(Open);
    assert_eq!(
        stand.told.moves().last().unwrap(),
        "half_open>open probes_slow"
    );
}

#[test]
fn s11_probes_that_go_well_enough_close_it_with_an_empty_window() {
    let stand = Stand::new(base());
    stand.half_open().failure();
    stand.run("SSS");
    stand.is(Closed);
    assert_eq!(stand.tally(), (0, 0, 0));
    stand.run("S");
    assert_eq!(stand.tally(), (1, 0, 0));
}

#[test]
fn s12_a_probe_that_says_nothing_gives_its_place_to_another() {
    let stand = Stand::new(base());
    stand.half_open().success();
    stand.run("SSI");
    stand.is(HalfOpen);
    assert_eq!(stand.tally(), (3, 0, 0));
    stand.run("F");
    stand.is(Closed);
}

#[test]
fn s13_probes_that_say_nothing_leave_all_places_free() {
    let stand = Stand::new(base());
    stand.half_open().ignore();
    stand.run("III");
    stand.is(HalfOpen);
    assert_eq!(stand.tally(), (0, 0, 0));
    stand.run("SSS");
    stand.is(HalfOpen);
    stand.run("S");
    stand.is(Closed);
}

#[test]
fn s14_probes_that_hang_open_it_again_after_their_time() {
    let stand = Stand::new(base());
    let hung = stand.half_open();
    let others = stand.run("AAA");
    stand.pass(1.0);
    stand.run("x");
    stand.is(HalfOpen);
    stand.pass(0.001);
    stand.run("x");
    stand.is(Open);
    assert_eq!(
        stand.told.moves().last().unwrap(),
        "half_open>open probes_hung"
    );
    drop((hung, others));
    stand.is(Open);
}

#[test]
fn s15_those_that_are_back_in_time_decide_for_those_that_hang() {
    for (calls, state) in [("SS", HalfOpen), ("SF", Open)] {
        let stand = Stand::new(base());
        let hung = stand.half_open();
        stand.run(calls);
        stand.pass(1.001);
        // Whoever asks next finds that their time is over.
        let next = stand.circuit.try_acquire();
        let expected = if state == Open { Open } else { Closed };
        assert_eq!(next.is_ok(), expected == Closed);
        stand.is(expected);
        drop((hung, next));
        stand.is(expected);
    }
}

#[test]
fn s16_probes_that_were_dropped_give_their_places_back() {
    let stand = Stand::new(base());
    let first = stand.half_open();
    drop((first, stand.run("AAA")));
    stand.run("SSSS");
    stand.is(Closed);
}

#[test]
fn s17_a_probe_whose_answer_began_is_good_unless_its_end_says_otherwise() {
    let stand = Stand::new(base());
    let mut stream = stand.half_open();
    stream.answered();
    stand.pass(1.001);
    // The stream goes on for hours: that is no reason to stay half-open.
    stand.run("S");
    stand.is(Closed);
    stream.failure();
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().late, 1);
}

#[test]
fn s18_probes_that_callers_hold_make_room_for_others_and_never_open_it() {
    for timed in [true, false] {
        let builder = if timed {
            base()
        } else {
            count(5, 5).probes(4).probe_wait(secs(1.0))
        };
        let stand = Stand::new(builder);
        let mut held = vec![stand.half_open()];
        held.extend(stand.run("AAA"));
        let uploads: Vec<_> = held
            .iter_mut()
            .map(|permit| permit.uploading().unwrap())
            .collect();
        stand.run("x");
        stand.pass(1.001);
        stand.run("SSSS");
        stand.is(Closed);
        drop((uploads, held));
        stand.is(Closed);
    }
}

#[test]
fn s39_of_a_hundred_at_the_end_of_its_time_as_many_pass_as_there_are_probes() {
    let stand = Stand::new(base().probes(3));
    stand.run("FFFFF");
    stand.pass(5.001);
    let gate = Barrier::new(100);
    let permits: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    gate.wait();
                    stand.circuit.try_acquire()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 3);
    assert_eq!(stand.circuit.snapshot().rejected, 97);
    let moves = ["closed>open failure_rate", "open>half_open wait_over"];
    assert_eq!(stand.told.moves(), moves);
}

#[test]
fn s41_what_began_before_a_move_decides_nothing_after_it() {
    let stand = Stand::new(base().probes(2));
    let old = stand.circuit.try_acquire().unwrap();
    let first = stand.half_open();
    old.failure();
    stand.is(HalfOpen);
    first.success();
    stand.run("S");
    stand.is(Closed);
    assert_eq!(stand.tally(), (0, 0, 0));
    assert_eq!(stand.circuit.snapshot().late, 1);
}

#[test]
fn s42_a_permit_of_closed_that_is_dropped_later_frees_no_probe() {
    let stand = Stand::new(base().probes(1));
    let old = stand.circuit.try_acquire().unwrap();
    let probe = stand.half_open();
    drop(old);
    stand.run("x");
    probe.success();
    stand.is(Closed);
}
