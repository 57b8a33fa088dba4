//! The questions: one table each.

use portcullis_bench_harness::{Args, Case, Group, Report};

use crate::case::{Asking, Setting, case};
use crate::listen::{Listening, Noting};
use crate::must::Must;
use crate::ours;
use crate::peers::{axum_tracing_opentelemetry as axum_otel, tower_http, tower_otel};
use crate::request::{Incoming, UNSAMPLED, USUAL};
use crate::service::{Handler, Transport};

const BARE: &str = "bare handler and its call";
const BARE_LUGGAGE: &str = "bare handler and its call, tracestate and baggage sent";
const BARE_ALONE: &str = "bare handler and its call, no extension";
const BARE_SERVER: &str = "bare service";
const BARE_CLIENT: &str = "bare call";

pub(crate) const OURS_LUGGAGE: &str = "portcullis-trace, server + client, tracestate and baggage";
pub(crate) const OURS_ALONE: &str = "portcullis-trace, server + client, no extension before";
pub(crate) const OURS_WITH_OTEL: &str = "portcullis-trace, server + client, OpenTelemetry too";
pub(crate) const SKIPPING: &str = "portcullis-trace, server + client, only sampled spans";
pub(crate) const QUIET: &str = "portcullis-trace, server + client, nobody listens";
const AXUM_OTEL_BARE: &str = "axum-tracing-opentelemetry, server + function, without OpenTelemetry";

/// Peers that propagate, and what of ours makes the same spans: of requests and calls, and of requests alone.
pub(crate) const PROPAGATING: [(&str, &str, [&str; 2]); 2] = [
    (
        "requests and calls",
        ours::BOTH,
        [tower_otel::NAME, tower_otel::LITTLE],
    ),
    (
        "requests alone",
        ours::ONE_SPAN,
        [axum_otel::NAME, axum_otel::LITTLE],
    ),
];

/// What propagation costs where nobody looks at spans.
pub(crate) fn quiet(args: &Args) -> Option<Report> {
    let nobody = Listening::Nobody;
    let luggage = Incoming {
        luggage: true,
        ..USUAL
    };
    let alone = Incoming {
        connection: false,
        ..USUAL
    };
    run(args, "No subscriber", || {
        Group::new("No subscriber")
            .against(tower_http::NAME)
            .note(
                "Where OpenTelemetry's layer does not listen, `tower-otel` propagates nothing, and \
                 `axum-tracing-opentelemetry` hands on the caller's span as if there were no server between. \
                 `tower-http` never propagates.",
            )
            .case(bare(BARE, nobody, USUAL))
            .case(bare(BARE_LUGGAGE, nobody, luggage))
            .case(bare(BARE_ALONE, nobody, alone))
            .case(bare_server(nobody))
            .case(bare_client(nobody))
            .case(ours::both(ours::BOTH, nobody, USUAL, BARE))
            .case(ours::both(OURS_LUGGAGE, nobody, luggage, BARE_LUGGAGE))
            .case(ours::both(OURS_ALONE, nobody, alone, BARE_ALONE))
            .case(ours::server(nobody, USUAL, BARE_SERVER))
            .case(ours::client(nobody, BARE_CLIENT))
            .case(tower_http::both(nobody, USUAL, BARE))
            .case(axum_otel::both(AXUM_OTEL_BARE, nobody, USUAL, Must::HandOn, BARE))
            .case(tower_otel::both(tower_otel::NAME, nobody, USUAL, Must::BeSilent, BARE))
    })
}

/// What it costs where requests and calls are counted: each has a duration in a histogram, by route, method and status,
/// what became of its trace, and is in flight until it ends.
pub(crate) fn counted(args: &Args) -> Option<Report> {
    let nobody = Listening::Nobody;
    run(args, "Metrics", || {
        Group::new("Metrics")
            .against(ours::BOTH)
            .note(
                "For the request: `http_requests_in_flight` up and down, `trace_context_total`, \
                 `http_request_duration_seconds`; for its call the first and the last. Nobody scrapes.",
            )
            .case(bare(BARE, nobody, USUAL))
            .case(ours::both(ours::BOTH, nobody, USUAL, BARE))
            .case(ours::counted(nobody, USUAL, BARE))
            .case(bare_server(nobody))
            .case(ours::server(nobody, USUAL, BARE_SERVER))
            .case(ours::counted_server(nobody, USUAL, BARE_SERVER))
    })
}

