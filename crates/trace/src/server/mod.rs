//! Requests that come in.

mod service;

use portcullis_core::SystemClock;

pub use service::TraceServer;

use crate::propagation::Formats;
use crate::sampling::Sampler;
use crate::span::Spans;
use crate::trust::Trust;

/// What a [`TraceContextLayer`](crate::TraceContextLayer) of a server was told.
#[derive(Clone, Debug)]
pub struct Server<O = (), C = SystemClock> {
    pub(crate) formats: Formats,
    pub(crate) trust: Trust,
    pub(crate) sampler: Sampler,
    pub(crate) spans: Spans,
    pub(crate) observer: O,
    pub(crate) clock: C,
}
