//! What Portcullis keeps on Redis: a link that nobody waits for when the server is down, and the revocation
//! log on it.
//!
//! | part | what it is |
//! |---|---|
//! | [`RedisConfig`] | where the server is, and how long to wait for it |
//! | [`Link`], [`LinkHealth`] | connections that connect again by themselves; calls with a deadline |
//! | `RedisLog` (feature `revocation`) | the log of revocations, for `Revocation::builder` |
//!
//! # What a call may be sure of
//!
//! Every call ends within its deadline, and at once while there is no connection. [`LinkError`] tells what
//! was done: nothing where nothing was sent, and where an answer is missing nobody knows, for a server that
//! hangs does what it was sent when it goes on. So all that is sent is safe late and twice.
//!
//! # The log
//!
//! Each call is one script on one hash slot: done wholly or not at all, at one point in time. A revocation
//! takes the next number, joins its record into the set, appends it to the tail, and publishes a hint. A poll
//! carries a write, so that an isolated primary which may not write does not answer, and brings what the
//! server says of its replicas. Nothing expires by itself; what expired is pruned.
//!
//! A change has, beside its number, a mark of chance. Where a failover or an old snapshot takes numbers back
//! and gives them anew, marks differ, and nodes notice.
//!
//! # Limitations
//!
//! - One server, or a primary with replicas behind one name. No TLS, Sentinel or Cluster yet.
//! - Redis counts the lag of a replica in whole seconds.
//! - A revocation that was acknowledged by the primary alone (`Ack::is_durable` is false), that no node
//!   polled, and whose primary is lost, is lost.
#![cfg_attr(
    not(feature = "revocation"),
    allow(dead_code, reason = "without a port nobody calls the link")
)]

mod config;
mod link;
#[cfg(feature = "revocation")]
mod revocation;

pub use self::config::RedisConfig;
pub use self::link::{Cause, Link, LinkError, LinkHealth, ServerError};
#[cfg(feature = "revocation")]
pub use self::revocation::{RedisLog, RedisLogBuilder};

/// The examples of the README.
#[cfg(all(doctest, feature = "revocation"))]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
