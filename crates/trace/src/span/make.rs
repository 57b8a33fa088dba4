//! Spans when a request begins.

use http::{Request, Uri, Version};
use portcullis_core::{Protocol, RequestBegan, RequestTrace, Side, SpanId, TraceContext, TraceId};
use tracing::Span;
use tracing::field::{DisplayValue, display};

use super::fields::{http_span, rpc_span};
use super::headers::Listed;
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
    let shown = Shown {
        spans,
        began,
        own,
        parent: trace.parent(),
        link: trace.link(),
        request,
    };
    if began.protocol == Protocol::Http {
        http_span!("server", shown)
    } else {
        rpc_span!("server", shown)
    }
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
    let shown = Shown {
        spans,
        began,
        own,
        parent: parent.map(|parent| parent.span_id),
        link: None,
        request,
    };
    if began.protocol == Protocol::Http {
        http_span!("client", shown)
    } else {
        rpc_span!("client", shown)
    }
}

/// What is shown of a request from the start. Nothing of it is made unless somebody wants the span.
struct Shown<'a, B> {
    spans: &'a Spans,
    began: &'a RequestBegan,
    own: TraceContext,
    parent: Option<SpanId>,
    link: Option<TraceContext>,
    request: &'a Request<B>,
}

/// What is longer is no method that anybody registered.
const LONGEST_METHOD: usize = 256;
/// The most that is shown of a path, in bytes.
const LONGEST_PATH: usize = 1024;

// === impl Shown ===

impl<'a, B> Shown<'a, B> {
    fn method(&self) -> &'static str {
        self.began.method
    }

    /// The full name of a method of gRPC: its path without the first slash, if it has the shape of one.
    fn rpc_method(&self) -> &'a str {
        let path = self.uri().path();
        let name = path.strip_prefix('/').unwrap_or(path);
        let is_name = |part: &str| {
            let good =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            !part.is_empty() && part.bytes().all(good)
        };
        match name.split_once('/') {
            Some((service, method))
                if name.len() <= LONGEST_METHOD && is_name(service) && is_name(method) =>
            {
                name
            }
            _ => "_OTHER",
        }
    }

    /// The path, as far as it fits.
    fn path(&self) -> Option<&'a str> {
        let path = self.uri().path();
        let cut = path.get(..LONGEST_PATH).unwrap_or(path);
        (!self.spans.hides_path).then_some(cut)
    }

    /// Said only where it is not so.
    fn unsampled(&self) -> Option<bool> {
        (!self.own.flags.is_sampled()).then_some(false)
    }

    fn parent(&self) -> Option<DisplayValue<SpanId>> {
        self.parent.map(display)
    }

    fn linked_trace(&self) -> Option<DisplayValue<TraceId>> {
        self.link.map(|link| display(link.trace_id))
    }

    fn linked_span(&self) -> Option<DisplayValue<SpanId>> {
        self.link.map(|link| display(link.span_id))
    }

    fn uri(&self) -> &'a Uri {
        self.request.uri()
    }

    fn query(&self) -> Option<DisplayValue<Redacted<'a>>> {
        let shown = &self.spans.query;
        let redacted = |query| display(Redacted { query, shown });
        self.uri().query().map(redacted)
    }

    /// Who is called.
    fn address(&self) -> Option<&'a str> {
        let host = self.uri().host();
        host.filter(|_| self.began.side == Side::Client)
    }

    fn port(&self) -> Option<u16> {
        let port = self.uri().port_u16();
        port.filter(|_| self.began.side == Side::Client)
    }

    fn version(&self) -> Option<&'static str> {
        Some(match self.request.version() {
            Version::HTTP_09 => "0.9",
            Version::HTTP_10 => "1.0",
            Version::HTTP_11 => "1.1",
            Version::HTTP_2 => "2",
            Version::HTTP_3 => "3",
            _ => return None,
        })
    }

    fn user_agent(&self) -> Option<String> {
        let headers = self.request.headers();
        let agent = headers.get(http::header::USER_AGENT);
        agent
            .filter(|_| self.spans.headers.user_agent)
            .map(headers::value)
    }

    fn headers(&self) -> Option<DisplayValue<Listed<'a>>> {
        let headers = self.request.headers();
        self.spans.headers.of(headers).map(display)
    }
}
