//! tower-otel: a layer for either end, which propagates through OpenTelemetry's layer of `tracing`.

use portcullis_bench_harness::Case;
use tower::Layer as _;
use tower_otel::trace::HttpLayer;
use tracing::Level;

use crate::case::{Asking, Setting, case};
use crate::listen::Listening;
use crate::must::Must;
use crate::request::Incoming;
use crate::service::Handler;

pub(crate) const NAME: &str = "tower-otel, server + client";
pub(crate) const LITTLE: &str = "tower-otel, server + client, little noted";

pub(crate) fn both(
    name: &str,
    listening: Listening,
    incoming: Incoming,
    must: Must,
    base: &str,
) -> Case {
    let server = HttpLayer::server(Level::INFO);
    let client = HttpLayer::client(Level::INFO);
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must,
        spans: 2,
    };
    case(name, setting, |transport| {
        server.layer(Handler::new(client.layer(transport)))
    })
    .over(base)
}
