//! The layer, for either end of the wire.

use std::sync::Arc;
use std::time::Instant;

use portcullis_core::{Clock, Observer, SystemClock};
use tower_layer::Layer;

use crate::client::Client;
use crate::egress::Egress;
use crate::propagation::Formats;
use crate::sampling::{Roots, Sampling};
use crate::server::{Server, Timed};
use crate::service::TraceService;
use crate::span::Spans;
use crate::timings::Timings;
use crate::trust::Trust;

/// Carries a trace through a service: [`server`](TraceContextLayer::server) reads it from requests that come in,
/// [`client`](TraceContextLayer::client) writes it into those that go out.
///
/// # Clone
/// All services of a layer share what the layer counts.
#[derive(Clone, Debug)]
pub struct TraceContextLayer<K> {
    kind: Arc<K>,
}

// === impl TraceContextLayer: server ===

impl TraceContextLayer<Server> {
    /// For requests that come in: the outermost layer of a server.
    ///
    /// It continues the traces of its callers ([`Trust::internal`]), which suits a service behind a gateway. Whatever
    /// faces the internet says [`Trust::public`].
    #[must_use]
    pub fn server() -> Self {
        Self::of(Server {
            formats: Formats::W3C,
            trust: Trust::internal(),
            sampler: Sampling::new().sampler(Instant::now()),
            spans: Arc::default(),
            timings: None,
            observer: (),
            clock: SystemClock,
        })
    }
}

impl<O: Observer + Clone, C: Clock> TraceContextLayer<Server<O, C>> {
    /// Which headers are read, in which order.
    #[must_use]
    pub fn with_formats(self, formats: Formats) -> Self {
        self.map(|server| Server { formats, ..server })
    }

    /// Whose trace is continued.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        self.map(|server| Server { trust, ..server })
    }

    /// Which traces are sampled.
    #[must_use]
    pub fn with_sampling(self, sampling: Sampling) -> Self {
        self.map(|server| Server {
            sampler: sampling.sampler(server.clock.now()),
            ..server
        })
    }

    /// What spans show.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Self {
        self.map(|server| Server {
            spans: Arc::new(spans),
            ..server
        })
    }

    /// Which requests are timed, stage by stage, and who is told.
    #[must_use]
    pub fn with_timings(self, timings: Timings) -> Self {
        self.map(|server| Server {
            timings: Some(Timed::by(timings, &server.clock)),
            ..server
        })
    }

    /// Who is told of each request.
    #[must_use]
    pub fn observed_by<P: Observer + Clone>(self, observer: P) -> TraceContextLayer<Server<P, C>> {
        self.map(|server| Server {
            formats: server.formats,
            trust: server.trust,
            sampler: server.sampler,
            spans: server.spans,
            timings: server.timings,
            observer,
            clock: server.clock,
        })
    }

    /// Another clock: for tests.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> TraceContextLayer<Server<O, D>> {
        self.map(|server| Server {
            formats: server.formats,
            trust: server.trust,
            sampler: server.sampler.since(clock.now()),
            spans: server.spans,
            timings: server.timings.map(|timed| Timed::by(timed.timings, &clock)),
            observer: server.observer,
            clock,
        })
    }
}

// === impl TraceContextLayer: client ===

impl TraceContextLayer<Client> {
    /// For requests that go out: the innermost layer but timeout and transport, so that each attempt of a retry has
    /// a span of its own.
    ///
    /// It tells everybody ([`Egress::everywhere`]), which suits calls among services of one owner.
    #[must_use]
    pub fn client() -> Self {
        Self::of(Client {
            formats: Formats::W3C,
            egress: Egress::everywhere(),
            sampler: Sampling::new().sampler(Instant::now()),
            spans: Arc::default(),
            observer: (),
            clock: SystemClock,
        })
    }
}

impl<O: Observer + Clone, C: Clock> TraceContextLayer<Client<O, C>> {
    /// Which headers are written: the same span in each of them.
    #[must_use]
    pub fn with_formats(self, formats: Formats) -> Self {
        self.map(|client| Client { formats, ..client })
    }

    /// Who is told.
    #[must_use]
    pub fn with_egress(self, egress: Egress) -> Self {
        self.map(|client| Client { egress, ..client })
    }

    /// Which traces that begin with a call are sampled.
    #[must_use]
    pub fn with_roots(self, roots: Roots) -> Self {
        self.map(|client| Client {
            sampler: Sampling::new()
                .with_roots(roots)
                .sampler(client.clock.now()),
            ..client
        })
    }

    /// What spans show.
    #[must_use]
    pub fn with_spans(self, spans: Spans) -> Self {
        self.map(|client| Client {
            spans: Arc::new(spans),
            ..client
        })
    }

    /// Who is told of each call.
    #[must_use]
    pub fn observed_by<P: Observer + Clone>(self, observer: P) -> TraceContextLayer<Client<P, C>> {
        self.map(|client| Client {
            formats: client.formats,
            egress: client.egress,
            sampler: client.sampler,
            spans: client.spans,
            observer,
            clock: client.clock,
        })
    }

    /// Another clock: for tests.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> TraceContextLayer<Client<O, D>> {
        self.map(|client| Client {
            formats: client.formats,
            egress: client.egress,
            sampler: client.sampler,
            spans: client.spans,
            observer: client.observer,
            clock,
        })
    }
}

// === impl TraceContextLayer ===

impl<K> TraceContextLayer<K> {
    fn of(kind: K) -> Self {
        Self {
            kind: Arc::new(kind),
        }
    }

    fn map<L>(self, change: impl FnOnce(K) -> L) -> TraceContextLayer<L>
    where
        K: Clone,
    {
        TraceContextLayer::of(change(Arc::unwrap_or_clone(self.kind)))
    }
}

impl<S, K> Layer<S> for TraceContextLayer<K> {
    type Service = TraceService<S, K>;

    fn layer(&self, inner: S) -> TraceService<S, K> {
        TraceService::new(inner, Arc::clone(&self.kind))
    }
}
