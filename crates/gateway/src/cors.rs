//! What scripts of other origins may do.

use std::task::{Context, Poll};

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Method, Request, Response};
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::config::{self, CorsOrigins};
use crate::request_id;

/// Answers preflights, and writes on every other response what a browser wants to read there.
///
/// Preflights are answered from the configuration alone, whatever their path: no token, no upstream, no
/// limit. Other `OPTIONS` requests go their way, which the layer of tower-http would not let them.
#[derive(Clone, Debug)]
pub(crate) struct CrossOrigin<S> {
    inner: Cors<Restore<S>>,
}

/// Gives a request the method back that it came with.
#[derive(Clone, Debug)]
pub(crate) struct Restore<S>(S);

/// The mark of an `OPTIONS` request that is no preflight.
#[derive(Clone, Copy)]
struct PlainOptions;

/// What an upstream says of CORS, and the gateway says instead.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// Removes what an upstream says of CORS: two answers to one question are none to a browser.
pub(crate) fn remove(headers: &mut HeaderMap) {
    for name in &OURS {
        headers.remove(name);
    }
}

// === impl CrossOrigin ===

impl<S> CrossOrigin<S> {
    pub(crate) fn new(cors: &config::Cors, inner: S) -> Self {
        Self {
            inner: layer(cors).layer(Restore(inner)),
        }
    }
}

fn layer(cors: &config::Cors) -> CorsLayer {
    let origins = match &cors.origins {
        CorsOrigins::Any => AllowOrigin::any(),
        // A star in a list, which no file can bring here, would make the layer panic.
        CorsOrigins::List(origins) => {
            AllowOrigin::list(origins.iter().filter(|origin| *origin != "*").cloned())
        }
    };
    let credentials = cors.credentials && cors.origins != CorsOrigins::Any;
    // Without these a script cannot tell what to do about a refusal.
    let mut exposed = vec![WWW_AUTHENTICATE, RETRY_AFTER, request_id::HEADER];
    for name in &named(&cors.expose) {
        if !exposed.contains(name) {
            exposed.push(name.clone());
        }
    }
    let mut layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(named(&cors.methods))
        .allow_headers(named(&cors.headers))
        .expose_headers(exposed)
        .allow_credentials(credentials);
    if let Some(age) = cors.max_age {
        layer = layer.max_age(age);
    }
    layer
}

/// Names without a star, which the layer would not have beside credentials.
fn named<T: Clone + AsRef<str>>(names: &[T]) -> Vec<T> {
    let names = names.iter().filter(|name| name.as_ref() != "*");
    names.cloned().collect()
}

/// A preflight as the Fetch standard has it: `OPTIONS` with an origin, asking for a method.
fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl<S, B, R> Service<Request<B>> for CrossOrigin<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = <Cors<Restore<S>> as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.method() == Method::OPTIONS && !is_preflight(&request) {
            request.extensions_mut().insert(PlainOptions);
            *request.method_mut() = Method::GET;
        }
        self.inner.call(request)
    }
}

// === impl Restore ===

impl<S, B> Service<Request<B>> for Restore<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.extensions_mut().remove::<PlainOptions>().is_some() {
            *request.method_mut() = Method::OPTIONS;
        }
        self.0.call(request)
    }
}
