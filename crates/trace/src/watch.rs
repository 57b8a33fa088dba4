//! One request, or one call, that somebody watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use portcullis_core::{
    Clock, Ending, GrpcStatus, Observer, Phase, Protocol, RequestBegan, RequestContext,
    RequestEnded, Side, StageEvent, TraceContext,
};
use tracing::Span;

use crate::span::{self, Spans};
use crate::timings::Timings;

/// What goes from a service to its future, and on to the body of the answer: who ends it is whoever has it last.
///
/// Dropped before it was told how it ended, it was given up.
pub(crate) struct Running<O: Observer, C: Clock> {
    /// Lent to the thread while it polls.
    pub(crate) context: Option<RequestContext>,
    /// None where nobody looks.
    watch: Option<Box<Watch<O, C>>>,
}

/// What somebody is told of.
pub(crate) struct Watch<O, C> {
    observer: O,
    clock: C,
    spans: Arc<Spans>,
    pub(crate) span: Span,
    began: RequestBegan,
    since: Instant,
    /// With the flags as they were then.
    own: TraceContext,
    answered: Option<(StatusCode, Duration)>,
    grpc_status: Option<GrpcStatus>,
    /// It was asked in gRPC, and as far as is known it is answered so.
    speaks_grpc: bool,
    /// A poll panicked, also if somebody caught that.
    panicked: bool,
    /// Where its stages are timed.
    pub(crate) timings: Option<Timings>,
    /// Whether its caller is told of them.
    pub(crate) tells: bool,
}

/// Notes a panic on its way through.
struct NotePanic<'a>(&'a mut bool);

impl Drop for NotePanic<'_> {
    fn drop(&mut self) {
        *self.0 |= std::thread::panicking();
    }
}

// === impl Running ===

impl<O: Observer, C: Clock> Running<O, C> {
    /// Neither scope nor watch.
    pub(crate) const NOTHING: Self = Self {
        context: None,
        watch: None,
    };

    pub(crate) fn new(context: Option<RequestContext>, watch: Option<Watch<O, C>>) -> Self {
        if let Some(watch) = &watch {
            watch.observer.request_began(&watch.began);
        }
        Self {
            context,
            watch: watch.map(Box::new),
        }
    }

    /// The request is the current one, and its span is entered, while this runs.
    #[inline]
    pub(crate) fn scope<R>(&mut self, run: impl FnOnce() -> R) -> R {
        let _lent = RequestContext::lend(&mut self.context);
        let Some(watch) = self.watch.as_deref_mut() else {
            return run();
        };
        let _entered = watch.span.enter();
        let _noting = NotePanic(&mut watch.panicked);
        run()
    }

    /// What it is, to go on elsewhere.
    pub(crate) const fn take(&mut self) -> Self {
        Self {
            context: self.context.take(),
            watch: self.watch.take(),
        }
    }

    /// Whether it speaks gRPC, whose end is not known before its trailers.
    pub(crate) fn speaks_grpc(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.speaks_grpc)
    }

    /// Whether somebody is told when it ends.
    pub(crate) const fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Whether there is anything to do when it ends, or until then.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.context.is_none() && self.watch.is_none()
    }

    /// The head of the answer is there.
    pub(crate) fn head(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        let after = watch.took();
        watch.answered = Some((status, after));
        if watch.speaks_grpc {
            watch.grpc_status = GrpcStatus::of(headers);
            // A caller can say that it speaks gRPC where nobody does.
            let answered = Protocol::of(headers).is_grpc();
            watch.speaks_grpc = answered || watch.grpc_status.is_some();
        }
        if watch.tells
            && let Some(context) = &self.context
        {
            Timings::head(context, headers, after);
        }
    }

    /// The trailers of the answer are there.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(watch) = &mut self.watch
            && watch.speaks_grpc
            && let Some(status) = GrpcStatus::of(trailers)
        {
            watch.grpc_status = Some(status);
        }
    }

    /// It ended with the last of the answer.
    #[inline]
    pub(crate) fn complete(&mut self) {
        self.end(|_| Ending::Complete, None);
    }

    /// It ended with the head of the answer, which is there by now.
    pub(crate) fn complete_with_head(&mut self) {
        let answered = self.watch.as_ref().and_then(|watch| watch.answered);
        self.end(|_| Ending::Complete, answered.map(|(_, after)| after));
    }

    /// It ended with an error.
    pub(crate) fn fail(&mut self) {
        self.end(Ending::Failed, None);
    }

    #[inline]
    fn end(&mut self, end: impl FnOnce(Phase) -> Ending, took: Option<Duration>) {
        let context = self.context.take();
        if let Some(watch) = self.watch.take() {
            watch.end(context.as_ref(), end, took);
        }
    }
}

