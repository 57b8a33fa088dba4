//! The layers of `[trace]`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::Extensions;
use ipnet::IpNet;
use portcullis_core::ConfigError;
use portcullis_trace::{Client, Server, ServerTiming, Spans, Timings, TraceContextLayer, Trust};

use crate::config::{self, MOST_PSEUDONYM_KEY, Trusted};
use crate::metrics::Metrics;
use crate::revoking::without_line_end;

/// The layers of `[trace]`: one before everything, one before the upstreams.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    pub(crate) server: TraceContextLayer<Server<Arc<Metrics>>>,
    pub(crate) client: TraceContextLayer<Client>,
    /// Who reads what upstreams say of their time.
    hearers: Hearers,
}

/// Who reads `Server-Timing`.
#[derive(Clone, Debug)]
enum Hearers {
    Everybody,
    Nobody,
    Peers(Arc<[IpNet]>),
}

// === impl Layers ===

impl Layers {
    /// # Errors
    /// If a secret cannot be read.
    pub(crate) fn new(config: &config::Trace, metrics: &Arc<Metrics>) -> Result<Self, ConfigError> {
        let spans = spans(config)?;
        let trust = match &config.trust {
            Trusted::Public => Trust::public(),
            Trusted::Internal => Trust::internal(),
            Trusted::Peers(networks) => Trust::by_peer(networks.iter().copied(), peer),
        };
        let mut server = TraceContextLayer::server()
            .with_formats(config.formats)
            .with_trust(trust)
            .with_sampling(config.sampling)
            .with_spans(spans.clone())
            .observed_by(Arc::clone(metrics));
        if let Some(timings) = config.timings {
            let mut told = Timings::new()
                .one_in(timings.one_in)
                .with_server_timing(timings.server_timing);
            if let Some(limit) = timings.slow_above {
                told = told.with_slow_above(limit);
            }
            server = server.with_timings(told);
        }
        let client = TraceContextLayer::client()
            .with_formats(config.formats)
            .with_egress(config.egress.clone())
            .with_roots(config.sampling.roots())
            .with_spans(spans);
        let hearers = match (
            &config.trust,
            config.timings.map(|timings| timings.server_timing),
        ) {
            (_, Some(ServerTiming::Everybody)) | (Trusted::Internal, _) => Hearers::Everybody,
            (Trusted::Public, _) => Hearers::Nobody,
            (Trusted::Peers(networks), _) => Hearers::Peers(networks.iter().copied().collect()),
        };
        Ok(Self {
            server,
            client,
            hearers,
        })
    }

    /// Whether `Server-Timing` of an upstream is kept from whoever is connected from there: it takes the gateway for one
    /// of its own, and tells it how it is built.
    pub(crate) fn hides_timing(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        match &self.hearers {
            Hearers::Everybody => false,
            Hearers::Nobody => true,
            Hearers::Peers(networks) => !networks.iter().any(|network| network.contains(&peer)),
        }
    }
}

fn spans(config: &config::Trace) -> Result<Spans, ConfigError> {
    let Some(spans) = &config.spans else {
        return Ok(Spans::off());
    };
    let shown = spans.shown.clone();
    Ok(match &spans.pseudonym_key {
        None => shown,
        Some(source) => {
            let key = source.read(MOST_PSEUDONYM_KEY).map(without_line_end);
            let key = key.map_err(|error| error.nested("trace.spans.pseudonym_key"))?;
            if key.expose().len() < LEAST_KEY {
                return Err(ConfigError::new(
                    "trace.spans.pseudonym_key",
                    format!("is shorter than {LEAST_KEY} bytes"),
                    "make one by chance: openssl rand -hex 32",
                ));
            }
            shown.with_pseudonyms(key)
        }
    })
}

/// Shorter ones can be tried out, and with the key users can.
const LEAST_KEY: usize = 16;

/// Who is connected.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let info = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(info.0.ip())
}
