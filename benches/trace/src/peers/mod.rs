//! The other crates, each set up as its documentation shows.

pub(crate) mod axum_tracing_opentelemetry;
pub(crate) mod tower_http;
pub(crate) mod tower_otel;

use opentelemetry_sdk::propagation::TraceContextPropagator;

/// What they read and write traces with: one for the process.
pub(crate) fn set_up() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
}
