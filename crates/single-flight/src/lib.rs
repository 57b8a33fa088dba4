//! Keyed coalescing of one asynchronous need: many callers, one call.

mod error;
mod flight;
mod limits;
mod single_flight;
mod sync;
mod table;
mod task;
mod ticket;
mod work;

pub use self::error::FlightError;
pub use self::limits::{Limits, LimitsError};
pub use self::single_flight::{Role, SingleFlight};
pub use self::ticket::Ticket;
