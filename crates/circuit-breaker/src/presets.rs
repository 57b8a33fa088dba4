//! Numbers that people know.

use std::sync::Arc;
use std::time::Duration;

use crate::{Circuit, CircuitBuilder, Window};

impl Circuit {
    /// Half of the calls of a minute failed, or half took longer than a second; at least 20 calls; open for 5 s.
    ///
    /// For a dependency that is asked all the time.
    pub fn by_the_minute(name: impl Into<Arc<str>>) -> CircuitBuilder {
        Self::builder(name)
            .window(Window::Time(Duration::from_secs(60)))
            .slow_calls(Duration::from_secs(1), 0.5)
    }

    /// Half of the last 100 calls failed; at least 20 calls; open for 5 s: what is built unless something is said.
    pub fn by_the_hundred(name: impl Into<Arc<str>>) -> CircuitBuilder {
        Self::builder(name)
    }

    /// Three failures in a row, whenever they were; open for 5 s, then longer up to a minute; one probe.
    ///
    /// For a dependency that is asked a few times an hour, such as the keys of an issuer: there are never enough calls
    /// for a rate. And for one of several instances, where others can take its turn: of the presets it finds a bad one
    /// soonest, and tries it again least.
    pub fn by_the_row(name: impl Into<Arc<str>>) -> CircuitBuilder {
        let (first, most) = (Duration::from_secs(5), Duration::from_secs(60));
        let backoff = portcullis_core::Backoff::exponential(first, most);
        Self::builder(name)
            .without_failure_rate()
            .consecutive_failures(3)
            .open_for(backoff.with_jitter(portcullis_core::Jitter::Equal))
            .probes(1)
    }
}
