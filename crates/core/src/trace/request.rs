//! What one request knows of its trace.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderValue;

use super::{PerSecond, SpanId, TraceContext};

/// What one request knows of the trace that it is part of.
#[derive(Debug)]
pub struct RequestTrace {
    own: TraceContext,
    parent: Option<SpanId>,
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
    #[must_use]
    pub const fn new(own: TraceContext) -> Self {
        Self {
            own,
            parent: None,
            link: None,
            carried: Carried {
                state: None,
                baggage: None,
            },
            wish: None,
        }
    }

    /// The span of the caller that `own` is a child of.
    #[must_use]
    pub const fn with_parent(mut self, parent: SpanId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The context that the caller sent and that was not continued.
    #[must_use]
    pub const fn with_link(mut self, link: TraceContext) -> Self {
        self.link = Some(link);
        self
    }

    /// What goes along.
    #[must_use]
    pub fn with_carried(mut self, carried: Carried) -> Self {
        self.carried = carried;
        self
    }

    /// The caller asks for the trace to be sampled, which it is not yet: that is granted once the caller is known,
    /// as far as `limit` goes.
    #[must_use]
    pub fn with_wish(mut self, limit: Option<Arc<PerSecond>>) -> Self {
        self.wish = Some(Wish {
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
    pub const fn link(&self) -> Option<TraceContext> {
        self.link
    }

    /// What goes along.
    #[must_use]
    pub const fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Whether its own span, if it is not sampled, may be so later.
    #[must_use]
    pub const fn may_be_sampled(&self) -> bool {
        self.wish.is_some()
    }

    /// Its own span; a wish is granted or denied, once, if the caller is `known`.
    pub(crate) fn now(&self, known: bool) -> TraceContext {
        let Some(wish) = &self.wish else {
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
}

// === impl Carried ===

impl Carried {
    /// These two.
    #[must_use]
    pub const fn new(state: Option<HeaderValue>, baggage: Option<HeaderValue>) -> Self {
        Self { state, baggage }
    }
}
