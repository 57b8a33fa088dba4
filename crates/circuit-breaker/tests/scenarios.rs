//! What a circuit does, step by step, on a clock that stands still.
//!
//! The numbers are those of the table of scenarios in `docs/circuit-breaker.md`.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

mod kit;

use std::sync::Barrier;
use std::time::Duration;

use kit::{Stand, base, count, secs};
use portcullis_circuit_breaker::{Cancelled, Circuit, Window};
use portcullis_core::CircuitState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};
use portcullis_core::{Backoff, Outcome};

#[test]
fn s01_a_success_that_brings_the_minimum_opens_too() {
    let stand = Stand::new(base());
    stand.run("FFFS");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, None);
    stand.run("S");
    stand.is(Open);
    let snapshot = stand.circuit.snapshot();
    assert_eq!(snapshot.failure_rate, Some(0.6));
    assert_eq!(stand.tally(), (5, 3, 0));
    stand.run("x");
    assert_eq!(stand.circuit.snapshot().rejected, 1);
}

#[test]
fn s02_the_limit_itself_opens_and_below_it_nothing_does() {
    let stand = Stand::new(base());
    stand.run("S+S+S+F+F");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, Some(0.4));
    stand.run("+F");
    stand.is(Open);
}

#[test]
fn s03_slow_calls_open_whether_they_fail_or_not() {
    let stand = Stand::new(base());
    stand.run("fsFS");
    stand.is(Closed);
    stand.run("s");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open slow_rate"]);
    assert_eq!(stand.tally(), (5, 2, 3));
}

#[test]
fn s04_a_call_is_slow_above_the_threshold_and_not_at_it() {
    let stand = Stand::new(count(10, 1).slow_calls(secs(1.0), 0.1));
    let permit = stand.circuit.try_acquire().unwrap();
    stand.pass(1.0);
    permit.success();
    assert_eq!(stand.tally(), (1, 0, 0));
    let permit = stand.circuit.try_acquire().unwrap();
    stand
        .clock
        .advance_sync(Duration::from_nanos(1_000_000_001));
    permit.success();
    stand.is(Open);
}

#[test]
fn s05_at_the_end_of_its_time_it_is_open_and_a_millisecond_later_it_probes() {
    let stand = Stand::new(base());
    stand.run("FFFFF x");
    stand.pass(3.0);
    stand.run("x");
    assert_eq!(stand.circuit.snapshot().rejected, 2);
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(2.0)));
    stand.pass(2.0);
    stand.run("x");
    stand.is(Open);
    assert!(!stand.circuit.admits());
    stand.pass(0.001);
    assert!(stand.circuit.admits());
    stand.is(Open);
    stand.run("A");
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[test]
fn s06_the_time_that_it_is_open_grows_and_begins_anew_after_it_was_closed() {
    let backoff = Backoff::exponential_by(1.5, secs(5.0), secs(60.0)).unwrap();
    let backoff = backoff.with_jitter(portcullis_core::Jitter::None);
    let stand = Stand::new(base().open_for(backoff).probes(1));
    stand.run("FFFFF");
    stand.pass(5.0);
    stand.run("x.F");
    stand.is(Open);
    stand.pass(7.5);
    stand.run("x.F");
    stand.pass(11.25);
    stand.run("x.S");
    stand.is(Closed);
    stand.run("FFFFF");
    stand.pass(5.0);
    stand.run("x.S");
    stand.is(Closed);
}

#[test]
fn s07_jitter_stays_below_the_wait_and_never_makes_nothing_of_it() {
    let backoff = Backoff::exponential(secs(1.0), secs(8.0));
    let stand = Stand::new(base().open_for(backoff).probes(1));
    stand.run("FFFFF");
    for _ in 0..200 {
        let left = stand.circuit.snapshot().open_for.unwrap();
        assert!(
            left <= secs(8.0) && left >= Duration::from_millis(1),
            "{left:?}"
        );
        stand.pass(8.001);
        stand.run("F");
        stand.is(Open);
    }
}

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
fn s19_old_successes_do_not_outweigh_what_happens_now() {
    let stand = Stand::new(count(10, 10));
    stand.run(&"S".repeat(1000));
    stand.run("FFFF");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failure_rate, Some(0.4));
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s20_what_leaves_the_window_is_forgotten_one_by_one() {
    let stand = Stand::new(count(10, 10));
    stand.run("FFFF SSSSSS");
    assert_eq!(stand.tally(), (10, 4, 0));
    stand.run("SSS");
    assert_eq!(stand.tally(), (10, 1, 0));
    stand.run("SFFF");
    assert_eq!(stand.tally(), (10, 3, 0));
    stand.is(Closed);
}

