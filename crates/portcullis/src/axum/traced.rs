//! The span of a request, as an argument of handlers.

use std::convert::Infallible;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use portcullis_core::{RequestContext, TraceContext};

/// The span of the request, as the trace layer made it; `Option<Traced>` where there may be no such layer.
///
/// ```
/// use portcullis::axum::Traced;
///
/// async fn publish(Traced(span): Traced) -> String {
///     // What goes into the message, for whoever takes it out of the queue.
///     format!("traceparent: {span}")
/// }
/// # let _ = publish;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced(pub TraceContext);

/// There is no trace layer: answered with 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTraced;

// === impl Traced ===

fn span(parts: &Parts) -> Option<Traced> {
    let context = RequestContext::find(&parts.extensions)?;
    context.trace_context().map(Traced)
}

impl<S: Sync> FromRequestParts<S> for Traced {
    type Rejection = NotTraced;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotTraced> {
        span(parts).ok_or(NotTraced)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(span(parts))
    }
}

// === impl NotTraced ===

impl std::fmt::Display for NotTraced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is no trace layer before this handler")
    }
}

impl std::error::Error for NotTraced {}

impl IntoResponse for NotTraced {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
