//! What users may change about the text of a refusal.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

/// The text of refusals: problem `type` and body. Status and challenge are not a matter of style.
///
/// Asked once per reason, when the layer is built. `()` is the plain style: `type` is left out (which
/// means `about:blank`), the body is the problem as JSON.
pub trait RefusalStyle: Send + Sync {
    /// The problem `type`, a URI that documents the problem.
    fn problem_type(&self, problem: &Problem<'_>) -> Option<String> {
        let _ = problem;
        None
    }

    /// A body with its content type instead of the problem.
    fn body(&self, problem: &Problem<'_>) -> Option<(HeaderValue, Bytes)> {
        let _ = problem;
        None
    }
}

impl RefusalStyle for () {}

/// The members of a problem (RFC 9457 section 3.1).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Problem<'a> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The phrase of the status.
    pub title: &'a str,
    /// One sentence for a person; empty if there is nothing to add.
    pub detail: &'a str,
    /// The stable label.
    pub reason: &'a str,
}

#[derive(serde::Serialize)]
struct Json<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    reason: &'a str,
}

pub(super) fn render(problem: &Problem<'_>, style: &dyn RefusalStyle) -> (HeaderValue, Bytes) {
    if let Some(own) = style.body(problem) {
        return own;
    }
    let json = Json {
        kind: style.problem_type(problem),
        title: problem.title,
        status: problem.status.as_u16(),
        detail: problem.detail,
        reason: problem.reason,
    };
    // Strings and a number always serialise; an empty body would still be a right answer.
    let body = serde_json::to_vec(&json).unwrap_or_default();
    (
        HeaderValue::from_static("application/problem+json"),
        body.into(),
    )
}
