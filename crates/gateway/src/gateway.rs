//! The gateway, running.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use portcullis_core::{ConfigError, Problems};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Config;
use crate::admin::Admin;
use crate::auth::{self, Trust};
use crate::front::{Entry, Front};
use crate::proxy::{Clients, Proxy};
use crate::routes::Routes;
use crate::server::{Server, Times};

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
        let (front, trust) = assemble(&config, &tunnels)?;
        let times = Times {
            header: config.server.header_timeout,
            drain: config.server.shutdown_timeout,
        };
        // The admin listener first: whoever waits for it sees a gateway that could start.
        let admin = match config.server.admin {
            None => None,
            Some(address) => {
                let admin = match &trust {
                    Some(trust) => Admin::new(trust.health()),
                    None => Admin::new(Vec::new),
                };
                Some(listen(address, admin, times).await?)
            }
        };
        let public = match config.server.listen {
            None => None,
            Some(address) => Some(listen(address, front, times).await?),
        };
        let address = public.as_ref().map(Server::address);
        let asked = config.forward_auth.as_ref().map(|section| section.listen);
        let nowhere = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0));
        Ok(Running {
            address: address.or(asked).unwrap_or(nowhere),
            public,
            admin,
            _tunnels: tunnels.drop_guard(),
        })
    }
}

async fn listen<S>(address: SocketAddr, service: S, times: Times) -> Result<Server, StartError>
where
    S: crate::server::Serves,
    S::Future: Send,
{
    Server::start(address, service, times)
        .await
        .map_err(|error| StartError::Listen { address, error })
}

/// Everything but the sockets.
fn assemble(
    config: &Config,
    tunnels: &CancellationToken,
) -> Result<(Front, Option<Trust>), ConfigError> {
    let trust = if config.issuers.is_empty() {
        None
    } else {
        Some(Trust::new(&config.issuers)?)
    };
    let clients = Clients::new(config.server.connect_timeout, tunnels);
    let mut entries = Vec::with_capacity(config.routes.len());
    let mut problems = Problems::new();
    for (index, route) in config.routes.iter().enumerate() {
        let guarded = auth::guard(route, trust.as_ref(), Proxy::new(route, &clients));
        if let Some(service) = problems.absorb(&format!("route[{index}]"), guarded) {
            let pattern = Arc::from(route.path.to_string());
            entries.push((route.path.clone(), None, Entry { pattern, service }));
        }
    }
    problems.into_result((Front::new(Routes::new(entries)), trust))
}

// === impl Config ===

impl Config {
    /// Whether the gateway could start with it, as far as that can be told without asking anybody.
    ///
    /// # Errors
    /// Every problem.
    pub fn check(&self) -> Result<(), ConfigError> {
        assemble(self, &CancellationToken::new()).map(|_| ())
    }
}

// === impl Running ===

impl Running {
    /// The public address; where there is none, the one that other proxies ask on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of `/livez` and `/readyz`, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Server::address)
    }

    /// Accepts nothing more, lets requests in flight end within `shutdown_timeout`, and returns whether
    /// all of them did.
    pub async fn shut_down(self) -> bool {
        let drained = match self.public {
            Some(public) => public.shut_down().await,
            None => true,
        };
        // Last, so that probes see life as long as there is any.
        if let Some(admin) = self.admin {
            admin.shut_down().await;
        }
        drained
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
