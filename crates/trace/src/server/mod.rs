//! Requests that come in.

mod begins;

use std::fmt;
use std::sync::Arc;

use portcullis_core::{Clock, Now, SystemClock};

use crate::propagation::Formats;
use crate::sampling::Sampler;
use crate::span::Spans;
use crate::timings::Timings;
use crate::trust::Trust;

/// What a [`TraceContextLayer`](crate::TraceContextLayer) of a server was told.
#[derive(Clone, Debug)]
pub struct Server<O = (), C = SystemClock> {
    pub(crate) formats: Formats,
    pub(crate) trust: Trust,
    pub(crate) sampler: Sampler,
    pub(crate) spans: Arc<Spans>,
    pub(crate) timings: Option<Timed>,
    pub(crate) observer: O,
    pub(crate) clock: C,
}

/// Which requests are timed, and by what.
#[derive(Clone)]
pub(crate) struct Timed {
    pub(crate) timings: Timings,
    now: Now,
}

// === impl Timed ===

impl Timed {
    pub(crate) fn by<C: Clock>(timings: Timings, clock: &C) -> Self {
        let clock = clock.clone();
        Self {
            timings,
            now: Arc::new(move || clock.now()),
        }
    }
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timings.fmt(f)
    }
}
