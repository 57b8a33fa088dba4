//! The answers of OAuth endpoints: RFC 6749 section 5.2, and what RFC 7009 and back-channel logout add.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// One answer of a feed. All text is ours, so that nothing a caller sent is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// What happened, for logs; listed in `docs/revocation.md`.
    pub(super) label: &'static str,
    /// `error` of the JSON object; none for success.
    error: Option<&'static str>,
    /// `error_description`: one sentence.
    detail: &'static str,
    retry_after: Option<Duration>,
}

/// What a caller is told to wait where nothing better is known.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(2);
/// The longest that anybody is told to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

// === impl Answer ===

impl Answer {
    pub(super) const fn done(label: &'static str) -> Self {
        Self {
            status: StatusCode::OK,
            label,
            error: None,
            detail: "",
            retry_after: None,
        }
    }

    /// 400: the request is wrong, and will be wrong again.
    pub(super) const fn invalid_request(label: &'static str, detail: &'static str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, label, "invalid_request", detail)
    }

    /// 503: RFC 7009 section 2.2.1, the caller must assume that the token still exists.
    pub(super) fn unavailable(label: &'static str, retry_after: Option<Duration>) -> Self {
        let delay = retry_after.unwrap_or(RETRY_AFTER_DEFAULT);
        Self {
            retry_after: Some(delay.min(RETRY_AFTER_MAX)),
            ..Self::error(
                StatusCode::SERVICE_UNAVAILABLE,
                label,
                "temporarily_unavailable",
                "It is not certain that this was done. Try again.",
            )
        }
    }

    pub(super) const fn error(
        status: StatusCode,
        label: &'static str,
        error: &'static str,
        detail: &'static str,
    ) -> Self {
        Self {
            status,
            label,
            error: Some(error),
            detail,
            retry_after: None,
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let body = self.error.map_or_else(Bytes::new, |error| {
            // Of our own words, which need no escapes: see the test.
            let detail = self.detail;
            format!(r#"{{"error":"{error}","error_description":"{detail}"}}"#).into()
        });
        let mut response = Response::new(Full::new(body.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        // RFC 6749 section 5.1, and section 2.8 of back-channel logout.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
        }
        if let Some(delay) = self.retry_after {
            let up = u64::from(delay.subsec_nanos() > 0);
            let seconds = delay.as_secs().saturating_add(up).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.status {
            // RFC 6749 section 5.2; RFC 7617 for the charset.
            StatusCode::UNAUTHORIZED => {
                let basic = r#"Basic realm="revocation", charset="UTF-8""#;
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(basic));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_says_when_to_come_back() {
        for (delay, seconds) in [
            (None, "2"),
            (Some(Duration::ZERO), "1"),
            (Some(Duration::from_millis(1_200)), "2"),
            (Some(Duration::MAX), "300"),
        ] {
            let response = Answer::unavailable("log_unavailable", delay).response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
            assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        }
    }

    #[test]
    fn success_has_no_body_and_nothing_is_kept_by_a_cache() {
        let response = Answer::done("revoked").response();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_LENGTH], "0");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert!(!response.headers().contains_key(CONTENT_TYPE));
    }
}
