//! `[server]`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use portcullis_core::ConfigError;
use toml::Table;

use super::section::{Draft, Section};
use super::{HostPattern, SecretSource, network};
use crate::pem;

/// Where the gateway listens, and its bounds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// `listen`: the public address; none where the gateway only answers [`ForwardAuth`](super::ForwardAuth).
    pub listen: Option<SocketAddr>,
    /// `admin`: the address of `/livez` and `/readyz`; without it there is none.
    pub admin: Option<SocketAddr>,
    /// `tls`: what the public address shows to clients; without it they speak cleartext.
    pub tls: Option<ServerTls>,
    /// `hosts`: the hosts that are served; any unless set.
    pub hosts: Option<Vec<HostPattern>>,
    /// `trusted_proxies`: the peers whose word is taken for the address of a client and the id of a request.
    pub trusted_proxies: Vec<IpNet>,
    /// `max_connections`: the most connections at a time. 20 000 unless set.
    pub max_connections: usize,
    /// `max_headers`: the most header lines of a request. 100 unless set.
    pub max_headers: usize,
    /// `max_header_bytes`: the largest head of a request. 32 KiB unless set.
    pub max_header_bytes: usize,
    /// `header_timeout`: how long the head of a request may take. 10 s unless set.
    pub header_timeout: Duration,
    /// `idle_timeout`: how long a connection may stay open without a request. 75 s unless set.
    pub idle_timeout: Duration,
    /// `connect_timeout`: how long a connection to an upstream may take. 5 s unless set.
    pub connect_timeout: Duration,
    /// `shutdown_timeout`: how long requests in flight may take to end. 10 s unless set.
    pub shutdown_timeout: Duration,
    /// `watch`: whether files are taken again when they change. True unless set.
    pub watch: bool,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTls {
    /// `certificate`: a PEM file with the certificate chain, the own one first.
    pub certificate: PathBuf,
    /// `key`: its private key, in PEM.
    pub key: SecretSource,
}

// === impl Server ===

impl Server {
    /// `needed` says whether there must be a public address.
    pub(super) fn read(table: Table, folder: Option<&Path>, needed: bool) -> Draft<Self> {
        let mut section = Section::new(table);
        let public = section.has("listen");
        let tls = section.has("tls");
        let server = Self {
            listen: if needed {
                section.required("listen", Section::address)
            } else {
                section.address("listen")
            },
            admin: section.address("admin"),
            tls: section.table("tls").and_then(|table| {
                let read = ServerTls::read(table, folder);
                section.absorb("tls", read)
            }),
            hosts: hosts(&mut section),
            trusted_proxies: network::list(&mut section, "trusted_proxies").unwrap_or_default(),
            max_connections: count(&mut section, "max_connections", 20_000, 1, 1_000_000),
            max_headers: count(&mut section, "max_headers", 100, 10, 1_000),
            max_header_bytes: head(&mut section),
            header_timeout: bounded(&mut section, "header_timeout", 10),
            idle_timeout: bounded(&mut section, "idle_timeout", 75),
            connect_timeout: bounded(&mut section, "connect_timeout", 5),
            shutdown_timeout: bounded(&mut section, "shutdown_timeout", 10),
            watch: section.flag("watch").unwrap_or(true),
        };
        if tls && !public && !needed {
            section.wrong(
                "tls",
                "is stated without a public address",
                "set server.listen, or remove it: only the public address speaks TLS",
            );
        }
        section.draft(server)
    }

    /// What an empty section amounts to.
    pub(super) fn unset() -> Self {
        Self {
            listen: None,
            admin: None,
            tls: None,
            hosts: None,
            trusted_proxies: Vec::new(),
            max_connections: 20_000,
            max_headers: 100,
            max_header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connect_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(10),
            watch: true,
        }
    }
}

fn hosts(section: &mut Section) -> Option<Vec<HostPattern>> {
    let texts = section.texts("hosts")?;
    if texts.is_empty() {
        section.wrong(
            "hosts",
            "is empty",
            "name a host, or remove it to serve any",
        );
    }
    let mut hosts = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        hosts.extend(section.absorb(&format!("hosts[{index}]"), HostPattern::parse(text)));
    }
    Some(hosts)
}

/// A number between two bounds.
fn count(
    section: &mut Section,
    key: &'static str,
    default: usize,
    least: usize,
    most: usize,
) -> usize {
    let Some(number) = section.integer(key) else {
        return default;
    };
    match usize::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => number,
        _ => {
            let remedy = format!("choose between {least} and {most}");
            section.wrong(key, "is out of range", remedy);
            default
        }
    }
}

fn head(section: &mut Section) -> usize {
    const KEY: &str = "max_header_bytes";
    const DEFAULT: usize = 32 << 10;
    let Some(bytes) = section.size(KEY) else {
        return DEFAULT;
    };
    match usize::try_from(bytes) {
        // Below, a token of the largest size that is accepted would not fit.
        Ok(bytes) if (16 << 10..=1 << 20).contains(&bytes) => bytes,
        _ => {
            section.wrong(KEY, "is out of range", "choose between 16 KiB and 1 MiB");
            DEFAULT
        }
    }
}

/// A duration that is not zero and at most an hour: nothing is waited for at once, nor for ever.
pub(super) fn bounded(section: &mut Section, key: &'static str, default_seconds: u64) -> Duration {
    let default = Duration::from_secs(default_seconds);
    let Some(duration) = section.duration(key) else {
        return default;
    };
    if duration.is_zero() || duration > Duration::from_secs(3600) {
        section.wrong(key, "is out of range", "choose between 1 ms and 1 h");
    }
    duration
}

// === impl ServerTls ===

impl ServerTls {
    fn read(table: Table, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let certificate = section.required("certificate", Section::text);
        let key = section.required("key", |section, key| {
            SecretSource::take(section, key, folder)
        });
        if let (Some(certificate), Some(key)) = (certificate, key) {
            let tls = Self {
                certificate: super::path(folder, &certificate),
                key,
            };
            section.absorb("", pem::identity(&tls.certificate, &tls.key));
            return section.finish().into_result(tls);
        }
        Err(section.failed())
    }
}