#[test]
fn s21_the_minimum_of_calls_is_enough_however_long_the_window() {
    let stand = Stand::new(count(100, 5));
    stand.run("FFFF");
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s22_a_minimum_above_the_window_is_the_window() {
    let stand = Stand::new(count(5, 10));
    stand.run("FFFF");
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
}

#[test]
fn s23_a_window_of_time_holds_what_came_in_that_time() {
    let builder = || {
        Circuit::builder("time")
            .window(Window::Time(secs(10.0)))
            .minimum_calls(100)
    };
    let stand = Stand::new(builder());
    stand.run(&"F".repeat(99));
    stand.is(Closed);
    stand.run("F");
    stand.is(Open);
    // At nine a second there are never a hundred in ten seconds.
    let stand = Stand::new(builder());
    for _ in 0..200 {
        stand.run("F");
        stand
            .clock
            .advance_sync(Duration::from_nanos(1_000_000_000 / 9));
    }
    stand.is(Closed);
}

#[test]
fn s24_a_window_of_time_slides_by_a_sixteenth() {
    let stand = Stand::new(
        Circuit::builder("time")
            .window(Window::Time(secs(1.6)))
            .minimum_calls(100),
    );
    for _ in 0..16 {
        stand.run("F.");
    }
    // 1.6 s later the first is gone, and each tenth of a second one more.
    for left in (1..16).rev() {
        assert_eq!(stand.tally().0, left);
        stand.pass(0.1);
    }
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[test]
fn s25_a_window_that_nobody_used_for_long_is_empty() {
    for pause in [2.0, 60.0, 3600.0, 86_400.0 * 30.0] {
        let stand = Stand::new(
            Circuit::builder("time")
                .window(Window::Time(secs(1.0)))
                .minimum_calls(3),
        );
        stand.run("FF");
        stand.pass(pause);
        stand.run("F");
        stand.is(Closed);
        assert_eq!(stand.tally(), (1, 1, 0), "after {pause} s");
    }
}

#[test]
fn s26_a_success_opens_when_the_good_ones_leave_the_window() {
    let stand = Stand::new(base());
    stand.run("SSSSSS++++++++++ FFFF");
    stand.is(Closed);
    stand.run("++++++++++.S");
    stand.is(Open);
}

#[test]
fn s27_what_is_ignored_is_not_in_the_window() {
    let stand = Stand::new(base());
    stand.run("FI");
    assert_eq!(stand.tally(), (1, 1, 0));
}

#[test]
fn s29_overload_is_a_failure_and_may_keep_it_open_for_longer() {
    let stand = Stand::new(count(10, 1));
    let permit = stand.circuit.try_acquire().unwrap();
    permit.overload(Some(secs(40.0)));
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(40.0)));
    let stand = Stand::new(count(10, 1));
    let permit = stand.circuit.try_acquire().unwrap();
    let retry_after = Some(Duration::MAX);
    permit.settle(Outcome::Overload { retry_after });
    assert_eq!(stand.circuit.snapshot().open_for, Some(secs(300.0)));
}

#[test]
fn s30_a_reset_begins_anew_from_every_state() {
    let stand = Stand::new(base());
    stand.run("SF");
    stand.circuit.reset();
    assert_eq!(stand.tally(), (0, 0, 0));
    assert!(stand.told.moves().is_empty());
    stand.run("FFFFF");
    stand.circuit.reset();
    stand.is(Closed);
    let moves = ["closed>open failure_rate", "open>closed by_hand"];
    assert_eq!(stand.told.moves(), moves);
    for state in [ForcedOpen, Disabled, MetricsOnly] {
        stand.circuit.move_to(state).unwrap();
        stand.circuit.reset();
        stand.is(Closed);
    }
}

#[test]
fn s31_disabled_lets_all_pass_and_counts_nothing() {
    let stand = Stand::new(base());
    stand.circuit.move_to(Disabled).unwrap();
    stand.run("FFFFFFFFFF s");
    stand.is(Disabled);
    assert_eq!(stand.tally(), (0, 0, 0));
}

#[test]
fn s32_forced_open_stays_so_until_somebody_ends_it() {
    let stand = Stand::new(base());
    stand.circuit.move_to(ForcedOpen).unwrap();
    stand.run("x");
    stand.pass(6.0);
    stand.run("x");
    assert_eq!(stand.circuit.snapshot().rejected, 2);
    assert_eq!(stand.circuit.try_acquire().unwrap_err().retry_after(), None);
    stand.circuit.move_to(Closed).unwrap();
    stand.run("S");
}

