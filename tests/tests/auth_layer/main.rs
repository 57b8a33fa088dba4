//! The auth middleware, verdict by verdict, with a verifier that says what the test wrote down.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod admission;
mod answers;
mod context;
mod deadline;
mod degrade;
mod events;
mod invalid;
mod kit;
mod preflight;
mod secrets;
mod tokens;
