//! Keyed coalescing of one asynchronous need: many callers, one call.

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
