//! The same cases as `trace_context`, asked through the gateway, which trusts whoever asks.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

#[path = "trace_context/calls.rs"]
mod calls;
#[path = "trace_context/harness.rs"]
mod harness;
#[path = "trace_context/traceparent.rs"]
mod traceparent;
#[path = "trace_context/tracestate.rs"]
mod tracestate;

/// Whether the gateway stands before the service.
const BY_GATEWAY: bool = true;
