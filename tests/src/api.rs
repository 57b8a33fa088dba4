//! A service behind an auth layer, asked in memory.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use portcullis_auth::jwks::{HttpClient, Jwks};
use portcullis_auth::key::{KeySpec, VerifyingKey};
use portcullis_auth::{AuthLayer, Issuer, JwtVerifier, Keys, Verifier};
use portcullis_core::{Clock, Identity, Observer};
use portcullis_testing::{FakeIssuer, SigningKey};
use tower_layer::Layer as _;
use tower_service::Service;

/// What came back, and what reached the service.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The stable label of a refusal.
    pub reason: Option<String>,
    /// The request, if it was passed on.
    pub reached: Option<Request<()>>,
}

/// Answers 200 and keeps the request.
#[derive(Clone, Debug, Default)]
struct Inner(Arc<Mutex<Option<Request<()>>>>);

/// Configured public keys.
///
/// # Panics
/// If a key cannot be used, or two have one id.
#[must_use]
pub fn fixed<C: Clock>(keys: &[&SigningKey]) -> Keys<C> {
    let load = |key: &&SigningKey| {
        VerifyingKey::from_jwk(&key.jwk().to_string(), &KeySpec::new())
            .unwrap_or_else(|error| panic!("{key:?}: {error}"))
    };
    Keys::fixed(keys.iter().map(load)).unwrap_or_else(|error| panic!("{error}"))
}

/// The keys that an issuer publishes, found by discovery in memory.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn published<C: Clock>(issuer: &FakeIssuer, clock: &C) -> Jwks<C> {
    Jwks::builder(issuer.issuer())
        .with_http_client(HttpClient::new::<_, Full<Bytes>, _>(issuer.client()))
        .with_clock(clock.clone())
        .build()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A layer that trusts these issuers.
///
/// # Panics
/// If an issuer is not configured rightly.
pub fn trusting<C: Clock>(
    clock: &C,
    issuers: impl IntoIterator<Item = Issuer<C>>,
) -> AuthLayer<JwtVerifier<C>> {
    let empty = JwtVerifier::builder_with_clock(clock.clone());
    let verifier = issuers
        .into_iter()
        .fold(empty, portcullis_auth::JwtVerifierBuilder::issuer)
        .build();
    AuthLayer::new(verifier.unwrap_or_else(|error| panic!("{error}")))
}

/// A request with a bearer token.
///
/// # Panics
/// If no header can hold the token.
#[must_use]
pub fn bearer(token: &str) -> Request<()> {
    let mut request = Request::new(());
    let value = HeaderValue::try_from(format!("Bearer {token}"))
        .unwrap_or_else(|error| panic!("{token:?}: {error}"));
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

/// Sends one request through a new service of the layer.
///
/// # Panics
/// If a refusal is no problem document.
pub async fn ask<V, O>(layer: &AuthLayer<V, O>, request: Request<()>) -> Answer
where
    V: Verifier,
    O: Observer + Clone,
{
    let inner = Inner::default();
    let mut service = layer.layer(inner.clone());
    let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
    let Ok(response) = service.call(request).await;
    let reached = inner
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let (parts, body) = response.into_parts();
    let reason = if reached.is_some() {
        None
    } else {
        let Ok(body) = body.collect().await;
        let problem: serde_json::Value = serde_json::from_slice(&body.to_bytes())
            .unwrap_or_else(|error| panic!("{parts:?}: {error}"));
        Some(problem["reason"].as_str().unwrap_or_default().to_owned())
    };
    Answer {
        status: parts.status,
        headers: parts.headers,
        reason,
        reached,
    }
}

// === impl Answer ===

impl Answer {
    /// The caller that the service saw.
    ///
    /// # Panics
    /// If the request was refused, or passed on without a caller.
    #[must_use]
    pub fn caller(&self) -> &Identity {
        let caller = self
            .reached
            .as_ref()
            .map(|seen| Identity::of(seen.extensions()));
        caller
            .flatten()
            .unwrap_or_else(|| panic!("nobody was let in: {self:?}"))
    }

    /// Asserts a refusal of a token that was judged bad.
    ///
    /// # Panics
    /// If that is not the answer.
    pub fn assert_bad(&self, reason: portcullis_auth::Reason) {
        assert_eq!(self.reason.as_deref(), Some(reason.as_str()), "{self:?}");
        assert_eq!(self.status, StatusCode::UNAUTHORIZED);
        assert!(self.headers.contains_key("www-authenticate"), "{self:?}");
    }

    /// Asserts the answer of those who could not find out.
    ///
    /// # Panics
    /// If that is not the answer.
    pub fn assert_unavailable(&self) {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        assert!(self.headers.contains_key("retry-after"), "{self:?}");
        assert!(!self.headers.contains_key("www-authenticate"), "{self:?}");
    }
}

// === impl Inner ===

impl Service<Request<()>> for Inner {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        ready(Ok(Response::new(Empty::new())))
    }
}
