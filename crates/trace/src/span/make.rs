//! Spans when a request begins.

use http::{Request, Version};
use portcullis_core::{Protocol, RequestBegan, RequestTrace, TraceContext};
use tracing::Span;
use tracing::field::display;

use super::fields::{http_span, rpc_span};
use super::query::Redacted;
use super::{Spans, headers};

/// The span of a request that came in.
#[inline]
pub(crate) fn server<B>(
    spans: &Spans,
    began: &RequestBegan,
    trace: &RequestTrace,
    request: &Request<B>,
) -> Span {
    let own = trace.own();
    // A wish may still be granted: then there must be a span.
    if !spans.makes(own.flags.is_sampled() || trace.may_be_sampled()) {
        return Span::none();
    }
    let span = if began.protocol == Protocol::Http {
        http_span!("server", began, own)
    } else {
        rpc_span!("server", began, own, request)
    };
    if !span.is_disabled() {
        if let Some(parent) = trace.parent() {
            span.record("parent_span_id", display(parent));
        }
        if let Some(link) = trace.link() {
            span.record("link.trace_id", display(link.trace_id));
            span.record("link.span_id", display(link.span_id));
        }
        show(spans, &span, request);
    }
    span
}

/// The span of a call that goes out.
#[inline]
pub(crate) fn client<B>(
    spans: &Spans,
    began: &RequestBegan,
    own: TraceContext,
    parent: Option<TraceContext>,
    request: &Request<B>,
) -> Span {
    if !spans.makes(own.flags.is_sampled()) {
        return Span::none();
    }
    let span = if began.protocol == Protocol::Http {
        http_span!("client", began, own)
    } else {
        rpc_span!("client", began, own, request)
    };
    if !span.is_disabled() {
        if let Some(parent) = parent {
            span.record("parent_span_id", display(parent.span_id));
        }
        if let Some(host) = request.uri().host() {
            span.record("server.address", host);
        }
        if let Some(port) = request.uri().port_u16() {
            span.record("server.port", port);
        }
        show(spans, &span, request);
    }
    span
}

/// What both show of the request itself.
fn show<B>(spans: &Spans, span: &Span, request: &Request<B>) {
    let (uri, headers) = (request.uri(), request.headers());
    span.record("url.path", uri.path());
    if let Some(query) = uri.query() {
        let shown = &spans.query;
        span.record("url.query", display(Redacted { query, shown }));
    }
    if let Some(scheme) = uri.scheme_str() {
        span.record("url.scheme", scheme);
    }
    if let Some(version) = version(request.version()) {
        span.record("network.protocol.version", version);
    }
    if spans.headers.user_agent
        && let Some(agent) = headers.get(http::header::USER_AGENT)
    {
        span.record("user_agent.original", headers::value(agent).as_str());
    }
    if let Some(listed) = spans.headers.of(headers) {
        span.record("http.request.headers", display(listed));
    }
}

fn version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}

/// The full name of a method of gRPC: its path without the first slash.
fn rpc_method(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}
