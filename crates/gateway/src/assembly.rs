//! Everything that one configuration amounts to, but the sockets.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_core::{ConfigError, Problems};
use portcullis_trace::StageLayer;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tower::Layer as _;

use crate::auth::{self, Trust};
use crate::config::{ServerTls, Upstream, UpstreamTls};
use crate::control::Control;
use crate::forward_auth::{ForwardAuth, Grant};
use crate::front::{Entry, Front};
use crate::log::LogObserver;
use crate::metrics::{Listener, Metrics};
use crate::proxy::{Circuits, Clients, Leeways, Proxy};
use crate::reload::Snapshot;
use crate::revoking::{self, Revoking, Watching};
use crate::routes::Routes;
use crate::trace::Layers;
use crate::via::Via;
use crate::{Config, pem, server, to_upstream};

/// Everything that one configuration amounts to. A request is served by one, from its beginning to its end.
pub(crate) struct Assembly {
    pub(crate) config: Config,
    /// How many configurations there were, this one included.
    pub(crate) generation: u64,
    pub(crate) since: Instant,
    pub(crate) front: Front,
    pub(crate) forward_auth: Option<ForwardAuth>,
    pub(crate) control: Option<Control>,
    pub(crate) trust: Option<Trust>,
    /// The same for all configurations of a process.
    pub(crate) revoking: Option<Revoking>,
    /// What it calls itself, from the first to the last.
    via: Via,
    /// What the public listener shows.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    clients: Pools,
    pub(crate) circuits: Circuits,
}

/// The clients for upstreams, with what they were made from.
struct Pools {
    clients: Clients,
    made_from: Ingredients,
    /// Whether they know whom to trust. Only a machine without authorities has clients that do not.
    https: bool,
}

/// While this stays the same, connections to upstreams go on being used.
#[derive(PartialEq, Eq)]
struct Ingredients {
    connect_timeout: Duration,
    tls: UpstreamTls,
    contents: Snapshot,
}

// === impl Assembly ===

impl Assembly {
    /// Puts together what a configuration says. Blocks: it reads files.
    ///
    /// What is configured alike is taken over from the assembly before: keys of issuers, verdicts,
    /// connections to upstreams, and how these are. So a change of one route costs nobody a fetch.
    ///
    /// # Errors
    /// Every problem that was not seen in the text.
    pub(crate) fn new(
        config: Config,
        before: Option<&Self>,
        revoking: Option<Revoking>,
        tunnels: &CancellationToken,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let trace = config.trace.as_ref();
        let trace = trace.map(|trace| Layers::new(trace, metrics)).transpose()?;
        let trust = if config.issuers.is_empty() {
            None
        } else {
            let known = before.and_then(|before| before.trust.as_ref());
            Some(Trust::new(&config.issuers, known, trace.as_ref())?)
        };
        let tls = match &config.server.tls {
            None => None,
            Some(tls) => Some(listener_tls(tls)?),
        };
        let clients = Pools::new(&config, before.map(|before| &before.clients), tunnels)?;
        let known = before.map(|before| &before.circuits);
        let circuits = Circuits::new(&config.circuit_breaker, known);
        let leeways = Leeways::of(&config.issuers);
        let via = before.map_or_else(Via::fresh, |before| before.via.clone());
        let patterns: Vec<_> = config
            .routes
            .iter()
            .map(|route| Arc::<str>::from(route.path.to_string()))
            .collect();
        let tally = metrics.tally(Listener::Public, &patterns);
        let observer = || (LogObserver, Arc::clone(metrics));
        let mut proxied = Vec::with_capacity(config.routes.len());
        let mut granted = Vec::new();
        let mut problems = Problems::new();
        for (index, (route, pattern)) in config.routes.iter().zip(&patterns).enumerate() {
            let entry = |service| {
                let pattern = Arc::clone(pattern);
                let methods = route.methods.clone();
                (route.path.clone(), methods, Entry { pattern, service })
            };
            let path = format!("route[{index}]");
            let watching = Watching::of(route, &config, revoking.as_ref());
            let Some(watching) = problems.absorb(&path, watching) else {
                continue;
            };
            let watching = watching.as_ref();
            let proxy = Proxy::new(
                route,
                (&clients.clients, &circuits),
                &leeways,
                watching,
                tally.route(pattern),
                trace.as_ref(),
            );
            let Some(proxy) = problems.absorb(&path, proxy) else {
                continue;
            };
            let end = to_upstream::told(route, proxy, via.clone());
            let end = StageLayer::new("upstream").layer(end);
            let guarded = auth::guard(route, &config, trust.as_ref(), watching, observer(), end);
            // What is wrong with a guard was noted once, and is so with both.
            if let Some(service) = problems.absorb(&path, guarded) {
                proxied.push(entry(service));
                if config.forward_auth.is_some() {
                    let guarded =
                        auth::guard(route, &config, trust.as_ref(), watching, observer(), Grant)?;
                    granted.push(entry(guarded));
                }
            }
        }
        for (path, service) in revoking::feeds(&config, trust.as_ref(), revoking.as_ref(), metrics)?
        {
            let pattern = Arc::from(path.to_string());
            proxied.push((path, None, Entry { pattern, service }));
        }
        problems.check()?;
        let trace = trace.as_ref();
        let front = Front::new(&config, Routes::new(proxied), tally, trace, via.clone())?;
        let forward_auth = match &config.forward_auth {
            None => None,
            Some(section) => {
                let tally = metrics.tally(Listener::ForwardAuth, &patterns);
                let front = Front::for_questions(&config, Routes::new(granted), tally, trace)?;
                Some(ForwardAuth::new(section.peers.clone(), front))
            }
        };
        let control = match (&config.control, &revoking) {
            (Some(section), Some(revoking)) => {
                let known = before.and_then(|before| before.control.as_ref());
                Some(Control::new(
                    section,
                    trust.as_ref(),
                    revoking,
                    metrics,
                    known,
                )?)
            }
            _ => None,
        };
        let assembly = Self {
            config,
            generation: before.map_or(1, |before| before.generation + 1),
            since: Instant::now(),
            front,
            forward_auth,
            control,
            trust,
            revoking,
            via,
            tls,
            clients,
            circuits,
        };
        assembly.forget_other_upstreams();
        Ok(assembly)
    }

