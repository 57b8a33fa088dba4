//! The service, for either end of the wire.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use portcullis_core::{Clock, Observer, SystemClock};
use tower_service::Service;

use crate::body::{Asked, TraceBody};
use crate::client::Client;
use crate::future::ResponseFuture;
use crate::server::Server;
use crate::watch::Running;

/// A service whose requests are part of a trace. Made by [`TraceContextLayer`](crate::TraceContextLayer).
pub struct TraceService<S, K> {
    inner: S,
    kind: Arc<K>,
}

/// A service whose requests come in with a trace, or begin one.
///
/// A request that has a trace already, by a layer further out, passes through.
pub type TraceServer<S, O = (), C = SystemClock> = TraceService<S, Server<O, C>>;

/// A service whose calls are part of the trace of the request that they are made for.
///
/// That is the one whose [`RequestContext`](portcullis_core::RequestContext) the call has among its extensions, as where
/// a proxy hands on what it got; else the [current](portcullis_core::RequestContext::current) one. Without either, a
/// trace that the call's own headers name goes on, and where they name none, one begins.
pub type TraceClient<S, O = (), C = SystemClock> = TraceService<S, Client<O, C>>;

/// One end of the wire: [`Server`] or [`Client`].
pub trait Kind: sealed::Begins {}

pub(crate) mod sealed {
    use super::{Clock, Observer, Request, Running};

    pub trait Begins {
        type Observer: Observer;
        type Clock: Clock;

        #[allow(private_interfaces)] // nobody else can call it
        fn begins<B>(&self, request: &mut Request<B>) -> Running<Self::Observer, Self::Clock>;
    }
}

impl<K: sealed::Begins> Kind for K {}

// === impl TraceService ===

impl<S, K> TraceService<S, K> {
    pub(crate) const fn new(inner: S, kind: Arc<K>) -> Self {
        Self { inner, kind }
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

impl<S, K, ReqBody, ResBody> Service<Request<ReqBody>> for TraceService<S, K>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    K: Kind,
    ResBody: Body,
{
    type Response = Response<TraceBody<ResBody, K::Observer, K::Clock>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, K::Observer, K::Clock>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let asked = Asked::by(request.method());
        let mut running = self.kind.begins(&mut request);
        let future = running.scope(|| self.inner.call(request));
        ResponseFuture::new(future, asked, running)
    }
}

impl<S: Clone, K> Clone for TraceService<S, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            kind: Arc::clone(&self.kind),
        }
    }
}

impl<S: fmt::Debug, K> fmt::Debug for TraceService<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
