//! Revocation of access tokens with a computed bound.
//!
//! A token that was signed is good until it expires, on every node that checks it. What ends it earlier is
//! recorded in a [log](RevocationLog) that all nodes share, and known on each of them by a [`View`] that
//! every request reads without a lock. A task keeps the view in step with the log; the view knows how old
//! it is, and says so rather than guess.
//!
//! | part | what it is |
//! |---|---|
//! | [`Revocation`] | all of it on one node: the view, the task, [`Health`] |
//! | [`View`], [`Check`] | what is known here: is this token revoked, and how sure is that? |
//! | [`TokenIds`] | the keyed hashes of one token, made once per verdict |
//! | [`Revoker`], [`Order`], [`Target`] | revoking, and taking it back |
//! | [`log`], [`MemoryLog`] | what nodes share, and one for a single process |
//! | [`Secrets`] | what ids are made with, and how to rotate it |
//!
//! # The bound
//!
//! A revocation that the log recorded at time T is enforced by a node
//!
//! | when | at the latest |
//! |---|---|
//! | polls succeed | T + poll interval + its jitter + poll deadline, as a rule within a hint |
//! | the node is cut off, or the log is silent | T + the freshness asked for + the lag of the store |
//!
//! **Why.** A poll that is sent after T returns the revocation, for the log is linear. A view is as old as
//! the *sending* of the last poll whose page reached the end of the log. So a view that lacks it is as of
//! before T, and from T + freshness on it is stale for every request. Neither hints nor the wall clocks of
//! nodes play a part.
//!
//! **Provided that** the log is the only one. A lone server is: its lag is none. A primary with replicas
//! is, up to the lag of a replica, if a quorum is checked (see [`Quorum`](log::Quorum)). Where there are
//! replicas and their number is not configured, both halves of a split may answer: there is no bound, and
//! [`Health::bound`] is none. What a store lost before anybody had read it cannot be brought back by anybody:
//! [`Ack::is_durable`] tells whether a majority has it.
//!
//! # What is compared with what
//!
//! | | by |
//! |---|---|
//! | the age of a view | the monotonic clock or the wall clock of this node, whichever saw more time pass |
//! | a watermark | the clock of the log's server; with the dates in a token, which are of the issuer's clock |
//! | forgetting what expired | the clocks of the server and of this node, when both agree |
//! | the order of changes | stamps of the log, which only grow |
//!
//! # Limitations
//!
//! - Tokens need `exp`, and `iat` or `auth_time`, and must not live longer than the [`Horizon`].
//! - A watermark leaves tokens of the last second before it: dates in tokens are whole seconds. Name the
//!   session, too.
//! - A watermark is forgotten after a horizon. It ends every token issued before it; a token issued later, of
//!   a session begun before (`auth_time`), only as long as it is remembered. End such sessions at the
//!   issuer.
//! - A request that is under way when its token is revoked goes on. Check again in long streams.
//! - If a server with a clock that is behind takes over, and revokes again what the lost part of the log
//!   had lifted, before any node that saw the lift has polled it, the older lift holds.
mod builder;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod feeds;
mod follower;
mod health;
mod horizon;
mod id;
mod kind;
pub mod log;
mod record;
mod revocation;
mod revoker;
mod secrets;
pub mod sessions;
mod set;
mod task;
mod time;
mod token;
mod view;

pub use self::builder::RevocationBuilder;
pub use self::health::{Health, Trouble};
pub use self::horizon::Horizon;
pub use self::id::Id;
pub use self::kind::Kind;
pub use self::log::{LogError, MemoryLog, RevocationLog};
pub use self::record::{BadEntry, Record, State};
pub use self::revocation::Revocation;
pub use self::revoker::{Ack, Confirmation, Order, RevokeError, Revoker, Target};
pub use self::secrets::{Fingerprint, Secrets};
pub use self::time::{Moment, ServerTime, Stamp};
pub use self::token::{TokenFacts, TokenIds, Unfit, opaque_hash, signing_input_hash};
pub use self::view::{Check, View};

/// Entry points for fuzzing the parsers of untrusted bytes.
#[doc(hidden)]
pub mod fuzz {
    pub use crate::feeds::fuzz::{fuzz_basic, fuzz_form};
}

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct ReadmeDoctests;
