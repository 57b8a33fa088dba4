//! The configuration in use, which can be replaced while requests are served.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use axum::body::Body;
use futures_util::future::Either;
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use portcullis_core::{ConfigError, ConfigProblem};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::Config;
use crate::admin::{ConfigHealth, IssuerHealth, State};
use crate::assembly::Assembly;
use crate::metrics::Metrics;
use crate::proxy::UpstreamHealth;
use crate::reload::restart;
use crate::revoking::{RevocationHealth, Revoking};
use crate::server::{Limits, Settings};

/// The configuration in use.
///
/// Replacing it is one swap of a pointer. A request loads it once and is served by that one to its end;
/// the old one goes with its last request. Upgraded connections belong to none of them, and go on.
pub(crate) struct Live {
    assembly: ArcSwap<Assembly>,
    /// Of the public listener.
    settings: Settings,
    /// Of the two others, which speak cleartext.
    within: Settings,
    tunnels: CancellationToken,
    /// Of all configurations.
    metrics: Arc<Metrics>,
    /// Held while a configuration is replaced, so that each starts from the one before.
    replacing: Mutex<()>,
    /// Why the last attempt to replace it failed.
    refused: Mutex<Option<ConfigError>>,
}

/// A service of the configuration in use.
pub(crate) struct Current<S> {
    live: Arc<Live>,
    pick: fn(&Assembly) -> Option<S>,
}

// === impl Live ===

impl Live {
    /// # Errors
    /// Every problem of the configuration. Blocks.
    pub(crate) fn new(config: Config, tunnels: CancellationToken) -> Result<Self, ConfigError> {
        let metrics = Arc::<Metrics>::default();
        let revoking = match &config.revocation {
            None => None,
            Some(section) => Some(Revoking::start(section, &config.store)?),
        };
        let assembly = Assembly::new(config, None, revoking, &tunnels, &metrics)?;
        let limits = Limits::of(&assembly.config.server);
        Ok(Self {
            settings: Settings::new(limits, assembly.tls.clone()),
            within: Settings::new(limits, None),
            assembly: ArcSwap::from_pointee(assembly),
            tunnels,
            metrics,
            replacing: Mutex::new(()),
            refused: Mutex::new(None),
        })
    }

    /// The settings of the public listener, which follow the configuration.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings of the listeners for the platform and for other proxies, likewise.
    pub(crate) fn within(&self) -> &Settings {
        &self.within
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The assembly in use. Load it once for all that must fit together.
    pub(crate) fn load(&self) -> Arc<Assembly> {
        self.assembly.load_full()
    }

    /// The service that `pick` finds in the assembly in use, anew for each request.
    pub(crate) fn service<S>(self: &Arc<Self>, pick: fn(&Assembly) -> Option<S>) -> Current<S> {
        Current {
            live: Arc::clone(self),
            pick,
        }
    }

    /// Replaces the configuration, or keeps it as it is. Blocks.
    ///
    /// # Errors
    /// Every problem of the new one, which is [noted](Live::refuse).
    pub(crate) fn replace(&self, config: Config, asked: bool) -> Result<(), ConfigError> {
        let _alone = self.replacing.lock();
        let before = self.load();
        let assembled = restart::needed(&before.config, &config)
            .and_then(|()| self.revoking(&before, &config))
            .and_then(|revoking| {
                let (tunnels, metrics) = (&self.tunnels, &self.metrics);
                Assembly::new(config, Some(&before), revoking, tunnels, metrics)
            });
        let assembly = match assembled {
            Ok(assembly) => assembly,
            Err(error) => {
                // Upstreams that only the new one has are of no interest.
                before.forget_other_upstreams();
                self.refuse(&error, asked);
                return Err(error);
            }
        };
        let generation = assembly.generation;
        // Nothing can fail from here on.
        let limits = Limits::of(&assembly.config.server);
        self.settings.replace(limits, assembly.tls.clone());
        self.within.replace(limits, None);
        self.assembly.store(Arc::new(assembly));
        *self.refused.lock() = None;
        tracing::info!(target: "portcullis::reload", generation, "configuration replaced");
        Ok(())
    }

    /// The view and its task, which stay.
    fn revoking(
        &self,
        before: &Assembly,
        config: &Config,
    ) -> Result<Option<Revoking>, ConfigError> {
        if let Some(revoking) = &before.revoking {
            revoking.still(config)?;
        }
        Ok(before.revoking.clone())
    }

    /// Notes for the probes that a new configuration was bad, and logs it: always if somebody `asked`
    /// for it, else once.
    pub(crate) fn refuse(&self, error: &ConfigError, asked: bool) {
        self.metrics.config_failed();
        let known = self.refused.lock().replace(error.clone());
        if known.as_ref() == Some(error) && !asked {
            return;
        }
        let problems = error.problems().count();
        let generation = self.load().generation;
        tracing::error!(
            target: "portcullis::reload",
            problems, generation, "the new configuration is bad, and the old one is kept"
        );
        for problem in error.problems() {
            tracing::error!(target: "portcullis::reload", %problem, "problem of the new configuration");
        }
    }
}

impl State for Live {
    fn issuers(&self) -> Vec<IssuerHealth> {
        let assembly = self.load();
        let trust = assembly.trust.as_ref();
        trust.map_or_else(Vec::new, |trust| trust.health())
    }

    fn revocation(&self) -> Option<RevocationHealth> {
        self.load().revoking.as_ref().map(Revoking::health)
    }

    fn upstreams(&self) -> Vec<UpstreamHealth> {
        self.load().circuits.health()
    }

    fn config(&self) -> ConfigHealth {
        let assembly = self.load();
        let refused = self.refused.lock();
        ConfigHealth {
            generation: assembly.generation,
            age_seconds: assembly.since.elapsed().as_secs(),
            last_error: refused
                .iter()
                .flat_map(ConfigError::problems)
                .map(ConfigProblem::to_string)
                .collect(),
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

// === impl Current ===

impl<S> Service<Request<Body>> for Current<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // What is picked is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let assembly = self.live.assembly.load();
        match (self.pick)(&assembly) {
            Some(mut service) => Either::Left(service.call(request)),
            // Sections that have a listener of their own come and go with a restart only.
            None => Either::Right(ready(Ok(gone()))),
        }
    }
}

fn gone() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self {
            live: Arc::clone(&self.live),
            pick: self.pick,
        }
    }
}

impl<S> fmt::Debug for Current<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}
