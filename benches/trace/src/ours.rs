//! Ours, round each of the services.

use metrics_exporter_prometheus::PrometheusBuilder;
use portcullis::metrics::MetricsObserver;
use portcullis_bench_harness::Case;
use portcullis_trace::{Spans, TraceContextLayer};
use tower::Layer as _;

use crate::case::{Asking, Setting, case};
use crate::listen::Listening;
use crate::must::Must;
use crate::request::Incoming;
use crate::service::Handler;

pub(crate) const BOTH: &str = "portcullis-trace, server + client";
/// As axum-tracing-opentelemetry has it: no span of calls.
pub(crate) const ONE_SPAN: &str = "portcullis-trace, server + client, spans of requests alone";
pub(crate) const COUNTED: &str = "portcullis-trace, server + client, requests and calls counted";
pub(crate) const COUNTED_SERVER: &str = "portcullis-trace, server alone, requests counted";
pub(crate) const SERVER: &str = "portcullis-trace, server alone";
pub(crate) const CLIENT: &str = "portcullis-trace, client alone";

/// Both layers.
pub(crate) fn both(name: &str, listening: Listening, incoming: Incoming, base: &str) -> Case {
    layered(name, listening, incoming, [Spans::new(), Spans::new()], 2).over(base)
}

/// Both layers, of which the client's makes no span.
pub(crate) fn one_span(listening: Listening, incoming: Incoming, base: &str) -> Case {
    let spans = [Spans::new(), Spans::off()];
    layered(ONE_SPAN, listening, incoming, spans, 1).over(base)
}

/// Both layers, which make no span of a trace that is not sampled.
pub(crate) fn skipping(name: &str, listening: Listening, incoming: Incoming, base: &str) -> Case {
    let sampled = || Spans::new().only_sampled();
    layered(name, listening, incoming, [sampled(), sampled()], 0).over(base)
}

/// Both layers, whose requests and calls are counted for Prometheus.
pub(crate) fn counted(listening: Listening, incoming: Incoming, base: &str) -> Case {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counts = MetricsObserver::builder().with_recorder(recorder).build();
    let server = TraceContextLayer::server().observed_by(counts.clone());
    let client = TraceContextLayer::client().observed_by(counts);
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must: Must::Continue,
        spans: 2,
    };
    let counted = case(COUNTED, setting, |transport| {
        server.layer(Handler::new(client.layer(transport)))
    });
    counted.over(base)
}

/// The server's layer alone, whose requests are counted for Prometheus.
pub(crate) fn counted_server(listening: Listening, incoming: Incoming, base: &str) -> Case {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counts = MetricsObserver::builder().with_recorder(recorder).build();
    let layer = TraceContextLayer::server().observed_by(counts);
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must: Must::Serve,
        spans: 1,
    };
    case(COUNTED_SERVER, setting, |transport| layer.layer(transport)).over(base)
}

fn layered(
    name: &str,
    listening: Listening,
    incoming: Incoming,
    [of_requests, of_calls]: [Spans; 2],
    spans: u64,
) -> Case {
    let server = TraceContextLayer::server().with_spans(of_requests);
    let client = TraceContextLayer::client().with_spans(of_calls);
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must: Must::Continue,
        spans,
    };
    case(name, setting, |transport| {
        server.layer(Handler::new(client.layer(transport)))
    })
}

/// The server's layer, round a service that makes no call.
pub(crate) fn server(listening: Listening, incoming: Incoming, base: &str) -> Case {
    let layer = TraceContextLayer::server();
    let setting = Setting {
        listening,
        asking: Asking::Incoming(incoming),
        must: Must::Serve,
        spans: 1,
    };
    case(SERVER, setting, |transport| layer.layer(transport)).over(base)
}

/// The client's layer, called while a request is served.
pub(crate) fn client(listening: Listening, base: &str) -> Case {
    let layer = TraceContextLayer::client();
    let setting = Setting {
        listening,
        asking: Asking::Outgoing,
        must: Must::Continue,
        spans: 1,
    };
    case(CLIENT, setting, |transport| layer.layer(transport)).over(base)
}