#[test]
fn s33_metrics_only_says_once_that_it_would_have_opened() {
    let stand = Stand::new(base());
    stand.circuit.move_to(MetricsOnly).unwrap();
    stand.run("FFFSSF");
    stand.is(MetricsOnly);
    assert_eq!(stand.told.would_open(), ["failure_rate"]);
    let stand = Stand::new(base());
    let five_slow_ones = || {
        stand.circuit.move_to(MetricsOnly).unwrap();
        let calls = stand.run("AAAAA");
        stand.pass(5.0);
        calls.into_iter().for_each(kit::Call::success);
        stand.is(MetricsOnly);
    };
    five_slow_ones();
    assert_eq!(stand.told.would_open(), ["slow_rate"]);
    // Another time in this state is another time.
    stand.circuit.move_to(Closed).unwrap();
    five_slow_ones();
    assert_eq!(stand.told.would_open().len(), 2);
}

#[test]
fn s34_illegal_moves_are_errors_and_change_nothing() {
    let stand = Stand::new(base());
    let error = stand.circuit.move_to(HalfOpen).unwrap_err();
    let text = "a circuit does not move from closed to half_open";
    assert_eq!(error.to_string(), text);
    stand.is(Closed);
    stand.circuit.move_to(MetricsOnly).unwrap();
    assert!(stand.circuit.move_to(HalfOpen).is_err());
    assert!(stand.circuit.move_to(Open).is_err());
    assert!(stand.circuit.open_for(secs(1.0)).is_err());
    stand.is(MetricsOnly);
    stand.circuit.move_to(ForcedOpen).unwrap();
    let told = stand.told.moves().len();
    stand.circuit.move_to(ForcedOpen).unwrap();
    assert_eq!(stand.told.moves().len(), told);
}

#[test]
fn s35_open_for_holds_as_long_as_it_says_and_is_no_attempt() {
    let stand = Stand::new(base().open_for(Backoff::fixed(secs(5.0))));
    stand.circuit.open_for(secs(7200.0)).unwrap();
    stand.pass(3600.0);
    stand.run("x");
    stand.pass(3601.0);
    stand.run("A");
    stand.is(HalfOpen);
    let stand = Stand::new(base());
    let until = portcullis_core::Clock::now(&stand.clock) + secs(10.0);
    stand.circuit.open_until(until).unwrap();
    stand.pass(10.0);
    stand.run("x");
    stand.pass(0.001);
    stand.run("A");
    // For ever is a year, and no time at all is one call later.
    stand.circuit.open_for(Duration::MAX).unwrap();
    stand.run("x");
    stand.circuit.open_for(Duration::ZERO).unwrap();
    stand.pass(0.001);
    stand.run("A");
}

#[test]
fn s36_a_circuit_that_nobody_asked_for_months_has_not_wedged() {
    let stand = Stand::new(base());
    stand.run("FFFFF");
    stand.pass(86_400.0 * 180.0);
    stand.run("SSSS");
    stand.is(Closed);
}

#[test]
fn s37_failures_in_a_row_open_it_whatever_the_rate() {
    let builder = || {
        Circuit::builder("row")
            .without_failure_rate()
            .consecutive_failures(3)
            .probes(1)
    };
    let stand = Stand::new(builder());
    stand.run("FFSFF");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().failed_in_a_row, 2);
    stand.run("F");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open consecutive_failures"]);
    stand.pass(5.001);
    stand.run("F");
    stand.is(Open);
    stand.pass(5.001);
    stand.run("S FF");
    stand.is(Closed);
    // What is ignored neither breaks a row nor makes it longer.
    stand.run("I");
    assert_eq!(stand.circuit.snapshot().failed_in_a_row, 2);
}

