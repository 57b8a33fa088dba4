//! W3C Trace Context on the wire, as the working group's own suite looks at it: a service is asked to make calls, and
//! what arrives there is judged. The service is the example `trace-echo`; requests are sent byte for byte.
//!
//! Above each test is the case of that suite whose fact it states, where there is one. Where the levels of the
//! specification differ, it is level 2, with every limit.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod calls;
mod harness;
mod traceparent;
mod tracestate;

/// Whether the gateway stands before the service: in `trace_context_by_gateway` it does.
const BY_GATEWAY: bool = false;
