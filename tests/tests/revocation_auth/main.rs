//! Revocations at the door: who was revoked is out at the next request, and nobody else is.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod allocations;
mod answers;
mod awaited;
mod clocks;
mod freshness;
mod outage;
mod targets;
