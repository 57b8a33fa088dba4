//! tower-http: spans, and no propagation.

use portcullis_bench_harness::Case;
use tower::Layer as _;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::Level;

use crate::case::{Asking, Setting, case};
use crate::listen::Listening;
use crate::must::Must;
use crate::request::Incoming;
use crate::service::Handler;

pub(crate) const NAME: &str = "tower-http, server + client";

/// Its spans are of the level DEBUG, unless it is told otherwise.
pub(crate) fn both(listening: Listening, incoming: Incoming, base: &str) -> Case {
    let layer =
        TraceLayer::new_for_http().make_span_with(DefaultMakeSpan::new().level(Level::INFO));
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must: Must::BeSilent,
        spans: 2,
    };
    case(NAME, setting, |transport| {
        layer.layer(Handler::new(layer.layer(transport)))
    })
    .over(base)
}
