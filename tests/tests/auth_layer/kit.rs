//! Requests, an inner service that keeps what reached it, and answers taken apart.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use portcullis_auth::{AuthLayer, Verdict, Verifier};
use portcullis_core::{Identity, Observer, VerdictEvent, VerdictOutcome};
use portcullis_testing::StubVerifier;
use tower::ServiceExt as _;
use tower_layer::Layer as _;
use tower_service::Service;

/// The content types that tell the protocols, with the type of the answer.
pub(crate) const PROTOCOLS: [(Option<&str>, &str); 4] = [
    (None, "application/problem+json"),
    (Some("application/grpc+proto"), "application/grpc"),
    (Some("application/grpc-web"), "application/grpc-web+proto"),
    (
        Some("application/grpc-web-text"),
        "application/grpc-web-text+proto",
    ),
];

/// Answers 204 and keeps the heads that reached it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inner(Arc<Mutex<Vec<Request<()>>>>);

impl Inner {
    /// What reached it, oldest first.
    pub(crate) fn reached(&self) -> Vec<Request<()>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Service<Request<()>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.lock().unwrap().push(request);
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        ready(Ok(response))
    }
}

/// What came back, and what reached the inner service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) reached: Option<Request<()>>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is there twice");
        value
    }

    /// All challenges, joined as a list header may be.
    pub(crate) fn challenge(&self) -> Option<String> {
        let lines: Vec<_> = self
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The identity that the inner service saw.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        Identity::of(self.reached.as_ref()?.extensions())
    }
}

pub(crate) async fn send<V, O>(layer: &AuthLayer<V, O>, request: Request<()>) -> Answer
where
    V: Verifier,
    O: Observer + Clone,
{
    let inner = Inner::default();
    let response = layer.layer(inner.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut reached = inner.reached();
    assert!(reached.len() < 2, "called twice");
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        reached: reached.pop(),
    }
}

/// A request with a token, or none.
pub(crate) fn request(token: Option<&str>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    request
}

pub(crate) fn with_method(mut request: Request<()>, method: Method) -> Request<()> {
    *request.method_mut() = method;
    request
}

pub(crate) fn speaking(mut request: Request<()>, content_type: Option<&str>) -> Request<()> {
    if let Some(content_type) = content_type {
        let value = content_type.parse().unwrap();
        request.headers_mut().insert(CONTENT_TYPE, value);
    }
    request
}

/// A layer that judges the token `fast` without I/O, and `slow` with it, both by `verdict`.
pub(crate) fn judging(verdict: &Verdict) -> AuthLayer<StubVerifier> {
    let verifier = StubVerifier::new().slow("slow", verdict.clone());
    verifier.set("fast", verdict.clone());
    AuthLayer::new(verifier)
}

/// An event without lifetimes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) outcome: VerdictOutcome,
    pub(crate) reason: &'static str,
    pub(crate) refused: Option<u16>,
    pub(crate) provenance: Option<portcullis_core::Provenance>,
    pub(crate) issuer: Option<String>,
}

/// Keeps the events, and what their `Debug` shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    shown: Arc<Mutex<String>>,
}

impl Recorder {
    /// The events so far; forgets them.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    /// The `Debug` of every event so far.
    pub(crate) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }
}

impl Observer for Recorder {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        self.shown.lock().unwrap().push_str(&format!("{event:?}\n"));
        self.events.lock().unwrap().push(Event {
            outcome: event.outcome,
            reason: event.reason,
            refused: event.refused.map(|status| status.as_u16()),
            provenance: event.provenance,
            issuer: event.issuer.map(str::to_owned),
        });
    }
}
