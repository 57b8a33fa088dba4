//! Allow-list mode: a session exists only while its key exists.
//!
//! Some systems record every session they open, under a key that goes when the session ends, and take a
//! token for good only while the key is there. That is the other way round from a log of revocations:
//!
//! | | revocation log | allow-list |
//! |---|---|---|
//! | what is written down | what ended | what is open |
//! | lost data | nodes bring it back | everybody is logged out |
//! | the store is asked | by a task, twice a second | for each session, once per freshness |
//! | the store is down | fresh for 15 s more, then by the degrade table | fresh for what is left of each answer, then by the degrade table |
//!
//! Take it where a system is built that way already. Both can be on.
//!
//! This module has the port ([`SessionDirectory`]), the names of sessions ([`SessionKeys`]) and a directory
//! in memory; `portcullis-redis` has one on Redis (`RedisSessions`). `portcullis-auth` asks the port for every
//! token that verified (`SessionGuard`).

mod directory;
mod judge;
mod keys;
mod memory;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use directory::{DirectoryError, Presence, SessionDirectory, SessionFuture};
pub use judge::{Seen, Standing};
pub use keys::{SessionFacts, SessionKey, SessionKeys};
pub use memory::{MemorySessions, NoRoom};
