//! Keyed coalescing of one asynchronous need: many callers, one call.
//!
//! A token is about to expire and a thousand requests notice at once; a key set is missing and
//! every request needs it. [`SingleFlight`] makes one call of it: the first caller of a key
//! leads, whoever comes while the call is under way waits, and all are told the same.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use portcullis_single_flight::{FlightError, SingleFlight};
//!
//! #[derive(Debug)]
//! struct Unreachable; // needs not be `Clone`
//!
//! async fn fetch() -> Result<u32, Unreachable> {
//!     tokio::task::yield_now().await; // asks the network
//!     Err(Unreachable)
//! }
//!
//! let flights = SingleFlight::new();
//! let (a, b) = tokio::join!(flights.run("keys", fetch), flights.run("keys", fetch));
//! assert!(matches!(a, Err(FlightError::Failed(_))));
//! assert!(matches!(b, Err(FlightError::Failed(_)))); // the very same error, of one call
//! # }
//! ```
//!
//! # What is promised
//!
//! | when | then |
//! |---|---|
//! | the leader, a waiter, or everybody is cancelled | the work goes on, and whoever is aboard is told its outcome |
//! | the leader is not polled again, but not dropped either | the same: the work is not in its hands |
//! | the work fails | everybody gets the same [`FlightError::Failed`], `E` shared by reference count |
//! | the work panics, when created or when polled | everybody gets [`FlightError::Panicked`] |
//! | the work panics when dropped | the outcome stands |
//! | the work does not end | at the deadline it is dropped, and everybody gets [`FlightError::Deadline`] |
//! | its runtime shuts down | everybody gets [`FlightError::Aborted`] |
//! | its runtime stands still, or its first poll blocks | waiters on other threads and runtimes get [`FlightError::Deadline`] by timers of their own, and the key is free again |
//! | the key is asked for after its outcome was told | a new flight: nothing is remembered, neither values nor errors |
//! | too many keys, or too many waiters on one | the newcomer is refused at once; see [`Limits`] |
//!
//! In every row the entry of the key is removed before anybody is told, and the work is dropped
//! before that: there is at most one work per key at a time. (Work whose runtime stands still is
//! the exception. It is dropped, unpolled, when the runtime moves again.)
//!
//! # Three ways in
//!
//! | call | starts a flight | waits |
//! |---|---|---|
//! | [`run`](SingleFlight::run) | if there is none | yes |
//! | [`spawn_if_absent`](SingleFlight::spawn_if_absent) | if there is none | only if the [`Ticket`] is awaited |
//! | [`join`](SingleFlight::join) | never | only if the [`Ticket`] is awaited |
//!
//! # What it costs
//!
//! Work that is ready at its first poll costs two allocations, no task, no timer and no clock
//! read. Work that is not costs one task and one timer. A waiter costs an entry in a vector, which
//! it shares with those who came just before it from the same task, and its task is woken once; it
//! has no timer of its own as long as that of the flight can be relied on.
//!
//! # Limitations
//!
//! - Work that is not ready at once needs a Tokio runtime with timers, and so does waiting.
//!   Without one: [`FlightError::NoRuntime`].
//! - Once in its task, the work no longer sees the task-locals and the tracing span of its leader.
//! - Work that waits for its own key waits for itself, until the deadline.
//! - Failures are shared, not remembered: a cool-down after a failure is the caller's to add.
//! - With `panic = "abort"` a panic is what it says.

mod contained;
mod error;
mod flight;
mod limits;
mod run;
mod single_flight;
mod sync;
mod table;
mod task;
mod ticket;
mod wait_list;
mod work;

pub use self::error::FlightError;
pub use self::limits::{Limits, LimitsError};
pub use self::run::Run;
pub use self::single_flight::SingleFlight;
pub use self::ticket::{Role, Ticket};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
