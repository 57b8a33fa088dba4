//! What the tests of this folder share.
#![allow(dead_code)] // each test binary uses a part

use std::time::Duration;

use portcullis_single_flight::SingleFlight;

pub(crate) type Flights = SingleFlight<&'static str, u32, &'static str>;

/// The resolution of tokio's timers.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Lets every task of a current-thread runtime run until it waits.
pub(crate) async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