/// What it costs where only OpenTelemetry looks.
pub(crate) fn otel(args: &Args) -> Option<Report> {
    let title = "OpenTelemetry listens, nothing processes its spans";
    run(args, title, || {
        let usual = Listening::Otel(Noting::Everything);
        let group = Group::new(title)
            .against(tower_otel::NAME)
            .note(NOTED)
            .case(bare(BARE, Listening::Nobody, USUAL))
            .case(ours::both(ours::BOTH, usual, USUAL, BARE))
            .case(ours::one_span(usual, USUAL, BARE));
        propagating(group, Listening::Otel, USUAL)
    })
}

/// What it costs where a line is written for each span that ends.
pub(crate) fn lines(args: &Args) -> Option<Report> {
    let title = "A line for each span, to nowhere";
    run(args, title, || {
        let lines = Listening::Lines;
        let otel = Listening::OtelAndLines(Noting::Everything);
        let group = Group::new(title)
            .against(tower_otel::NAME)
            .note(
                "`tracing_subscriber::fmt` at INFO with `FmtSpan::CLOSE`: the lines are counted. Peers that propagate \
                 have OpenTelemetry's layer beside it, for they need it to. `axum-tracing-opentelemetry` has no span \
                 of calls, so it writes one line, all others two; without OpenTelemetry it hands on the caller's span. \
                 `tower-http` does not propagate.",
            )
            .case(bare(BARE, Listening::Nobody, USUAL))
            .case(ours::both(ours::BOTH, lines, USUAL, BARE))
            .case(ours::one_span(lines, USUAL, BARE))
            .case(ours::both(OURS_WITH_OTEL, otel, USUAL, BARE))
            .case(tower_http::both(lines, USUAL, BARE))
            .case(axum_otel::both(AXUM_OTEL_BARE, lines, USUAL, Must::HandOn, BARE));
        propagating(group, Listening::OtelAndLines, USUAL)
    })
}

/// What it costs where the caller does not sample.
pub(crate) fn unsampled(args: &Args) -> Option<Report> {
    let title = "The caller does not sample; a line for each span";
    let incoming = Incoming {
        parent: UNSAMPLED,
        ..USUAL
    };
    run(args, title, || {
        let lines = Listening::Lines;
        let group = Group::new(title)
            .against(tower_otel::NAME)
            .note("Only ours can leave spans out that are not sampled; all write lines otherwise.")
            .case(bare(BARE, Listening::Nobody, incoming))
            .case(ours::both(QUIET, Listening::Nobody, incoming, BARE))
            .case(ours::skipping(SKIPPING, lines, incoming, BARE))
            .case(ours::both(ours::BOTH, lines, incoming, BARE));
        propagating(group, Listening::OtelAndLines, incoming)
    })
}

const NOTED: &str = "Little noted: OpenTelemetry's layer takes no notice of threads, source locations and idle times.";

/// The peers that propagate, with all that OpenTelemetry's layer notes, and with little.
fn propagating(group: Group, listening: fn(Noting) -> Listening, incoming: Incoming) -> Group {
    let (usual, little) = (listening(Noting::Everything), listening(Noting::Little));
    let must = Must::Continue;
    group
        .case(axum_otel::both(
            axum_otel::NAME,
            usual,
            incoming,
            must,
            BARE,
        ))
        .case(axum_otel::both(
            axum_otel::LITTLE,
            little,
            incoming,
            must,
            BARE,
        ))
        .case(tower_otel::both(
            tower_otel::NAME,
            usual,
            incoming,
            must,
            BARE,
        ))
        .case(tower_otel::both(
            tower_otel::LITTLE,
            little,
            incoming,
            must,
            BARE,
        ))
}

fn bare(name: &str, listening: Listening, incoming: Incoming) -> Case {
    let setting = setting(listening, Asking::Incoming(incoming), Must::BeSilent);
    case(name, setting, Handler::new)
}

fn bare_server(listening: Listening) -> Case {
    let setting = setting(listening, Asking::Incoming(USUAL), Must::Answer);
    case(BARE_SERVER, setting, |transport: Transport| transport)
}

fn bare_client(listening: Listening) -> Case {
    let setting = setting(listening, Asking::Outgoing, Must::BeSilent);
    case(BARE_CLIENT, setting, |transport: Transport| transport)
}

const fn setting(listening: Listening, asking: Asking, must: Must) -> Setting {
    Setting {
        listening,
        asking,
        must,
        spans: 0,
    }
}

/// Cases are only made where they are wanted, for they are tried when they are made.
fn run(args: &Args, title: &str, group: impl FnOnce() -> Group) -> Option<Report> {
    args.wants(title).then(|| group().run(args))
}
