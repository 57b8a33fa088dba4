//! What one request knows of its trace.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderValue;

use super::{PerSecond, SpanId, TraceContext};

/// What one request knows of the trace that it is part of.
///
/// It is small, since it is moved into the [`RequestContext`](crate::RequestContext) of every request.
#[derive(Debug)]
pub struct RequestTrace {
    own: TraceContext,
    parent: Option<SpanId>,
    rest: Option<Box<Rest>>,
}

/// What few requests have.
#[derive(Debug, Default)]
struct Rest {
    link: Option<TraceContext>,
    carried: Carried,
    wish: Option<Wish>,
}

/// What goes along with a trace, unread: this server hands on what it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Carried {
    /// The `tracestate`, which was found to be valid.
    pub state: Option<HeaderValue>,
    /// The `baggage`.
    pub baggage: Option<HeaderValue>,
}

/// A caller wants the trace to be sampled, and is to be known first.
#[derive(Debug)]
struct Wish {
    limit: Option<Arc<PerSecond>>,
    granted: OnceLock<bool>,
}

// === impl RequestTrace ===

impl RequestTrace {
    /// A request whose own span is `own`.
    #[inline]
    #[must_use]
    pub const fn new(own: TraceContext) -> Self {
        Self {
            own,
            parent: None,
            rest: None,
        }
    }

    /// The span of the caller that `own` is a child of.
    #[inline]
    #[must_use]
    pub const fn with_parent(mut self, parent: SpanId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The context that the caller sent and that was not continued.
    #[must_use]
    pub fn with_link(mut self, link: TraceContext) -> Self {
        self.rest.get_or_insert_default().link = Some(link);
        self
    }

    /// What goes along.
    #[inline]
    #[must_use]
    pub fn with_carried(mut self, carried: Carried) -> Self {
        if self.rest.is_some() || carried.state.is_some() || carried.baggage.is_some() {
            self.rest.get_or_insert_default().carried = carried;
        }
        self
    }

    /// The caller asks for the trace to be sampled, which it is not yet: that is granted once the caller is known,
    /// as far as `limit` goes.
    #[must_use]
    pub fn with_wish(mut self, limit: Option<Arc<PerSecond>>) -> Self {
        self.rest.get_or_insert_default().wish = Some(Wish {
            limit,
            granted: OnceLock::new(),
        });
        self
    }

    /// Its own span, with the flags as they were when it arrived: see
    /// [`RequestContext::trace_context`](crate::RequestContext::trace_context).
    #[must_use]
    pub const fn own(&self) -> TraceContext {
        self.own
    }

    /// The span of the caller, where its trace is continued.
    #[must_use]
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// The context of the caller, where it is not continued.
    #[must_use]
    pub fn link(&self) -> Option<TraceContext> {
        self.rest.as_ref()?.link
    }

    /// What goes along.
    #[inline]
    #[must_use]
    pub fn carried(&self) -> &Carried {
        static NOTHING: Carried = Carried::NOTHING;
        self.rest.as_ref().map_or(&NOTHING, |rest| &rest.carried)
    }

    /// Whether its own span, if it is not sampled, may be so later.
    #[must_use]
    pub fn may_be_sampled(&self) -> bool {
        self.wish().is_some()
    }

    /// Its own span; a wish is granted or denied, once, if the caller is `known`.
    #[inline]
    pub(crate) fn now(&self, known: bool) -> TraceContext {
        let Some(wish) = self.wish() else {
            return self.own;
        };
        let granted = if known {
            *wish.granted.get_or_init(|| {
                let limit = wish.limit.as_deref();
                limit.is_none_or(|limit| limit.take(Instant::now()))
            })
        } else {
            wish.granted.get().copied().unwrap_or_default()
        };
        let mut own = self.own;
        if granted {
            own.flags = own.flags.with_sampled(true);
        }
        own
    }

    fn wish(&self) -> Option<&Wish> {
        self.rest.as_ref()?.wish.as_ref()
    }
}

// === impl Carried ===

impl Carried {
    const NOTHING: Self = Self::new(None, None);

    /// These two.
    #[must_use]
    pub const fn new(state: Option<HeaderValue>, baggage: Option<HeaderValue>) -> Self {
        Self { state, baggage }
    }
}
