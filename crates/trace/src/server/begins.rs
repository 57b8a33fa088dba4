//! What a server makes of a request.

use std::sync::Arc;
use std::time::Instant;

use http::Request;
use portcullis_core::{
    Clock, Head, Observer, Protocol, RequestBegan, RequestContext, RequestTrace, Side,
};

use super::Server;
use crate::arrive::arrive;
use crate::service::sealed::Begins;
use crate::span;
use crate::trust::TrustLevel;
use crate::watch::{Running, Watch};

// === impl Server ===

impl<O: Observer + Clone, C: Clock> Begins for Server<O, C> {
    type Observer = O;
    type Clock = C;

    /// Gives a request its context, unless it is part of a trace already.
    #[inline]
    #[allow(private_interfaces)] // nobody else can call it
    fn begins<B>(&self, request: &mut Request<B>) -> Running<O, C> {
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
}

impl<O: Observer + Clone, C: Clock> Server<O, C> {
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
        Some(Watch::new(
            (self.observer.clone(), self.clock.clone()),
            Arc::clone(&self.spans),
            span,
            began,
            now,
            trace.own(),
        ))
    }
}
