//! What stands where the proxy has its upstream: the answer that the request may pass.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Request, Response};
use portcullis_core::{Identity, ResponseBody};
use tower::Service;

use crate::identity_headers;

/// Answers 200, and says who the caller is in the headers that an upstream of the proxy would get.
///
/// The answer is marked: see [`Granted::is`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant;

/// The mark of an answer that came from [`Grant`], behind everything that could refuse.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted(());

// === impl Granted ===

impl Granted {
    /// Whether the request was let through to the end. The status alone does not say so: whoever asks
    /// takes every 2xx for a yes, whatever was meant by it.
    pub(super) fn is(response: &Response<Body>) -> bool {
        response.extensions().get::<Self>().is_some()
    }
}

// === impl Grant ===

impl Service<Request<Body>> for Grant {
    type Response = Response<ResponseBody<Body>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut response = Response::new(ResponseBody::empty());
        let headers = response.headers_mut();
        headers.extend(identity_headers::of(Identity::of(request.extensions())));
        // A kept yes would outlive its token.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(Granted(()));
        ready(Ok(response))
    }
}