impl<O: Observer, C: Clock> Drop for Running<O, C> {
    #[inline]
    fn drop(&mut self) {
        if self.watch.is_some() {
            let panicked = self.watch.as_ref().is_some_and(|watch| watch.panicked);
            let end = if panicked || std::thread::panicking() {
                Ending::Panicked
            } else {
                Ending::Cancelled
            };
            self.end(end, None);
        }
    }
}

// === impl Watch ===

impl<O: Observer, C: Clock> Watch<O, C> {
    /// What began at `since`. Nobody times its stages so far.
    pub(crate) fn new(
        (observer, clock): (O, C),
        spans: Arc<Spans>,
        span: Span,
        began: RequestBegan,
        since: Instant,
        own: TraceContext,
    ) -> Self {
        Self {
            observer,
            clock,
            spans,
            span,
            began,
            since,
            own,
            answered: None,
            grpc_status: None,
            speaks_grpc: began.protocol.is_grpc(),
            panicked: false,
            timings: None,
            tells: false,
        }
    }

    /// `took` is for whoever read the clock already.
    fn end(
        &self,
        context: Option<&RequestContext>,
        end: impl FnOnce(Phase) -> Ending,
        took: Option<Duration>,
    ) {
        let end = end(if self.answered.is_some() {
            Phase::Body
        } else {
            Phase::Head
        });
        let took = took.unwrap_or_else(|| self.took());
        // A server's flags may have changed since; those of a call went out with it.
        let span = match (self.began.side, context) {
            (Side::Server, Some(context)) => context.trace_context().unwrap_or(self.own),
            _ => self.own,
        };
        let mut event = RequestEnded::new(self.began, span, end, took).of(context);
        if let Some((status, after)) = self.answered {
            event = event.answered(status, after);
        }
        if let Some(status) = self.status_of_grpc(end) {
            event = event.with_grpc_status(status);
        }
        span::ended(&self.spans, &self.span, &event, self.own.flags);
        if let Some(timings) = self.timings {
            // Within its span.
            let _entered = self.span.enter();
            timings.ended(&event);
            let stages = context.and_then(RequestContext::stages);
            for stage in stages.into_iter().flat_map(|stages| stages.iter()) {
                self.observer.stage(&StageEvent::new(stage, &event));
            }
        }
        self.observer.request_ended(&event);
    }

    /// How long it took so far, if anybody wants to know.
    fn took(&self) -> Duration {
        if self.observer.watches_requests() || self.timings.is_some() {
            self.clock.now().saturating_duration_since(self.since)
        } else {
            Duration::ZERO
        }
    }

    fn status_of_grpc(&self, end: Ending) -> Option<GrpcStatus> {
        if !self.speaks_grpc {
            return None;
        }
        let none = match (self.began.protocol, end) {
            (_, Ending::Cancelled(_)) => Some(GrpcStatus::CANCELLED),
            // Its trailers are in the body, which nobody reads here.
            (Protocol::GrpcWeb | Protocol::GrpcWebText, Ending::Complete) => None,
            _ => Some(GrpcStatus::UNKNOWN),
        };
        self.grpc_status.or(none)
    }
}
