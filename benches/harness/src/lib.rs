//! A harness for comparing small costs fairly: interleaved rounds, one process, one run.
//!
//! A [`Group`] holds [`Case`]s that answer the same question. Every round samples every case once,
//! the order is reversed on odd rounds, and what is compared is compared within a round or by the
//! least of all rounds, so that a neighbour who takes the processor for a second spoils no case
//! more than another. Allocations are counted in a process of its own, for an allocator that counts takes
//! time.
//!
//! A case is made of [`Lane`]s: one per thread, each with a Tokio `current_thread` runtime and a
//! handle to the shared thing under test.

mod args;
mod budget;
mod case;
#[cfg(feature = "count")]
mod count;
mod counts;
mod drive;
mod group;
mod machine;
mod report;
mod stats;
#[cfg(not(feature = "count"))]
mod time;

pub use args::{Args, ArgsError};
pub use budget::Budgets;
pub use case::{Case, Lane, Tally};
pub use counts::Counts;
pub use drive::{Requests, inner, service_lane, task_lane};
pub use group::Group;
pub use machine::{describe, versions};
pub use report::{Report, Row};
pub use stats::{median, minimum};
