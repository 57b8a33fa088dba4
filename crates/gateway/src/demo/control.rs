//! The control port of the demo: outages, rotations, tokens.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis_testing::{FakeIssuer, Mode, SigningKey};
use tower::Service;

use super::query;
use super::script;

/// What the control port says to whoever asks for nothing in particular.
const HELP: &str = "\
POST /outage?mode=MODE   down, slow, hang, 500: how the issuer fails from now on; ok: it is back
POST /rotate             sign with a new key from now on, published beside the old ones
GET  /token              a good token of alice, with scope api:read; change it with
       ?expired          expired an hour ago
       ?audience=URL     meant for somebody else
       ?scope=SCOPES     other scopes, or none
       ?subject=NAME     of somebody else
       ?unknown_key      signed with a key that the issuer does not publish
";

/// Turns the switches of the issuer, and hands out its tokens.
#[derive(Clone)]
pub(super) struct Control {
    issuer: FakeIssuer,
    /// A key that nobody publishes.
    stray: SigningKey,
}

// === impl Control ===

impl Control {
    pub(super) fn new(issuer: FakeIssuer) -> Self {
        Self {
            issuer,
            stray: SigningKey::rsa("unpublished"),
        }
    }

    fn answer(&self, method: &Method, path: &str, query: Option<&str>) -> Response<Body> {
        let query = query::pairs(query);
        let query: Vec<_> = query
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        match (method.as_str(), path) {
            ("POST", "/outage") => self.outage(&query),
            ("POST", "/rotate") => {
                let key = self.issuer.rotate();
                let kid = key.kid().unwrap_or_default();
                text(StatusCode::OK, format!("the issuer signs with {kid} now\n"))
            }
            ("GET", "/token") => self.token(&query),
            ("GET", "/") => text(StatusCode::OK, HELP),
            _ => text(StatusCode::NOT_FOUND, HELP),
        }
    }

    fn outage(&self, query: &[(&str, &str)]) -> Response<Body> {
        let (mode, said) = match query {
            [("mode", "ok")] => (Mode::Ok, "back"),
            [("mode", "down")] => (Mode::Reset, "down: connections break"),
            [("mode", "slow")] => (Mode::Slow(Duration::from_secs(3)), "slow: 3 s"),
            [("mode", "hang")] => (Mode::Hang, "hanging: it takes requests and never answers"),
            [("mode", "500")] => (Mode::Error500, "failing: 500"),
            _ => return text(StatusCode::BAD_REQUEST, HELP),
        };
        self.issuer.mode(mode);
        text(StatusCode::OK, format!("the issuer is {said}\n"))
    }

    fn token(&self, query: &[(&str, &str)]) -> Response<Body> {
        let mut token = self.issuer.token().subject("alice").client("curl");
        let mut scope = script::SCOPE;
        for pair in query {
            token = match *pair {
                ("expired", "") => token.expired(Duration::from_secs(3600)),
                ("audience", audience) => token.audience(audience),
                ("subject", subject) => token.subject(subject),
                ("unknown_key", "") => token.signed_by(&self.stray),
                ("scope", other) => {
                    scope = other;
                    token
                }
                _ => return text(StatusCode::BAD_REQUEST, HELP),
            };
        }
        if !scope.is_empty() {
            token = token.scope(scope);
        }
        text(StatusCode::OK, token.issue())
    }
}

impl Service<Request<Body>> for Control {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let uri = request.uri();
        ready(Ok(self.answer(request.method(), uri.path(), uri.query())))
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
