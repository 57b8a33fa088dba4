//! One refused request, as data.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::ResponseBody;

mod intern;
mod kind;
mod protocol;
mod style;

pub use kind::RefusalKind;
pub use protocol::Protocol;
pub use style::{Problem, RefusalStyle};

/// One refused request: what is wrong, what the caller may do about it, and how each protocol says so.
///
/// Prepared once and answered many times: cloning is one `Arc`, an answer costs the clone of a small
/// header map. The texts are kept for as long as the process runs, so do not make them from input. Rendered for the protocol that the request speaks:
///
/// | | HTTP | gRPC, gRPC-Web |
/// |---|---|---|
/// | status | [`RefusalKind::status`] | 200 and `grpc-status`, trailers-only |
/// | text | `application/problem+json` (RFC 9457) | `grpc-message`, percent-encoded |
/// | challenge | `WWW-Authenticate` | the same, as metadata |
/// | retry after | `Retry-After`, whole seconds rounded up | `grpc-retry-pushback-ms` |
///
/// ```
/// use portcullis_core::{Protocol, Refusal, RefusalKind};
/// use std::time::Duration;
///
/// let refusal = Refusal::builder(RefusalKind::Unavailable, "key_unavailable")
///     .detail("The token could not be checked.")
///     .build()
///     .retry_after(Duration::from_millis(1_500));
/// let response = refusal.response::<()>(Protocol::Http);
/// assert_eq!(response.status(), 503);
/// assert_eq!(response.headers()["retry-after"], "2");
/// ```
#[derive(Clone)]
pub struct Refusal {
    prepared: Arc<Prepared>,
    retry_after: Option<Duration>,
}

struct Prepared {
    kind: RefusalKind,
    reason: &'static str,
    detail: &'static str,
    http: HeaderMap,
    grpc: HeaderMap,
    body: intern::Text,
}

/// Builds a [`Refusal`].
#[derive(Clone)]
#[must_use]
pub struct RefusalBuilder<'a> {
    kind: RefusalKind,
    reason: &'static str,
    detail: &'static str,
    challenges: Vec<HeaderValue>,
    style: &'a dyn RefusalStyle,
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What `grpc-message` escapes: everything but `%x20-%x24 / %x26-%x7E`.
const GRPC_ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

// === impl Refusal ===

impl Refusal {
    /// A builder. `reason` is a stable label of lower-case letters and underscores.
    pub fn builder(kind: RefusalKind, reason: &'static str) -> RefusalBuilder<'static> {
        RefusalBuilder {
            kind,
            reason,
            detail: "",
            challenges: Vec::new(),
            style: &(),
        }
    }

    /// The same refusal, asking the caller to wait for `delay` before the next attempt.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.prepared.kind
    }

    /// The HTTP status.
    #[inline]
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.prepared.kind.status()
    }

    /// The stable label, for metrics, logs and the `reason` member of the problem.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.prepared.reason
    }

    /// One sentence for a person, from a closed set: it never echoes input.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.prepared.detail
    }

    /// The first challenge.
    #[must_use]
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.prepared.http.get(WWW_AUTHENTICATE)
    }

    /// How long the caller should wait before the next attempt.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer, in the protocol that the request speaks.
    #[inline]
    #[must_use]
    pub fn response<B>(&self, protocol: Protocol) -> Response<ResponseBody<B>> {
        let Some(content_type) = protocol.grpc_content_type() else {
            let body = ResponseBody::own(self.prepared.body.bytes());
            let mut response = Response::new(body);
            *response.status_mut() = self.status();
            *response.headers_mut() = self.prepared.http.clone();
            if let Some(delay) = self.retry_after {
                let seconds = HeaderValue::from(whole_seconds(delay));
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            return response;
        };
        // To HTTP every gRPC answer is a success: the status is in the trailers, here trailers-only.
        let mut response = Response::new(ResponseBody::empty());
        *response.headers_mut() = self.prepared.grpc.clone();
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(delay) = self.retry_after {
            let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            response
                .headers_mut()
                .insert(GRPC_PUSHBACK, HeaderValue::from(millis));
        }
        response
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("kind", &self.kind())
            .field("reason", &self.reason())
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

// === impl RefusalBuilder ===

impl<'a> RefusalBuilder<'a> {
    /// Adds one sentence for a person. Never put input of the caller into it.
    pub fn detail(mut self, detail: &'static str) -> Self {
        self.detail = detail;
        self
    }

    /// Adds a `WWW-Authenticate` challenge.
    ///
    /// Only 400, 401 and 403 carry one: on any other kind it is left out, because a challenge makes
    /// clients throw away a good session.
    pub fn challenge(mut self, challenge: HeaderValue) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// Renders the text in another style; status and challenge are not a matter of style.
    pub fn style<'b>(self, style: &'b dyn RefusalStyle) -> RefusalBuilder<'b>
    where
        'a: 'b,
    {
        RefusalBuilder { style, ..self }
    }

    /// Prepares the refusal.
    #[must_use]
    pub fn build(self) -> Refusal {
        let status = self.kind.status();
        let problem = Problem {
            status,
            title: status.canonical_reason().unwrap_or("Refused"),
            detail: self.detail,
            reason: self.reason,
        };
        let (content_type, body) = style::render(&problem, self.style);
        let (content_type, body) = (intern::value(content_type), intern::body(body));

        let mut http = vec![
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let mut grpc = vec![
            (GRPC_STATUS, HeaderValue::from(self.kind.grpc_code())),
            (GRPC_MESSAGE, intern::value(grpc_message(&problem))),
        ];
        if self.kind.may_challenge() {
            for challenge in self.challenges.into_iter().map(intern::value) {
                http.push((WWW_AUTHENTICATE, challenge.clone()));
                grpc.push((WWW_AUTHENTICATE, challenge));
            }
        }
        let Self {
            kind,
            reason,
            detail,
            ..
        } = self;
        let prepared = Prepared {
            kind,
            reason,
            detail,
            http: exact(http),
            grpc: exact(grpc),
            body,
        };
        Refusal {
            prepared: Arc::new(prepared),
            retry_after: None,
        }
    }
}

impl fmt::Debug for RefusalBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusalBuilder")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// A map of no more room than it needs, for room is cloned too.
fn exact(lines: Vec<(HeaderName, HeaderValue)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(lines.len());
    for (name, value) in lines {
        headers.append(name, value);
    }
    headers
}

fn grpc_message(problem: &Problem<'_>) -> HeaderValue {
    let text = if problem.detail.is_empty() {
        problem.title
    } else {
        problem.detail
    };
    let escaped = utf8_percent_encode(text, GRPC_ESCAPED).to_string();
    // Percent-encoding leaves only visible ASCII and spaces, which a header value can hold.
    HeaderValue::try_from(escaped).unwrap_or_else(|_| HeaderValue::from_static("refused"))
}

/// Whole seconds, rounded up, at least one: zero would mean "at once".
fn whole_seconds(delay: Duration) -> u64 {
    let up = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(up).max(1)
}

#[cfg(test)]
mod tests;
