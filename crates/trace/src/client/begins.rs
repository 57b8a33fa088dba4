//! What a client makes of a call.

use std::sync::Arc;

use http::Request;
use portcullis_core::{
    Carried, Clock, Observer, Protocol, RequestBegan, RequestContext, Side, TraceContext,
};

use super::Client;
use crate::arrive::arrive;
use crate::codec::strip;
use crate::service::sealed::Begins;
use crate::span;
use crate::trust::TrustLevel;
use crate::watch::{Running, Watch};

/// How many attempts there were before: an extension that whoever retries gives a request, so that its span says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

// === impl Client ===

impl<O: Observer + Clone, C: Clock> Begins for Client<O, C> {
    type Observer = O;
    type Clock = C;

    #[inline]
    #[allow(private_interfaces)] // nobody else can call it
    fn begins<B>(&self, request: &mut Request<B>) -> Running<O, C> {
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
}

impl<O: Observer + Clone, C: Clock> Client<O, C> {
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
        Some(Watch::new(
            (self.observer.clone(), self.clock.clone()),
            Arc::clone(&self.spans),
            span,
            began,
            self.clock.now(),
            own,
        ))
    }
}
