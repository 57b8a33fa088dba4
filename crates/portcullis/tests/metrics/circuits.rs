//! Circuits.

use portcullis::circuit_breaker::{Circuit, KeyedCircuits};
use portcullis::metrics::MetricsObserver;
use portcullis::{CircuitEvent, CircuitEventKind, CircuitState, Observer as _};

use crate::Stand;

#[test]
fn a_circuit_has_one_state_and_its_moves_and_refusals_are_counted() {
    let stand = Stand::new();
    let circuit = Circuit::by_the_row("idp").observer(stand.metrics.clone());
    let circuit = circuit.consecutive_failures(2).build().unwrap();
    for _ in 0..2 {
        circuit.try_acquire().unwrap().failure();
    }
    for _ in 0..3 {
        circuit.try_acquire().unwrap_err();
    }
    let page = stand.page();
    assert_eq!(
        page.of("circuitbreaker_state"),
        [("{name=idp,state=open}", 1.0)]
    );
    let closed = "circuitbreaker_state{name=idp,state=closed}";
    assert_eq!(page.get(closed), Some(0.0));
    assert_eq!(
        page.of("circuitbreaker_not_permitted_total"),
        [("{name=idp}", 3.0)]
    );
    circuit.reset();
    let page = stand.page();
    assert_eq!(
        page.of("circuitbreaker_state"),
        [("{name=idp,state=closed}", 1.0)]
    );
    assert_eq!(
        page.of("circuitbreaker_transitions_total"),
        [
            (
                "{name=idp,from=closed,to=open,cause=consecutive_failures}",
                1.0
            ),
            ("{name=idp,from=open,to=closed,cause=by_hand}", 1.0),
        ]
    );
}

#[test]
fn circuits_that_were_named_are_closed_before_anything_happened() {
    let stand = Stand::with(MetricsObserver::builder().with_circuits(["idp", "redis"]));
    assert_eq!(
        stand.page().of("circuitbreaker_state"),
        [
            ("{name=idp,state=closed}", 1.0),
            ("{name=redis,state=closed}", 1.0)
        ]
    );
}

#[test]
fn circuits_of_one_name_are_counted_and_keys_are_no_labels() {
    let stand = Stand::new();
    let builder = Circuit::by_the_row("upstream").observer(stand.metrics.clone());
    let circuits = KeyedCircuits::new(builder, 2).unwrap();
    for key in ["10.0.0.1:80", "10.0.0.2:80"] {
        circuits.get(key).move_to(CircuitState::ForcedOpen).unwrap();
    }
    circuits.get("10.0.0.3:80");
    let page = stand.page();
    let state = "circuitbreaker_state{name=upstream,state=forced_open}";
    assert_eq!(page.get(state), Some(2.0));
    assert_eq!(
        page.of("circuitbreaker_overflow_total"),
        [("{name=upstream (overflow)}", 1.0)]
    );
    circuits.get("10.0.0.1:80").reset();
    let page = stand.page();
    assert_eq!(page.get(state), Some(1.0));
    let closed = "circuitbreaker_state{name=upstream,state=closed}";
    assert_eq!(page.get(closed), Some(0.0), "not all of them are");
    assert!(!page.0.keys().any(|row| row.contains("10.0.0")));
}

#[test]
fn moves_that_are_told_in_another_order_end_in_the_same_state() {
    let stand = Stand::new();
    let tell = |from, to| {
        let (cause, open_for) = ("by_hand", None);
        let kind = CircuitEventKind::Moved {
            from,
            to,
            cause,
            open_for,
        };
        stand.metrics.circuit(&CircuitEvent::new("idp", kind));
    };
    tell(CircuitState::Closed, CircuitState::Open);
    tell(CircuitState::HalfOpen, CircuitState::Open);
    tell(CircuitState::Open, CircuitState::HalfOpen);
    assert_eq!(
        stand.page().of("circuitbreaker_state"),
        [("{name=idp,state=open}", 1.0)]
    );
    let kind = CircuitEventKind::WouldOpen { cause: "slow_rate" };
    stand.metrics.circuit(&CircuitEvent::new("idp", kind));
    assert_eq!(
        stand.page().of("circuitbreaker_would_open_total"),
        [("{name=idp,cause=slow_rate}", 1.0)]
    );
}
