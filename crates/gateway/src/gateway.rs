//! The gateway, running.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::ConfigError;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Config;
use crate::admin::Admin;
use crate::assembly::Assembly;
use crate::descriptors;
use crate::live::Live;
use crate::metrics::Listener;
use crate::reload::{ConfigFile, Follower};
use crate::server::{Server, Serves, Settings};

/// The gateway: [`start`](Gateway::start) it with a [`Config`].
#[derive(Debug)]
pub enum Gateway {}

/// A gateway that serves. It ends at once when it is dropped; [`shut_down`](Running::shut_down) lets
/// requests in flight end first.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    public: Option<Server>,
    admin: Option<Server>,
    forward_auth: Option<Server>,
    control: Option<Server>,
    live: Arc<Live>,
    follower: Option<Follower>,
    /// Upgraded connections, which belong to no server any more, end with this.
    _tunnels: DropGuard,
}

/// Why a gateway could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// An address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

// === impl Gateway ===

impl Gateway {
    /// Starts to listen, and to fetch the keys of the issuers. That an issuer cannot be reached is no
    /// error: keys come when they can.
    ///
    /// # Errors
    /// If the configuration cannot be used, or an address cannot be listened on.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let tunnels = CancellationToken::new();
        let (listens, admin) = (config.server.listen, config.server.admin);
        let asked = config.forward_auth.as_ref().map(|section| section.listen);
        let control = config.control.as_ref().map(|section| section.listen);
        let listeners = [listens, admin, asked, control]
            .into_iter()
            .flatten()
            .count();
        let most = places(config.server.max_connections, listeners);
        let live = Arc::new(Live::new(config, tunnels.clone())?);
        // Clear, and without upgrades: for the platform, and for other proxies.
        let within = |listener| {
            let settings = live.within().of_another();
            live.metrics().show(listener, settings.connections());
            (settings, most, CancellationToken::new())
        };
        // The admin listener first: whoever waits for it sees a gateway that could start.
        let admin = match admin {
            None => None,
            Some(address) => {
                let admin = Admin::new(live.clone(), Arc::clone(live.metrics()));
                Some(listen(address, admin, within(Listener::Admin)).await?)
            }
        };
        let public = match listens {
            None => None,
            Some(address) => {
                let front = live.service(|assembly| Some(assembly.front.clone()));
                let settings = live.settings().clone();
                live.metrics()
                    .show(Listener::Public, settings.connections());
                let terms = (settings, most, tunnels.clone());
                Some(listen(address, front, terms).await?)
            }
        };
        let forward_auth = match asked {
            None => None,
            Some(address) => {
                let service = live.service(|assembly| assembly.forward_auth.clone());
                Some(listen(address, service, within(Listener::ForwardAuth)).await?)
            }
        };
        let control = match control {
            None => None,
            Some(address) => {
                let service = live.service(|assembly| assembly.control.clone());
                Some(listen(address, service, within(Listener::Control)).await?)
            }
        };
        let address = public.as_ref().or(forward_auth.as_ref());
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Running {
            address: address.map_or(nowhere, Server::address),
            public,
            admin,
            forward_auth,
            control,
            live,
            follower: None,
            _tunnels: tunnels.drop_guard(),
        })
    }
}

/// How many connections each listener may have, as far as there can be files for them.
fn places(configured: usize, listeners: usize) -> usize {
    let most = descriptors::places(listeners);
    if most < configured {
        tracing::warn!(
            target: "portcullis::gateway",
            max_connections = configured,
            served = most,
            "the limit of open files leaves room for fewer connections"
        );
    }
    most
}

async fn listen<S: Serves>(
    address: SocketAddr,
    service: S,
    (settings, most, tunnels): (Settings, usize, CancellationToken),
) -> Result<Server, StartError> {
    Server::start(address, service, settings, most, tunnels)
        .await
        .map_err(|error| StartError::Listen { address, error })
}

// === impl Config ===

impl Config {
    /// Whether the gateway could start with it, as far as that can be told without asking anybody.
    ///
    /// # Errors
    /// Every problem.
    pub fn check(&self) -> Result<(), ConfigError> {
        let metrics = Arc::default();
        Assembly::new(
            self.clone(),
            None,
            // Nothing begins here: its secrets and bounds were judged with the text.
            None,
            &CancellationToken::new(),
            &metrics,
        )
        .map(|_| ())
    }
}

// === impl Running ===

impl Running {
    /// The public address; where there is none, the one that other proxies ask on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address at which other proxies ask whether a request may pass, if there is one.
    #[must_use]
    pub fn forward_auth_address(&self) -> Option<SocketAddr> {
        self.forward_auth.as_ref().map(Server::address)
    }

    /// The address at which operators and other services revoke, if there is one.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(Server::address)
    }

    /// The address of `/livez`, `/readyz` and `/metrics`, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Server::address)
    }

    /// Replaces the configuration. Requests in flight end with the old one, connections stay open; keys,
    /// verdicts and connections to upstreams stay where their section did not change.
    ///
    /// # Errors
    /// Every problem of the new configuration; the old one stays. A change that needs a restart is one.
    pub async fn reload(&self, config: Config) -> Result<(), ConfigError> {
        let live = Arc::clone(&self.live);
        let replaced = spawn_blocking(move || live.replace(config, true)).await;
        replaced.unwrap_or_else(|error| {
            let message = format!("cannot be taken: {error}");
            Err(ConfigError::new("", message, "try again"))
        })
    }

    /// Takes the configuration again whenever its file changes, or one that it refers to: they are looked
    /// at `every` so often, and taken when they stood still for as long. `watch = false` in the file
    /// leaves it to [`take_file`](Running::take_file).
    ///
    /// The gateway was started with [`ConfigFile::config`].
    pub fn follow(&mut self, file: ConfigFile, every: Duration) {
        self.follower = Some(Follower::start(Arc::clone(&self.live), file, every));
    }

    /// Takes the file that it [follows](Running::follow) at once, changed or not. Returns before it is
    /// taken; calls meanwhile are one.
    pub fn take_file(&self) {
        if let Some(follower) = &self.follower {
            follower.take_now();
        }
    }

    /// Accepts nothing more, lets requests in flight end within `shutdown_timeout`, and returns whether
    /// all of them did. Upgraded connections may take until then too; that they are ended does not count.
    pub async fn shut_down(self) -> bool {
        // Whoever ends takes no new configuration.
        drop(self.follower);
        let by = Instant::now() + self.live.load().config.server.shutdown_timeout;
        let ended = async |server: Option<Server>| match server {
            Some(server) => server.shut_down().await,
            None => true,
        };
        let (drained, answered, revoked) = tokio::join!(
            ended(self.public),
            ended(self.forward_auth),
            ended(self.control)
        );
        // Last, so that probes see life as long as there is any. Within the same bound: when all else is
        // over, nobody waits for the answer to a probe.
        if let Some(admin) = self.admin {
            let _ = timeout_at(by, admin.shut_down()).await;
        }
        drained && answered && revoked
    }
}

// === impl StartError ===

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Listen { error, .. } => Some(error),
        }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
