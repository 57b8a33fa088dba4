//! What a span is told later.

use http::StatusCode;
use portcullis_core::{Protocol, RequestEnded, Side};
use tracing::Span;

use super::Spans;

/// The head of the answer is there.
pub(crate) fn head(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
}

/// It is over.
pub(crate) fn ended(spans: &Spans, span: &Span, event: &RequestEnded<'_>) {
    if span.is_disabled() {
        return;
    }
    let (began, context) = (&event.began, event.context);
    if let Some(context) = context.filter(|_| began.side == Side::Server) {
        if let Some(route) = context.route() {
            span.record("http.route", route);
            if began.protocol == Protocol::Http {
                span.record("otel.name", format!("{} {route}", began.method).as_str());
            }
        }
        if let Some(identity) = context.identity()
            && let Some(name) = spans
                .pseudonyms
                .as_ref()
                .and_then(|names| names.of(identity))
        {
            span.record("enduser.pseudo.id", name.as_str());
        }
    }
    if event.span.flags.is_sampled() {
        span.record("sampled", true);
    }
    if let Some(status) = event.grpc_status {
        span.record("rpc.response.status_code", status.as_str());
    }
    span.record("end", event.end.as_str());
    if let Some(error) = event.error_type() {
        // The status itself, where that is the error.
        match event.status.filter(|_| matches!(error, "4xx" | "5xx")) {
            Some(status) => span.record("error.type", status.as_str()),
            None => span.record("error.type", error),
        };
        span.record("otel.status_code", "ERROR");
    }
}
