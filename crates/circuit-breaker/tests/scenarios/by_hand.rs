//! Moves by hand.

use std::time::Duration;

use portcullis_core::Backoff;
use portcullis_core::CircuitState::{Closed, Disabled, ForcedOpen, HalfOpen, MetricsOnly, Open};

use crate::kit::{Stand, base, secs};

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
        calls.into_iter().for_each(crate::kit::Call::success);
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
