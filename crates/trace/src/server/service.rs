//! The service that reads the trace of each request.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use http_body::Body;
use portcullis_core::{
    Clock, Head, Observer, Protocol, RequestBegan, RequestContext, RequestTrace, Side, SystemClock,
};
use tower_service::Service;

use super::Server;
use crate::arrive::arrive;
use crate::body::{Asked, TraceBody};
use crate::future::ResponseFuture;
use crate::span;
use crate::trust::TrustLevel;
use crate::watch::{Running, Watch};

/// A service whose requests are part of a trace. Made by
/// [`TraceContextLayer::server`](crate::TraceContextLayer::server).
///
/// A request that has a trace already, by a layer further out, passes through.
pub struct TraceServer<S, O = (), C = SystemClock> {
    inner: S,
    shared: Arc<Server<O, C>>,
}

// === impl TraceServer ===

impl<S, O, C> TraceServer<S, O, C> {
    pub(crate) const fn new(inner: S, shared: Arc<Server<O, C>>) -> Self {
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

impl<S, O, C, ReqBody, ResBody> Service<Request<ReqBody>> for TraceServer<S, O, C>
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
        let mut running = self.shared.arrived(&mut request);
        let future = running.scope(|| self.inner.call(request));
        ResponseFuture::new(future, asked, running)
    }
}

impl<S: Clone, O, C> Clone for TraceServer<S, O, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, O, C> fmt::Debug for TraceServer<S, O, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceServer")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

// === impl Server ===

impl<O: Observer + Clone, C: Clock> Server<O, C> {
    /// Gives a request its context, unless it is part of a trace already.
    #[inline]
    fn arrived<B>(&self, request: &mut Request<B>) -> Running<O, C> {
        let held = RequestContext::find(request.extensions()).cloned();
        if held.as_ref().is_some_and(|held| held.trace().is_some()) {
            return Running::NOTHING;
        }
        let now = self.clock.now();
        let level = self.trust.level(Head::of(request));
        let trace = self.trace(request, level, now);
        let timed = self.timings.as_ref().filter(|timed| timed.timings.takes());
        let watch = self.watch(request, now, &trace, timed.is_some());
        let context = match held {
            Some(held) => {
                held.set_trace(trace);
                held
            }
            None => {
                let context = RequestContext::traced(now, trace);
                request.extensions_mut().insert(context.clone());
                context
            }
        };
        let watch = watch.map(|mut watch| {
            if let Some(timed) = timed {
                context.time_stages(timed.now.clone());
                watch.timings = Some(timed.timings);
                watch.tells = timed.timings.tells(level);
            }
            watch
        });
        Running::new(Some(context), watch)
    }

    #[inline]
    fn trace<B>(&self, request: &Request<B>, level: TrustLevel, now: Instant) -> RequestTrace {
        let found = self.formats.extract(request.headers());
        if self.observer.watches_requests() {
            self.observer.trace(&found.event(level));
        }
        arrive(found, level, &self.sampler, now, |format| {
            self.formats.carried(format, request.headers())
        })
    }

    /// Who looks at it, if anybody does.
    #[inline]
    fn watch<B>(
        &self,
        request: &Request<B>,
        now: Instant,
        trace: &RequestTrace,
        timed: bool,
    ) -> Option<Watch<O, C>> {
        let watched = timed || self.observer.watches_requests();
        if !watched && !self.spans.listened_to() {
            return None;
        }
        let protocol = Protocol::of(request.headers());
        let began = RequestBegan::new(Side::Server, request.method(), protocol);
        let span = span::server(&self.spans, &began, trace, request);
        if !watched && span.is_disabled() {
            return None;
        }
        Some(Watch {
            observer: self.observer.clone(),
            clock: self.clock.clone(),
            spans: Arc::clone(&self.spans),
            span,
            began,
            since: now,
            own: trace.own(),
            answered: None,
            grpc_status: None,
            speaks_grpc: protocol.is_grpc(),
            panicked: false,
            timings: None,
            tells: false,
        })
    }
}
