//! Redis.
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
