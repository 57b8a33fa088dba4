//! The service that writes the trace into each request.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use portcullis_core::{
    Carried, Clock, Observer, Protocol, RequestBegan, RequestContext, Side, SystemClock,
    TraceContext,
};
use tower_service::Service;

use super::Client;
use crate::arrive::arrive;
use crate::body::{Asked, TraceBody};
use crate::codec::strip;
use crate::future::ResponseFuture;
use crate::span;
use crate::trust::TrustLevel;
use crate::watch::{Running, Watch};

/// A service whose calls are part of the trace of the request that they are made for. Made by
/// [`TraceContextLayer::client`](crate::TraceContextLayer::client).
///
/// The request that a call is made for is the one whose [`RequestContext`] the call has among its extensions, as where
/// a proxy hands on what it got; else the [current](RequestContext::current) one. Without either, a trace that the
/// call's own headers name goes on, and where they name none, one begins.
pub struct TraceClient<S, O = (), C = SystemClock> {
    inner: S,
    shared: Arc<Client<O, C>>,
}

/// How many attempts there were before: an extension that whoever retries gives a request, so that its span says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

// === impl TraceClient ===

impl<S, O, C> TraceClient<S, O, C> {
    pub(crate) const fn new(inner: S, shared: Arc<Client<O, C>>) -> Self {
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

impl<S, O, C, ReqBody, ResBody> Service<Request<ReqBody>> for TraceClient<S, O, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    O: Observer + Clone,
    C: Clock,
    ResBody: Body,
{
    type Response = Response<TraceBody<ResBody, O, C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, O, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let asked = Asked::by(request.method());
        let mut running = self.shared.departs(&mut request);
        let future = running.scope(|| self.inner.call(request));
        ResponseFuture::new(future, asked, running)
    }
}

impl<S: Clone, O, C> Clone for TraceClient<S, O, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, O, C> fmt::Debug for TraceClient<S, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceClient")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// === impl Client ===

impl<O: Observer + Clone, C: Clock> Client<O, C> {
    #[inline]
    fn departs<B>(&self, request: &mut Request<B>) -> Running<O, C> {
        let traced = |context: &RequestContext| context.trace().is_some();
        let context = RequestContext::find(request.extensions())
            .filter(|context| traced(context))
            .cloned()
            .or_else(|| RequestContext::current().filter(traced));
        let (parent, own, alone) = self.span(context.as_ref(), request);
        if self.egress.tells(request.uri()) {
            let carried = match &context {
                Some(context) => context.trace().map(|trace| trace.carried()),
                None => Some(&alone),
            };
            if let Some(carried) = carried {
                self.formats.inject(request.headers_mut(), &own, carried);
            }
        } else {
            strip(request.headers_mut());
        }
        match self.watch(request, own, parent) {
            None => Running::NOTHING,
            watch => Running::new(context, watch),
        }
    }

    /// The span that the call is made in, its own, and what goes along where no request is behind it.
    #[inline]
    fn span<B>(
        &self,
        context: Option<&RequestContext>,
        request: &Request<B>,
    ) -> (Option<TraceContext>, TraceContext, Carried) {
        if let Some(parent) = context.and_then(RequestContext::trace_context) {
            return (Some(parent), parent.child(), Carried::default());
        }
        let found = self.formats.extract(request.headers());
        let now = self.clock.now();
        let trace = arrive(found, TrustLevel::Internal, &self.sampler, now, |format| {
            self.formats.carried(format, request.headers())
        });
        let own = trace.own();
        let parent = trace
            .parent()
            .map(|span_id| TraceContext { span_id, ..own });
        (parent, own, trace.carried().clone())
    }

    #[inline]
    fn watch<B>(
        &self,
        request: &Request<B>,
        own: TraceContext,
        parent: Option<TraceContext>,
    ) -> Option<Watch<O, C>> {
        let watched = self.observer.watches_requests();
        if !watched && !self.spans.listened_to() {
            return None;
        }
        let protocol = Protocol::of(request.headers());
        let began = RequestBegan::new(Side::Client, request.method(), protocol);
        let span = span::client(&self.spans, &began, own, parent, request);
        if !watched && span.is_disabled() {
            return None;
        }
        if let Some(ResendCount(count @ 1..)) = request.extensions().get() {
            span.record("http.request.resend_count", *count);
        }
        Some(Watch {
            observer: self.observer.clone(),
            clock: self.clock.clone(),
            spans: Arc::clone(&self.spans),
            span,
            began,
            since: self.clock.now(),
            own,
            answered: None,
            grpc_status: None,
            speaks_grpc: protocol.is_grpc(),
            panicked: false,
            timings: None,
            tells: false,
        })
    }
}
