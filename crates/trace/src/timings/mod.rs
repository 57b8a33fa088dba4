//! Which requests are timed, stage by stage, and who is told.

mod server_timing;
mod slow;

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderMap;
use portcullis_core::{RequestContext, RequestEnded};

use crate::trust::TrustLevel;

/// Which requests are timed, stage by stage, and who is told.
///
/// | told | what |
/// |---|---|
/// | an [`Observer`](portcullis_core::Observer) | each stage, when the request ends |
/// | callers | `Server-Timing` with the trace and each stage's own time, if they are [trusted](crate::Trust) |
/// | the log | an event `slow_request` that names the bottleneck, if the request took long enough |
///
/// Without it nothing is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    one_in: NonZeroU32,
    told: ServerTiming,
    slow_above: Option<Duration>,
}

/// Who gets `Server-Timing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerTiming {
    /// Callers who are [trusted](crate::Trust).
    Trusted,
    /// Everybody: it tells how the service is built.
    Everybody,
    /// Nobody.
    Nobody,
}

// === impl Timings ===

impl Timings {
    /// All requests; trusted callers are told; the log is not.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            one_in: NonZeroU32::MIN,
            told: ServerTiming::Trusted,
            slow_above: None,
        }
    }

    /// One request in so many is timed, by chance.
    #[must_use]
    pub const fn one_in(mut self, many: NonZeroU32) -> Self {
        self.one_in = many;
        self
    }

    /// Who gets `Server-Timing`.
    #[must_use]
    pub const fn with_server_timing(mut self, told: ServerTiming) -> Self {
        self.told = told;
        self
    }

    /// A request that is timed and takes longer is an event `slow_request`, at the level `WARN`, with the target
    /// `portcullis::slow`.
    #[must_use]
    pub const fn with_slow_above(mut self, limit: Duration) -> Self {
        self.slow_above = Some(limit);
        self
    }

    /// Whether the next request is timed.
    pub(crate) fn takes(self) -> bool {
        self.one_in == NonZeroU32::MIN || fastrand::u32(..self.one_in.get()) == 0
    }

    /// Whether a caller gets `Server-Timing`.
    pub(crate) fn tells(self, level: TrustLevel) -> bool {
        match self.told {
            ServerTiming::Trusted => level == TrustLevel::Internal,
            ServerTiming::Everybody => true,
            ServerTiming::Nobody => false,
        }
    }

    /// The head of the answer is there.
    pub(crate) fn head(context: &RequestContext, headers: &mut HeaderMap, after: Duration) {
        server_timing::write(context, headers, after);
    }

    /// It is over.
    pub(crate) fn ended(self, event: &RequestEnded<'_>) {
        if self.slow_above.is_some_and(|limit| event.took > limit) {
            slow::tell(event);
        }
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self::new()
    }
}
