//! What the outage scenarios share: a real service behind the auth layer, a real client, an issuer that
//! breaks, and a load that counts what it is answered.
//!
//! Everything goes over sockets of 127.0.0.1. Nothing sleeps for a guessed time: [`until`] polls a
//! condition with a bound. Functions panic where a scenario could not go on.

mod caller;
mod events;
mod flood;
mod load;
mod service;
mod wait;
mod world;

pub use caller::{Answer, Caller};
pub use events::Events;
pub use flood::{Flood, UnknownKey};
pub use load::{Load, Tally};
pub use service::{Service, guarded};
pub use wait::{until, until_async};
pub use world::{World, good, http_client, issuer, quick};
