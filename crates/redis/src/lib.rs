//! What Portcullis keeps on Redis: a link that nobody waits for when the server is down, and on it the
//! revocation log and the directory of sessions.
//!
//! | part | what it is |
//! |---|---|
//! | [`RedisConfig`] | where the server is, and how long to wait for it |
//! | [`Link`], [`LinkHealth`] | connections that connect again by themselves; calls with a deadline |
//! | `RedisLog` (feature `revocation`) | the log of revocations, for `Revocation::builder` |
//! | `RedisSessions` (feature `sessions`) | the directory of sessions, for `SessionGuard`: allow-list mode |
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
//! # The directory of sessions
//!
//! A session is open while its key exists. The question is one script, which a replica refuses to run and a
//! primary without the replicas that it must have to write as well: an old answer is none. What is not an answer
//! is an error, never an absence.
//!
//! # Limitations
//!
//! - One server, or a primary with replicas behind one name. No TLS, Sentinel or Cluster yet.
//! - Redis counts the lag of a replica in whole seconds.
//! - A revocation that was acknowledged by the primary alone (`Ack::is_durable` is false), that no node
//!   polled, and whose primary is lost, is lost.
#![cfg_attr(
    not(feature = "revocation"),
    allow(dead_code, reason = "without the log nobody calls all of the link")
)]

mod config;
mod link;
#[cfg(feature = "revocation")]
mod revocation;
#[cfg(feature = "sessions")]
mod sessions;

pub use self::config::RedisConfig;
pub use self::link::{Cause, Link, LinkError, LinkHealth, ServerError};
#[cfg(feature = "revocation")]
pub use self::revocation::{RedisLog, RedisLogBuilder};
#[cfg(feature = "sessions")]
pub use self::sessions::RedisSessions;

/// The examples of the README.
#[cfg(all(doctest, feature = "revocation", feature = "sessions"))]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
