//! The service that answers by itself.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use portcullis_core::{ClassifyHttp, Head, Protocol, RequestContext, ResponseBody};
use tower_service::Service;

use super::body::WatchedBody;
use super::future::{Call, ResponseFuture};
use super::layer::Shared;
use super::request::Broken;
use super::{Circuits, RequestBody};
use crate::guard::OnPanic;

/// A service behind a circuit. Made by [`HttpCircuitBreakerLayer`](super::HttpCircuitBreakerLayer).
pub struct HttpCircuitBreaker<S, P, K> {
    inner: S,
    shared: Arc<Shared<P, K>>,
    /// Whether the circuit refused when readiness was asked for, so that `inner` is not ready.
    refused: bool,
}

// === impl HttpCircuitBreaker ===

impl<S, P, K> HttpCircuitBreaker<S, P, K> {
    pub(super) const fn new(inner: S, shared: Arc<Shared<P, K>>) -> Self {
        Self {
            inner,
            shared,
            refused: false,
        }
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
        let circuits = &self.shared.circuits;
        self.refused = circuits.refuses_all();
        if self.refused {
            return Poll::Ready(Ok(()));
        }
        let ready = self.inner.poll_ready(cx);
        match &ready {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => circuits.not_ready(),
            // It may be full of calls that hang, and then nobody is admitted any more who would notice.
            Poll::Pending if circuits.hangs() => {
                self.refused = true;
                return Poll::Ready(Ok(()));
            }
            Poll::Pending => {}
        }
        ready
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let head = Head::of(&request);
        let protocol = Protocol::of(head.headers);
        let admitted = match self.shared.circuits.try_acquire(head) {
            // The circuit moved since, but the service inside is not ready: that is for the next call.
            Ok(permit) if self.refused => {
                permit.ignore();
                Err(Some(Duration::ZERO))
            }
            Ok(permit) => Ok(permit),
            Err(rejected) => Err(rejected.retry_after()),
        };
        match admitted {
            Ok(mut permit) => {
                // A mark of an attempt before this one says nothing of this one.
                let context = RequestContext::find(request.extensions());
                let context = context.filter(|context| !context.refused()).cloned();
                let ends = request.body().is_end_stream();
                let upload = if ends { None } else { permit.uploading() };
                let broken = (!ends).then(Broken::default);
                let told = broken.clone();
                let request = request.map(|body| RequestBody::new(body, upload, told));
                let mut permit = Some(permit);
                let guard = OnPanic(&mut permit);
                let future = self.inner.call(request);
                drop(guard);
                let classify = self.shared.classify.clone();
                let call = Call::new(permit, classify, protocol, context, broken);
                ResponseFuture::calling(future, call)
            }
            Err(wait) => {
                // What the readied instance reserved goes back with it: keep the clone.
                self.inner = self.inner.clone();
                if let Some(context) = RequestContext::find(request.extensions()) {
                    context.note_refusal();
                }
                let refusal = self.shared.refusal(wait);
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
            // Readiness is not inherited.
            refused: false,
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
