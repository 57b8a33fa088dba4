//! The keys of an issuer: fetched, refreshed ahead of time, and kept when the issuer is gone.
//!
//! A [`Jwks`] is a handle to the keys of one issuer. Verification reads a snapshot, the [`KeySet`],
//! without a lock and without reading a clock. A background task replaces it.
//!
//! | situation | what happens |
//! |---|---|
//! | the issuer is down at the start | no keys, and attempts until there are some |
//! | … later | the keys in use stay, up to the hard age; attempts with growing pauses of at most 15 s |
//! | the answer is broken, empty, too large, or holds a shared secret | the keys in use stay |
//! | one key of a set cannot be used | that key is left out |
//! | the set is unchanged | its age starts anew, its generation stays |
//! | a token names an unknown key | [`miss_now`](Jwks::miss_now) and [`find_missing`](Jwks::find_missing) |
//! | the last handle is dropped | the task ends |
//!
//! # A key that is missing
//!
//! "There is no such key" is said by evidence only: after a good fetch that began after the request
//! came, or after the key was first asked for and the token was issued. Until then it is "could not find out",
//! never "no". Unknown ids cause at most as many fetches as the [`FetchBudget`] has, whoever sends how many;
//! those who wait share one fetch, are bounded in number and time, and survive each other's
//! cancellation. While the issuer is known to be down, nobody waits.
//!
//! Every fetch asks the caches on the way to look again (RFC 9111 section 5.2.1.4). What one answers all
//! the same, as `Age` tells, brings good keys, and is evidence only for what was asked for, and issued,
//! before that copy was made. So behind a cache that takes no orders, an unknown id is "could not find
//! out" for as long as the cache keeps its copies: have it keep those of the key set briefly.
//! Evidence older than the period of the budget is looked at again where the budget has a fetch for it.
//!
//! A key may also be replaced under the same id, or without one. Then a token under the new key meets
//! the old one, as a forged token does; [`Wanted::replacing`] asks for another, by the same rules.
//!
//! # Examples
//!
//! ```
//! use std::time::{Duration, Instant};
//! use portcullis_auth::jwks::{HttpClient, Jwks, Missing, Wanted};
//! use portcullis_auth::key::Algorithm;
//!
//! # async fn example(http: HttpClient) -> Result<(), portcullis_core::ConfigError> {
//! let jwks = Jwks::builder("https://id.example").with_http_client(http).build()?;
//!
//! let (kid, algorithm) = (Some("2026-08"), Algorithm::RS256);
//! if jwks.load().find(kid, algorithm).is_err() {
//!     let wanted = Wanted::new(kid, algorithm);
//!     let deadline = Instant::now() + Duration::from_secs(2);
//!     match jwks.find_missing(&wanted, deadline).await {
//!         Missing::LookAgain => { /* `load` again: the key is there */ }
//!         Missing::Absent => { /* 401: the issuer has no such key */ }
//!         Missing::Outage(_) => { /* 503 with Retry-After: it could not be found out */ }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod attempt;
mod budget;
mod builder;
mod cache_control;
mod discovery;
mod endpoint;
mod error;
mod fetch;
#[doc(hidden)]
pub mod fuzz;
mod handle;
mod http_client;
mod inspect;
mod miss;
mod missing;
mod offset;
mod options;
mod permissions;
mod saving;
mod seen;
mod set;
mod shared;
mod state;
mod status;
mod store;
mod task;

pub use self::budget::FetchBudget;
pub use self::builder::JwksBuilder;
pub use self::error::FetchError;
pub use self::handle::{Jwks, LoadedKeys};
pub use self::http_client::HttpClient;
pub use self::inspect::{InspectError, Inspection};
pub use self::missing::{Missing, Wanted};
pub use self::options::{JwksLimits, JwksTimes};
pub use self::set::KeySet;
pub use self::status::{Freshness, JwksStatus};
pub(crate) use self::task::timer;
