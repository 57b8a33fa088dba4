//! The feeds of revocation over real sockets, with tokens that were really signed: who may end what, what is
//! refused, and that 200 is said of what is durable only.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

mod allocations;
mod backchannel;
mod confusion;
mod outcomes;
#[cfg(unix)]
mod redis_sessions;
mod replay;
mod requests;
mod rfc7009;
mod secrets;
mod sessions;
mod stand;
