//! Revocation.
mod horizon;
mod id;
mod kind;
pub mod log;
mod record;
mod secrets;
mod set;
mod time;
mod token;
mod view;

pub use self::horizon::Horizon;
pub use self::id::Id;
pub use self::kind::Kind;
pub use self::log::{LogError, MemoryLog, RevocationLog};
pub use self::record::{BadEntry, Record, State};
pub use self::secrets::{Fingerprint, Secrets};
pub use self::time::{Moment, ServerTime, Stamp};
pub use self::token::{TokenFacts, TokenIds, Unfit};
pub use self::view::{Check, View};