    /// Forgets how upstreams are that are not in the configuration.
    pub(crate) fn forget_other_upstreams(&self) {
        let routes = self.config.routes.iter();
        let upstreams = routes.flat_map(|route| &route.upstreams);
        self.circuits.keep(upstreams.map(Upstream::as_str));
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

// === impl Pools ===

impl Pools {
    fn new(
        config: &Config,
        before: Option<&Self>,
        tunnels: &CancellationToken,
    ) -> Result<Self, ConfigError> {
        let tls = &config.upstream_tls;
        let key = tls.key.iter().filter_map(|key| key.file());
        let files = tls.ca.as_deref().into_iter();
        let files = files.chain(tls.certificate.as_deref()).chain(key);
        let mut upstreams = config.routes.iter().flat_map(|route| &route.upstreams);
        // Read before the clients are made: what changes meanwhile makes others of them the next time.
        let made_from = Ingredients {
            connect_timeout: config.server.connect_timeout,
            tls: tls.clone(),
            contents: Snapshot::of(files),
        };
        let needed = upstreams.any(Upstream::is_https);
        let same = |before: &&Self| before.made_from == made_from && (before.https || !needed);
        let (clients, https) = match before.filter(same) {
            Some(before) => (before.clients.clone(), before.https),
            None => {
                // Authorities are read although nobody may need them yet: the first `https` upstream of a
                // later configuration shall not cost the others their connections.
                let make = |https| Clients::new(made_from.connect_timeout, tls, https, tunnels);
                let made = match make(true) {
                    Err(_) if !needed => make(false).map(|clients| (clients, false)),
                    made => made.map(|clients| (clients, true)),
                };
                made.map_err(|error| under("upstream_tls", error))?
            }
        };
        Ok(Self {
            clients,
            made_from,
            https,
        })
    }
}

fn listener_tls(tls: &ServerTls) -> Result<Arc<ServerConfig>, ConfigError> {
    pem::identity(&tls.certificate, &tls.key)
        .and_then(server::tls)
        .map_err(|error| under("server.tls", error))
}

/// The same problems, of a section.
fn under(section: &str, error: ConfigError) -> ConfigError {
    let mut problems = Problems::new();
    problems.absorb::<()>(section, Err(error.clone()));
    // There is at least one.
    problems.check().err().unwrap_or(error)
}
