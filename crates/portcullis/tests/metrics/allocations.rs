//! How often recording allocates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use axum::http::{Method, StatusCode};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use portcullis::metrics::MetricsObserver;
use portcullis::{
    CircuitEvent, CircuitEventKind, CircuitState, Ending, GrpcStatus, Observer as _, Protocol,
    RequestBegan, RequestContext, RequestEnded, Side, StageEvent, StageTimer, TraceContext,
    TraceEvent, TraceOutcome, VerdictEvent, VerdictOutcome,
};

use crate::Stand;

/// Reports one of everything that happens to a request, `times` times.
fn report(metrics: &MetricsObserver, context: &RequestContext, times: usize) {
    let began = RequestBegan::new(Side::Server, &Method::GET, Protocol::Grpc);
    let (span, took) = (TraceContext::root(false), Duration::from_millis(3));
    let event = RequestEnded::new(began, span, Ending::Complete, took)
        .of(Some(context))
        .answered(StatusCode::OK, took)
        .with_grpc_status(GrpcStatus::OK);
    let state = CircuitState::Open;
    for _ in 0..times {
        metrics.trace(&TraceEvent::new(Some("w3c"), TraceOutcome::Continued));
        metrics.request_began(&began);
        metrics.verdict(&VerdictEvent::new(VerdictOutcome::Valid, "ok"));
        let rejected = CircuitEventKind::Rejected { state };
        metrics.circuit(&CircuitEvent::new("idp", rejected));
        for stage in context
            .stages()
            .into_iter()
            .flat_map(|stages| stages.iter())
        {
            metrics.stage(&StageEvent::new(stage, &event));
        }
        metrics.request_ended(&event);
    }
}

fn context() -> RequestContext {
    let context = RequestContext::new(Instant::now());
    context.set_route(Arc::from("/users/{id}"));
    context.time_stages(Arc::new(Instant::now));
    let entered = context.clone().enter();
    for stage in ["auth", "handler"] {
        StageTimer::begin(stage).run(|| ());
    }
    drop(entered);
    assert_eq!(context.stages().unwrap().iter().count(), 2);
    context
}

/// A recorder that costs nothing.
#[derive(Default)]
struct Plain(Arc<Cell>);

#[derive(Default)]
struct Cell(AtomicU64);

impl HistogramFn for Cell {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for Plain {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(&self.0))
    }
}

#[test]
fn recording_a_request_allocates_nothing() {
    let plain = Plain::default();
    let recorded = Arc::clone(&plain.0);
    let metrics = MetricsObserver::builder().with_recorder(plain).build();
    let context = context();
    report(&metrics, &context, 1);
    let counted = measure(|| report(&metrics, &context, 100));
    assert_eq!(counted.count_total, 0);
    // Two durations and two of each of two stages.
    assert_eq!(recorded.0.load(Ordering::Relaxed), 101 * 6);
}

#[test]
fn beyond_the_bound_it_allocates_nothing_either() {
    let builder = MetricsObserver::builder().with_max_routes(0);
    let metrics = builder.with_recorder(Plain::default()).build();
    let context = context();
    report(&metrics, &context, 1);
    let counted = measure(|| report(&metrics, &context, 100));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn the_exporter_allocates_for_many_values_at_once() {
    let stand = Stand::new();
    let context = context();
    report(&stand.metrics, &context, 1);
    let counted = measure(|| report(&stand.metrics, &context, 1_000));
    println!("1000 requests: {} allocations", counted.count_total);
    // A block of values at a time, for six histograms.
    assert!(counted.count_total <= 200, "{}", counted.count_total);
}
