//! tower-resilience-circuitbreaker: the layer that people of tower take.

use std::time::Duration;

use portcullis_bench_harness::Case;
use tokio::runtime::Builder;
use tower::Layer as _;
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};

use crate::service::{Form, Inner, Must, filled_lane, lane};

pub(crate) const NAME: &str = "tower-resilience-circuitbreaker";
pub(crate) const SLOW: &str = "tower-resilience-circuitbreaker, slow calls on";
pub(crate) const TIME: &str = "tower-resilience-circuitbreaker, time window";

/// Half of a hundred calls.
pub(crate) fn counted(form: Form, must: Must, base: &str) -> Case {
    case(NAME, builder(), form, must, base)
}

/// The same, and half of them slow.
pub(crate) fn slow(form: Form, must: Must, base: &str) -> Case {
    let builder = builder()
        .slow_call_duration_threshold(Duration::from_secs(1))
        .slow_call_rate_threshold(0.5);
    case(SLOW, builder, form, must, base)
}

/// Half of a minute, with so many calls in it.
pub(crate) fn timed(records: u64, base: &str) -> Case {
    let (layer, handle) = build(
        builder()
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(Duration::from_secs(60)),
    );
    let one = move || {
        let handle = handle.clone();
        let empty = async move || {
            // To reset one that is closed changes nothing.
            handle.force_open().await;
            handle.force_closed().await;
            assert_eq!(handle.metrics().await.total_calls, 0);
        };
        filled_lane(records, empty, layer.layer(Inner::new(Form::Threads(1))))
    };
    Case::new(TIME, 1, one).over(base)
}

type Handle = CircuitBreakerHandle<DefaultClassifier>;

fn builder() -> CircuitBreakerConfigBuilder<DefaultClassifier> {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .minimum_number_of_calls(20)
        .wait_duration_in_open(Duration::from_secs(3600))
}

fn build(builder: CircuitBreakerConfigBuilder<DefaultClassifier>) -> (CircuitBreakerLayer, Handle) {
    builder.build_with_handle().expect("sound numbers")
}

fn case(
    name: &str,
    builder: CircuitBreakerConfigBuilder<DefaultClassifier>,
    form: Form,
    must: Must,
    base: &str,
) -> Case {
    let (layer, handle) = build(builder);
    if must == Must::BeRefused {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(handle.force_open());
    }
    // Lanes share what users share: the circuit of the layer.
    let one = move || lane(form, must, layer.layer(Inner::new(form)));
    Case::new(name, form.lanes(), one).over(base)
}
