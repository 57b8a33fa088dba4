//! What a span is told later.

use http::StatusCode;
use portcullis_core::{Ending, Protocol, RequestContext, RequestEnded, Side, TraceFlags};
use tracing::Span;

use super::Spans;

/// It is over. All of it is said at once, for whoever writes lines formats each field that is told by itself.
pub(crate) fn ended(spans: &Spans, span: &Span, event: &RequestEnded<'_>, was: TraceFlags) {
    if span.is_disabled() {
        return;
    }
    let began = &event.began;
    let context = event.context.filter(|_| began.side == Side::Server);
    let route = context.and_then(RequestContext::route);
    let name = route
        .filter(|_| began.protocol == Protocol::Http)
        .map(|route| format!("{} {route}", began.method));
    let names = spans.pseudonyms.as_ref();
    let user = context
        .and_then(RequestContext::identity)
        .zip(names)
        .and_then(|(identity, names)| names.of(identity));
    let error = event.error_type();
    // Nearly all are complete, and say nothing of it.
    let end = (event.end != Ending::Complete).then(|| event.end.as_str());
    // The status itself, where that is the error.
    let status = event
        .status
        .filter(|_| matches!(error, Some("4xx" | "5xx")));
    // What the caller wished was granted since.
    if event.span.flags.is_sampled() && !was.is_sampled() {
        span.record("sampled", true);
    }
    if let Some(status) = event.grpc_status {
        span.record("rpc.response.status_code", status.as_str());
    }
    tracing::record_all!(
        span,
        otel.name = name,
        http.route = route,
        http.response.status_code = event.status.map(|status| status.as_u16()),
        enduser.pseudo.id = user,
        end = end,
        error.type = status.as_ref().map(StatusCode::as_str).or(error),
        otel.status_code = error.map(|_| "ERROR"),
    );
}
