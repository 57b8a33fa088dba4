//! The service that answers by itself.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_core::{ClassifyHttp, Head, Protocol, RequestContext, ResponseBody};
use tower_service::Service;

use super::body::WatchedBody;
use super::future::{Call, ResponseFuture};
use super::layer::Shared;
use super::{Circuits, RequestBody};
use crate::guard::OnPanic;

/// A service behind a circuit. Made by [`HttpCircuitBreakerLayer`](super::HttpCircuitBreakerLayer).
pub struct HttpCircuitBreaker<S, P, K> {
    inner: S,
    shared: Arc<Shared<P, K>>,
}

// === impl HttpCircuitBreaker ===

impl<S, P, K> HttpCircuitBreaker<S, P, K> {
    pub(super) const fn new(inner: S, shared: Arc<Shared<P, K>>) -> Self {
        Self { inner, shared }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to be changed.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the middleware.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, K, ReqBody, ResBody> Service<Request<ReqBody>> for HttpCircuitBreaker<S, P, K>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>> + Clone,
    S::Error: 'static,
    P: Circuits,
    K: ClassifyHttp + Clone,
    ReqBody: Body,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<WatchedBody<ResBody, K, P::Clock>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, K, P::Clock>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.inner.poll_ready(cx);
        if matches!(ready, Poll::Ready(Err(_))) {
            self.shared.circuits.not_ready();
        }
        ready
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let head = Head::of(&request);
        let protocol = Protocol::of(head.headers);
        match self.shared.circuits.try_acquire(head) {
            Ok(mut permit) => {
                let context = RequestContext::find(request.extensions()).cloned();
                let ends = request.body().is_end_stream();
                let upload = if ends { None } else { permit.uploading() };
                let request = request.map(|body| RequestBody::new(body, upload));
                let mut permit = Some(permit);
                let guard = OnPanic(&mut permit);
                let future = self.inner.call(request);
                drop(guard);
                let classify = self.shared.classify.clone();
                ResponseFuture::calling(future, Call::new(permit, classify, protocol, context))
            }
            Err(rejected) => {
                // What the readied instance reserved goes back with it: keep the clone.
                self.inner = self.inner.clone();
                if let Some(context) = RequestContext::find(request.extensions()) {
                    context.note_refusal();
                }
                let refusal = self.shared.refusal(rejected.retry_after());
                ResponseFuture::refused(refusal, protocol)
            }
        }
    }
}

impl<S: Clone, P, K> Clone for HttpCircuitBreaker<S, P, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, P, K> fmt::Debug for HttpCircuitBreaker<S, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCircuitBreaker")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
