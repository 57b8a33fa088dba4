//! What holds whatever the key, the value and the error are.

use std::cell::Cell;

use portcullis_single_flight::{FlightError, Limits, LimitsError, Role, SingleFlight, Ticket};

/// Neither `Clone` nor `Debug`.
struct Plain;

fn shared<T: Send + Sync + Unpin + 'static>() {}

fn cloned<T: Clone>() {}

#[test]
fn handles_and_errors_cross_threads() {
    shared::<SingleFlight<Plain, Plain, Plain>>();
    shared::<Ticket<Plain, Plain, Plain>>();
    shared::<FlightError<Plain>>();
    shared::<Limits>();
    shared::<LimitsError>();
    shared::<Role>();
}

#[test]
fn cloning_asks_nothing_of_key_value_and_error() {
    cloned::<SingleFlight<Plain, Plain, Plain>>();
    cloned::<FlightError<Plain>>();
}

#[test]
fn the_future_is_static_and_send_though_the_work_is_not_sync() {
    fn owned<F: Future + Send + 'static>(_: F) {}

    let flights = SingleFlight::<u32, u32, Plain>::new();
    let cell = Cell::new(1);
    let work = move || async move { Ok(cell.take()) };
    owned(flights.run(1, work));
}

#[test]
fn debug_shows_counts_and_neither_keys_nor_values() {
    let text = format!("{:?}", SingleFlight::<Plain, Plain, Plain>::new());
    assert!(text.contains("in_flight: 0"), "{text}");
}
