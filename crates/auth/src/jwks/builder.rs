//! How a key source is configured.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_core::{Clock, ConfigError, Observer, Problems, SystemClock};
use portcullis_single_flight::{Limits, SingleFlight};
use tokio::sync::Notify;

use crate::key::{Backend, JwksOptions};

use super::discovery::Discovery;
use super::endpoint::{self, Http};
use super::fetch::{Fetcher, Source};
use super::miss::{Ledger, Moment};
use super::shared::Shared;
use super::state::State;
use super::store::{Saved, Store};
use super::{FetchBudget, HttpClient, Inspection, Jwks, JwksLimits, JwksTimes, task};

/// A [`Jwks`] in the making.
///
/// | what | default |
/// |---|---|
/// | where keys come from | discovery from the issuer: OpenID Connect, then RFC 8414 |
/// | [HTTP client](Self::with_http_client) | the one of feature `client`; without it, one must be given |
/// | [limits](Self::with_limits), [times](Self::with_times), [budget](Self::with_fetch_budget) | see there |
/// | [saved set](Self::with_store) | none |
/// | plain http | on loopback only |
#[derive(Debug)]
#[must_use = "nothing is fetched before `build`"]
pub struct JwksBuilder<C: Clock = SystemClock> {
    issuer: String,
    aliases: Vec<Box<str>>,
    jwks_url: Option<String>,
    client: Option<HttpClient>,
    clock: C,
    observer: Observing,
    limits: JwksLimits,
    times: JwksTimes,
    budget: FetchBudget,
    backend: Backend,
    store: Option<PathBuf>,
    http: Http,
}

struct Observing(Arc<dyn Observer>);

// === impl JwksBuilder ===

impl JwksBuilder<SystemClock> {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            aliases: Vec::new(),
            jwks_url: None,
            client: None,
            clock: SystemClock,
            observer: Observing(Arc::new(())),
            limits: JwksLimits::default(),
            times: JwksTimes::default(),
            budget: FetchBudget::DEFAULT,
            backend: Backend::default(),
            store: None,
            http: Http::default(),
        }
    }
}

impl<C: Clock> JwksBuilder<C> {
    /// Fetches the keys from this URL. There is no discovery then, and the issuer need not be a URL.
    ///
    /// Like every URL here it is written in ASCII (RFC 3986), names beyond that in their `xn--` form.
    pub fn with_jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Accepts metadata that names this issuer.
    ///
    /// For providers whose metadata has another name in it than their tokens, as with a version or a
    /// placeholder for the tenant. The issuer of a token is judged elsewhere, and is not loosened by this.
    pub fn with_metadata_issuer(mut self, alias: impl Into<Box<str>>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Fetches with this client.
    pub fn with_http_client(mut self, client: HttpClient) -> Self {
        self.client = Some(client);
        self
    }

    /// Reports each attempt to this observer.
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Observing(observer);
        self
    }

