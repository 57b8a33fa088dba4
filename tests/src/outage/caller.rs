//! A client of the service, and what it was answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// An HTTP client of one service. A clone shares its connections.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

/// One answer of the service, and how long it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
    /// From the first byte sent to the last one read.
    pub took: Duration,
}

// === impl Caller ===

impl Caller {
    /// A client that speaks HTTP/1.1, on as many connections as it has requests.
    #[must_use]
    pub fn http1(base: &str) -> Self {
        Self::new(base, false)
    }

    /// A client that speaks HTTP/2, on one connection.
    #[must_use]
    pub fn http2(base: &str) -> Self {
        Self::new(base, true)
    }

    fn new(base: &str, only_http2: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(only_http2)
            .build(connector);
        Self {
            client,
            base: base.to_owned(),
        }
    }

    /// Gets `path` with `token`.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, Some(token)).await
    }

    /// Posts nothing to `path` with `token`.
    pub async fn post(&self, path: &str, token: &str) -> Answer {
        self.send(Method::POST, path, Some(token)).await
    }

    /// Gets `path` without a token.
    pub async fn get_open(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::default()).expect("a good request");
        let start = Instant::now();
        let response = self
            .client
            .request(request)
            .await
            .expect("the service itself is never down");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            took: start.elapsed(),
        }
    }
}

// === impl Answer ===

impl Answer {
    /// Whether the request reached the handler.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    /// How the handler said that the caller is known: `fresh`, `cached`, `degraded CAUSE`, `anonymous`.
    #[must_use]
    pub fn provenance(&self) -> Option<&str> {
        self.headers.get("x-provenance")?.to_str().ok()
    }

    /// The seconds of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
    }

    /// What keeps this from being the answer of an outage of ours: 503, `Retry-After`, no challenge.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn check_unavailable(&self) -> Result<(), String> {
        let wrong = if self.status != StatusCode::SERVICE_UNAVAILABLE {
            "the status"
        } else if self.retry_after().is_none_or(|seconds| seconds == 0) {
            "Retry-After"
        } else if self.headers.contains_key(WWW_AUTHENTICATE) {
            "a challenge"
        } else {
            return Ok(());
        };
        Err(format!("{wrong} is wrong in {self:?}"))
    }

    /// Asserts that this is the answer of an outage of ours.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn assert_unavailable(&self) {
        if let Err(wrong) = self.check_unavailable() {
            panic!("{wrong}");
        }
    }

    /// Asserts that the token was judged bad for `reason`.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    pub fn assert_invalid(&self, reason: &str) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{self:?}");
        assert!(self.headers.contains_key(WWW_AUTHENTICATE), "{self:?}");
        assert!(self.body.contains(reason), "{self:?}");
    }
}
