//! What is wrong with a request, as `application/problem+json`.

use std::error::Error;
use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

/// What is wrong with a request, or with what it asks for.
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

// === impl Problem ===

impl Problem {
    pub(crate) fn unreadable(error: serde_json::Error) -> Self {
        let detail = format!("not an array of objects with url and arguments: {error}");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn too_many(calls: usize, most: usize) -> Self {
        let detail = format!("{calls} calls, of which {most} are made at most");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn no_url(at: usize) -> Self {
        let detail = format!("item {at}: the url is not one of http");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn unanswered(at: usize, error: &(dyn Error + 'static)) -> Self {
        let mut detail = format!("item {at}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            detail.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self::new(StatusCode::BAD_GATEWAY, detail)
    }

    pub(crate) fn late(at: usize, after: Duration) -> Self {
        let detail = format!("item {at}: no whole answer within {after:?}");
        Self::new(StatusCode::GATEWAY_TIMEOUT, detail)
    }

    fn new(status: StatusCode, detail: String) -> Self {
        Self { status, detail }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let problem = json!({
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let json = [(CONTENT_TYPE, "application/problem+json")];
        (self.status, json, problem.to_string()).into_response()
    }
}
