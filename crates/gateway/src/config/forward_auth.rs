//! `[forward_auth]`

use std::net::SocketAddr;

use ipnet::IpNet;
use toml::Table;

use super::network;
use super::section::{Draft, Section};

/// Where other proxies ask whether a request may pass.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ForwardAuth {
    /// `listen`: an address of its own, for those proxies and nobody else.
    pub listen: SocketAddr,
    /// `peers`: from whom the original method, host and URI are believed. Never empty.
    pub peers: Vec<IpNet>,
}

// === impl ForwardAuth ===

impl ForwardAuth {
    pub(super) fn read(table: Table) -> Draft<Self> {
        let mut section = Section::new(table);
        let listen = section.required("listen", Section::address);
        let peers = section.required("peers", network::list);
        if peers.as_ref().is_some_and(Vec::is_empty) && !section.noted("peers") {
            section.wrong(
                "peers",
                "is empty",
                "name the proxies that ask: whoever is believed decides which route is checked",
            );
        }
        let peers = peers.unwrap_or_default();
        section.draft(listen.map(|listen| Self { listen, peers }))
    }
}
