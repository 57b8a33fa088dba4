//! A ready HTTP client for what auth fetches: hyper, with TLS by rustls on aws-lc.
//!
//! | what | how |
//! |---|---|
//! | names | resolved by the system, at most one look-up for a name at a time, each with a deadline; answers kept for a minute, and beyond that while resolution fails |
//! | addresses | up to eight, IPv6 and IPv4 in turn, each with a deadline of its own, the next tried 250 ms after the last (RFC 8305) |
//! | TLS | 1.2 and 1.3, the roots of the system and those given |
//! | connections | kept alive; HTTP/2 where the server speaks it, and then pinged, so that a dead one is found out |
//! | redirects, retries, cookies, proxies | none; those who use the client follow redirects on the same host |
//!
//! It is an ordinary [`HttpClient`]: use any other in its place, or compose layers round your own.
//!
//! # Examples
//! ```no_run
//! use portcullis_auth::client;
//!
//! # fn example(company_ca: &[u8]) -> Result<(), portcullis_core::ConfigError> {
//! let http = client::Builder::new().with_ca_pem(company_ca).build()?;
//! # Ok(())
//! # }
//! ```

mod bounded;
mod dial;
mod resolve;
mod roots;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use portcullis_core::{ConfigError, Problems};
use rustls::ClientConfig;

use crate::jwks::{FetchError, HttpClient};

use self::bounded::Bounded;
use self::dial::{Dial, DialError};
use self::resolve::Resolver;
use self::roots::Roots;

/// A client in the making.
#[derive(Clone, Debug)]
#[must_use = "no client before `build`"]
pub struct Builder {
    roots: Roots,
    address_deadline: Duration,
    connect_deadline: Duration,
    keep_idle: Duration,
    ping_interval: Duration,
    ping_deadline: Duration,
}

/// The client with the defaults of [`Builder`].
///
/// # Errors
/// See [`Builder::build`].
pub fn default_client() -> Result<HttpClient, ConfigError> {
    Builder::new().build()
}

/// A client for http alone, on a machine that need not have any roots.
///
/// # Errors
/// See [`Builder::build`].
pub(crate) fn plain_client() -> Result<HttpClient, ConfigError> {
    Builder::new().build_with(Resolver::system(), Roots::nobody())
}

// === impl Builder ===

impl Builder {
    /// The roots of the system, 1 s for an address, 4 s for a connection, idle ones kept for 90 s.
    pub fn new() -> Self {
        Self {
            roots: Roots::default(),
            address_deadline: Duration::from_secs(1),
            connect_deadline: Duration::from_secs(4),
            keep_idle: Duration::from_secs(90),
            ping_interval: Duration::from_secs(10),
            ping_deadline: Duration::from_secs(5),
        }
    }

    /// Trusts the certificates of this PEM text as well.
    pub fn with_ca_pem(mut self, pem: &[u8]) -> Self {
        self.roots.add(pem);
        self
    }

    /// Does not trust the roots of the system: only those [given](Self::with_ca_pem), at least one.
    pub fn without_system_roots(mut self) -> Self {
        self.roots.leave_out_system();
        self
    }

    /// Sets how long one address may take to answer.
    pub fn with_address_deadline(mut self, deadline: Duration) -> Self {
        self.address_deadline = deadline;
        self
    }

    /// Sets how long a connection may take in all: name, addresses, TLS.
    pub fn with_connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// Sets how often an HTTP/2 connection is pinged, and how long an answer may take. Default: 10 s, 5 s.
    ///
    /// Requests give up before a dead connection does, and the next would go the same way: only a ping
    /// finds out.
    pub fn with_ping(mut self, interval: Duration, deadline: Duration) -> Self {
        (self.ping_interval, self.ping_deadline) = (interval, deadline);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// A PEM text without certificates or with a broken one, no roots on this system (give some) or none
    /// to trust at all, a deadline of zero.
    pub fn build(self) -> Result<HttpClient, ConfigError> {
        let config = self.roots.config();
        self.build_with(Resolver::system(), config)
    }

    fn build_with(
        self,
        resolver: Resolver,
        config: Result<ClientConfig, ConfigError>,
    ) -> Result<HttpClient, ConfigError> {
        let mut problems = Problems::new();
        for (path, deadline) in [
            ("address_deadline", self.address_deadline),
            ("connect_deadline", self.connect_deadline),
            ("ping.interval", self.ping_interval),
            ("ping.deadline", self.ping_deadline),
        ] {
            if deadline.is_zero() {
                problems.push(path, "is 0", "choose a longer one");
            }
        }
        let config = problems.absorb("", config);
        problems.check()?;
        let Some(config) = config else {
            return Err(ConfigError::new("tls", "is not configured", ""));
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            // Which URLs may be http is judged before.
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Dial::new(resolver, self.address_deadline));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(self.keep_idle)
            .pool_max_idle_per_host(2)
            .http2_keep_alive_interval(self.ping_interval)
            .http2_keep_alive_timeout(self.ping_deadline)
            // A request that gave up leaves the connection idle.
            .http2_keep_alive_while_idle(true)
            .build::<_, Full<Bytes>>(Bounded::new(connector, self.connect_deadline));
        Ok(HttpClient::new(client).classifying(classify))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells a name that cannot be resolved and a certificate that is not trusted from a server that is down.
fn classify(error: &(dyn Error + 'static)) -> FetchError {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(dial) = error.downcast_ref::<DialError>() {
            return match dial {
                DialError::Resolve => FetchError::Dns,
                _ => FetchError::Connect,
            };
        }
        if error.is::<rustls::Error>() {
            return FetchError::Tls;
        }
        // The source of an I/O error is the source of what is in it; what is in it has to be asked for.
        next = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io
                .get_ref()
                .map(|inner| inner as &(dyn Error + 'static))
                .or(error.source()),
            None => error.source(),
        };
    }
    FetchError::Connect
}

#[cfg(test)]
mod tests;