    /// Replaces the limits.
    pub fn with_limits(mut self, limits: JwksLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the times.
    pub fn with_times(mut self, times: JwksTimes) -> Self {
        self.times = times;
        self
    }

    /// Replaces how many fetches unknown keys may cause.
    pub fn with_fetch_budget(mut self, budget: FetchBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Chooses what checks signatures.
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Saves each good set to this file, and starts with the saved one, so that a restart during an
    /// outage of the issuer has keys. One file for each issuer.
    ///
    /// The file gets mode 0600, and its directory, created if its parent exists, 0700. A file that
    /// anybody else could have written, that is older than the hard age or was saved in the future
    /// is ignored, as are those for another issuer or source.
    pub fn with_store(mut self, path: impl Into<PathBuf>) -> Self {
        self.store = Some(path.into());
        self
    }

    /// Allows plain http off this machine.
    ///
    /// Whoever is on the way can then replace the keys, and sign tokens.
    pub fn dangerously_allow_http(mut self) -> Self {
        self.http = Http::Anywhere;
        self
    }

    /// Takes the time from this clock.
    pub fn with_clock<D: Clock>(self, clock: D) -> JwksBuilder<D> {
        JwksBuilder {
            clock,
            issuer: self.issuer,
            aliases: self.aliases,
            jwks_url: self.jwks_url,
            client: self.client,
            observer: self.observer,
            limits: self.limits,
            times: self.times,
            budget: self.budget,
            backend: self.backend,
            store: self.store,
            http: self.http,
        }
    }

    /// Builds the key source, reads the saved set if there is one, and starts to fetch if this is
    /// inside a Tokio runtime; else the first use inside one starts it.
    ///
    /// # Errors
    /// Every problem of the configuration. That the issuer cannot be reached is none: keys come when it
    /// can.
    pub fn build(mut self) -> Result<Jwks<C>, ConfigError> {
        let fetcher = self.fetcher()?;
        let flights = Limits::new()
            .with_max_flights(NonZeroUsize::MIN)
            .with_max_waiters(NonZeroUsize::new(self.limits.max_waiters).unwrap_or(NonZeroUsize::MIN))
            // Only for work that ignores its own deadline.
            .with_deadline(self.times.attempt.saturating_add(Duration::from_secs(1)))
            .unwrap_or_default();
        let store = self.store.take().map(|path| {
            Arc::new(Store::new(
                path,
                &self.issuer,
                fetcher.source.describe(),
                self.limits.max_bytes,
            ))
        });
        let shared = Arc::new(self.into_shared(fetcher, store, SingleFlight::with_limits(flights)));
        task::ensure(&shared);
        Ok(Jwks::of(shared))
    }

    /// Fetches once, by the rules of every other attempt, and keeps nothing: for tools that tell what is
    /// wrong with an issuer. Neither store nor observer see it.
    ///
    /// # Errors
    /// Every problem of the configuration. What is wrong with the issuer is in the [`Inspection`].
    pub async fn inspect(mut self) -> Result<Inspection, ConfigError> {
        let fetcher = self.fetcher()?;
        Ok(fetcher.inspect().await)
    }

    /// What fetches, if nothing is wrong with the configuration.
    fn fetcher(&mut self) -> Result<Fetcher, ConfigError> {
        let mut problems = Problems::new();
        self.limits.check(&mut problems);
        self.times.check(&mut problems);
        self.budget.check(&mut problems);
        let source = self.source(&mut problems);
        let client = self.client(source.as_ref(), &mut problems);
        // The two are there if nothing was found.
        let (Some(source), Some(client)) = (source, client) else {
            return Err(problems
                .check()
                .err()
                .unwrap_or_else(|| ConfigError::new("", "is incomplete", "")));
        };
        problems.into_result(Fetcher {
            client,
            source,
            options: JwksOptions::new()
                .with_max_bytes(self.limits.max_bytes)
                .with_max_keys(self.limits.max_keys)
                .with_backend(self.backend),
            attempt: self.times.attempt,
        })
    }

    fn source(&self, problems: &mut Problems) -> Option<Source> {
        match &self.jwks_url {
            Some(url) => endpoint::parse("jwks_url", url, self.http, problems).map(Source::Url),
            None => Discovery::new(&self.issuer, self.aliases.clone(), self.http, problems)
                .map(Source::Discovery),
        }
    }

    #[cfg(not(feature = "client"))]
    fn client(&mut self, _: Option<&Source>, problems: &mut Problems) -> Option<HttpClient> {
        let client = self.client.take();
        if client.is_none() {
            problems.push(
                "http_client",
                "is missing",
                "give one, or switch on feature `client`",
            );
        }
        client
    }

    #[cfg(feature = "client")]
    fn client(&mut self, source: Option<&Source>, problems: &mut Problems) -> Option<HttpClient> {
        if let Some(client) = self.client.take() {
            return Some(client);
        }
        let ready = crate::client::default_client().or_else(|error| {
            // A machine without certificates is good enough for an issuer on itself.
            match source {
                Some(source) if source.is_plain() => crate::client::plain_client(),
                _ => Err(error),
            }
        });
        problems.absorb("http_client", ready)
    }

    fn into_shared(
        self,
        fetcher: Fetcher,
        store: Option<Arc<Store>>,
        flights: SingleFlight<(), (), super::FetchError>,
    ) -> Shared<C> {
        let now = Moment {
            at: self.clock.now(),
            wall: self.clock.wall(),
        };
        let loaded = store.as_ref().map_or(Ok(None), |store| {
            store.load(now.wall, self.times.hard, &fetcher.options)
        });
        let store_error = loaded.as_ref().err().map(|error| error.as_str());
        if let Some(error) = store_error {
            tracing::warn!(
                target: "portcullis::jwks",
                issuer = &*self.issuer, error, "saved keys are not used"
            );
        }
        let saved = loaded
            .ok()
            .flatten()
            .unwrap_or_else(|| Saved::nothing(now.wall));
        let set = saved.set.clone();
        // No flight that says nothing for longer than this is alive.
        let longest = self.times.attempt + Duration::from_secs(2);
        let ledger = Ledger::new(self.budget, longest, now.at);
        let mut state = State::new(ledger, saved, &self.times, now);
        state.store_error = store_error;
        Shared {
            issuer: self.issuer.into(),
            set: ArcSwap::from_pointee(set),
            issuer_ahead: AtomicI64::new(0),
            observer: self.observer.0,
            fetcher,
            store,
            flights,
            state: Mutex::new(state),
            wake: Notify::new(),
            closed: AtomicBool::new(false),
            task: AtomicU8::new(task::IDLE),
            clock: self.clock,
            times: self.times,
        }
    }
}

impl std::fmt::Debug for Observing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}
