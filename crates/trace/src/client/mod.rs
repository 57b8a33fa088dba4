//! Requests that go out.

mod begins;

use std::sync::Arc;

use portcullis_core::SystemClock;

pub use begins::ResendCount;

use crate::egress::Egress;
use crate::propagation::Formats;
use crate::sampling::Sampler;
use crate::span::Spans;

/// What a [`TraceContextLayer`](crate::TraceContextLayer) of a client was told.
#[derive(Clone, Debug)]
pub struct Client<O = (), C = SystemClock> {
    pub(crate) formats: Formats,
    pub(crate) egress: Egress,
    pub(crate) sampler: Sampler,
    pub(crate) spans: Arc<Spans>,
    pub(crate) observer: O,
    pub(crate) clock: C,
}