#[test]
fn s38_calls_that_hang_open_it_though_none_is_over() {
    let stand = Stand::new(base());
    let hung = stand.run("AAAAA");
    stand.pass(4.0);
    let one = stand.run("A");
    stand.is(Closed);
    stand.pass(1.0);
    stand.run("x");
    stand.is(Open);
    assert_eq!(stand.told.moves(), ["closed>open slow_in_flight"]);
    drop((hung, one));
    // They are of before: what comes now is judged by itself.
    stand.pass(5.001);
    stand.run("SSSS");
    stand.is(Closed);
    stand.pass(10.0);
    stand.run("SSSSS");
    stand.is(Closed);
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
fn s40_calls_that_are_long_over_are_not_under_way() {
    let stand = Stand::new(base());
    for _ in 0..50 {
        let calls = stand.run("AAAAA");
        stand.pass(0.9);
        calls.into_iter().for_each(kit::Call::success);
    }
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    stand.is(Closed);
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

#[test]
fn s43_a_call_that_was_given_up_counts_as_was_chosen() {
    // Nothing was chosen: it is ignored, and slow if it was.
    let stand = Stand::new(base());
    drop(stand.run("A"));
    assert_eq!(stand.tally(), (0, 0, 0));
    let hung = stand.run("A");
    stand.pass(4.001);
    drop(hung);
    assert_eq!(stand.tally(), (1, 0, 1));
    // A failure, after so long.
    let stand = Stand::new(count(10, 10).cancelled(Cancelled::FailedAfter(secs(1.0))));
    let calls = stand.run("AA");
    stand.pass(1.0);
    drop(calls);
    assert_eq!(stand.tally(), (0, 0, 0));
    let calls = stand.run("AA");
    stand.pass(1.001);
    drop(calls);
    assert_eq!(stand.tally(), (2, 2, 0));
    // Whoever says that there was nothing to learn has said it.
    let calls = stand.run("A");
    stand.pass(10.0);
    calls.into_iter().for_each(kit::Call::ignore);
    assert_eq!(stand.tally(), (2, 2, 0));
}

#[test]
fn s44_while_the_caller_sends_nothing_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    let uploads: Vec<_> = calls
        .iter_mut()
        .map(|call| call.uploading().unwrap())
        .collect();
    stand.pass(3600.0);
    stand.run("S");
    stand.is(Closed);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    uploads.into_iter().for_each(|upload| upload.sent());
    stand.pass(4.0);
    let fast = calls.pop().unwrap();
    fast.success();
    assert_eq!(stand.tally().2, 0);
    stand.pass(1.0);
    calls.into_iter().for_each(kit::Call::success);
    // The third brought it to three of five.
    stand.is(Open);
    assert_eq!(stand.tally(), (5, 0, 3));
    assert_eq!(stand.circuit.snapshot().late, 2);
}

#[test]
fn s44_a_dependency_that_does_not_read_what_is_there_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    let uploads: Vec<_> = calls
        .iter_mut()
        .map(|call| call.uploading().unwrap())
        .collect();
    for upload in &uploads {
        upload.goes_on();
    }
    stand.pass(3.0);
    // They were read, and have to wait for their callers again; and again.
    for upload in &uploads {
        upload.waits();
        upload.waits();
    }
    stand.pass(3600.0);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
    for upload in &uploads {
        upload.goes_on();
    }
    stand.pass(5.0);
    assert_eq!(stand.circuit.snapshot().overdue, 6);
    stand.run("x");
    stand.is(Open);
    drop((calls, uploads));
}

#[test]
fn s45_from_the_head_of_the_answer_on_nothing_is_slow() {
    let stand = Stand::new(base());
    let mut calls = stand.run("AAAAAA");
    calls.iter_mut().for_each(kit::Call::answered);
    stand.pass(3600.0);
    stand.run("S");
    calls.into_iter().for_each(kit::Call::success);
    assert_eq!(stand.tally(), (7, 0, 0));
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}

#[test]
fn s46_an_upload_that_outlives_its_call_leaves_nothing_behind() {
    let stand = Stand::new(base());
    let mut calls = stand.run("A");
    let upload = calls[0].uploading().unwrap();
    drop(calls);
    upload.sent();
    stand.pass(60.0);
    assert_eq!(stand.circuit.snapshot().overdue, 0);
}

#[test]
fn s49_a_dependency_that_never_gets_ready_fails() {
    let stand = Stand::new(base());
    for _ in 0..5 {
        stand.circuit.fail();
    }
    stand.is(Open);
    stand.circuit.fail();
    assert_eq!(stand.circuit.snapshot().rejected, 0);
    stand.pass(5.001);
    (0..4).for_each(|_| stand.circuit.fail());
    stand.is(Open);
}

#[test]
fn s51_health_is_a_closed_circuit_that_nothing_speaks_against() {
    let stand = Stand::new(base().consecutive_failures(10));
    assert!(stand.circuit.is_healthy());
    stand.run("SSS");
    assert!(stand.circuit.is_healthy());
    stand.run("F");
    assert!(!stand.circuit.is_healthy());
    stand.run("S");
    stand.pass(20.1);
    assert!(stand.circuit.is_healthy());
    let hung = stand.run("A");
    stand.pass(5.0);
    assert!(!stand.circuit.is_healthy());
    drop(hung);
    stand.circuit.move_to(Disabled).unwrap();
    assert!(!stand.circuit.is_healthy());
}

#[test]
fn an_observer_may_ask_the_circuit_that_it_is_told_of() {
    use portcullis_core::{CircuitEvent, Observer};
    use std::sync::{Arc, OnceLock};

    #[derive(Clone, Default)]
    struct Curious(Arc<OnceLock<Circuit>>);
    impl Observer for Curious {
        fn circuit(&self, event: &CircuitEvent<'_>) {
            let circuit = self.0.get().unwrap();
            assert_eq!(circuit.name(), event.name);
            let _ = (circuit.snapshot(), circuit.admits());
            if circuit.state() == Open {
                circuit.reset();
            }
        }
    }
    let curious = Curious::default();
    let builder = Circuit::builder("curious").consecutive_failures(1);
    let circuit = builder.observer(curious.clone()).build().unwrap();
    curious.0.set(circuit.clone()).unwrap();
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), Closed);
}
