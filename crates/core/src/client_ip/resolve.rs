//! The decision.

use std::{fmt, net::IpAddr, num::NonZeroU8};

use http::HeaderMap;
use ipnet::IpNet;

use super::{
    ClientIp, ClientKey, ProxyHeader, Trust,
    element::{Node, NodesFromRight, TooLong},
};

/// The address of a client, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress {
    ip: IpAddr,
    source: AddressSource,
}

/// How the address of a client was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressSource {
    /// It is the peer of the connection, and nobody else was to be asked.
    Peer,
    /// Trusted proxies reported it in this header.
    Header(ProxyHeader),
    /// It is the last trusted hop, because the header did not tell more.
    LastTrustedHop(AddressFallback),
}

/// Why the header of a trusted proxy did not tell the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressFallback {
    /// There was no such header, or nothing in it: perhaps the proxy itself asked.
    Missing,
    /// It had fewer elements than there are trusted hops.
    TooShort,
    /// It had more elements than are looked at, or a longer one.
    TooLong,
    /// The proxy hides its clients: `unknown`, `_obfuscated`, or no `for` parameter.
    Hidden,
    /// The element that decides is not an address.
    Malformed,
}

// === impl ClientIp ===

impl ClientIp {
    /// The client of a request with these headers that came over a connection from `peer`.
    ///
    /// `None` only where nothing is known: the peer has no address (a Unix socket), and no header
    /// makes up for it. Behind networks that is always so, for such a peer is in none of them.
    #[must_use]
    pub fn resolve(
        &self,
        peer: impl Into<Option<IpAddr>>,
        headers: &HeaderMap,
    ) -> Option<ClientAddress> {
        self.walk(peer.into(), headers, &mut |_| {})
    }

    /// The same, and adds to `proxies` the trusted ones that the request came through: the peer first, the
    /// one that the client called last; none where the client is the peer.
    ///
    /// So a gateway can say in a header of its own what it believes, and leave out what it does not.
    #[must_use]
    pub fn resolve_through(
        &self,
        peer: impl Into<Option<IpAddr>>,
        headers: &HeaderMap,
        proxies: &mut Vec<IpAddr>,
    ) -> Option<ClientAddress> {
        let peer = peer.into();
        let known = proxies.len();
        let client = self.walk(peer, headers, &mut |proxy| proxies.push(proxy));
        // The way that seemed to be was none, or it led back to its beginning.
        if client.map(|client| client.ip) == peer.map(|peer| peer.to_canonical()) {
            proxies.truncate(known);
        }
        client
    }

    /// Tells `passed` of each hop that turned out to be a proxy, the peer first.
    fn walk(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        passed: &mut impl FnMut(IpAddr),
    ) -> Option<ClientAddress> {
        let peer = peer.map(|ip| ip.to_canonical());
        match &self.trust {
            Trust::Nobody => peer.map(ClientAddress::peer),
            Trust::Networks(header, trusted) => {
                let nodes = NodesFromRight::new(*header, headers);
                Some(behind_networks(trusted, *header, peer?, nodes, passed))
            }
            Trust::Hops(header, hops) => {
                let nodes = NodesFromRight::new(*header, headers);
                behind_hops(*hops, *header, peer, nodes, passed)
            }
        }
    }
}

fn behind_networks(
    trusted: &[IpNet],
    header: ProxyHeader,
    peer: IpAddr,
    mut nodes: NodesFromRight<'_>,
    passed: &mut impl FnMut(IpAddr),
) -> ClientAddress {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(&peer) {
        return ClientAddress::peer(peer);
    }
    let mut last = peer;
    let mut at_end = AddressFallback::Missing.source();
    loop {
        let why = match nodes.next() {
            Ok(Some(Node::Address(ip))) if is_trusted(&ip) => {
                passed(last);
                last = ip;
                // If it ends here, all are ours and the outermost of them is the client.
                at_end = AddressSource::Header(header);
                continue;
            }
            Ok(Some(Node::Address(ip))) => {
                passed(last);
                return ClientAddress::reported(ip, header);
            }
            Ok(Some(Node::Hidden)) => AddressFallback::Hidden.source(),
            Ok(Some(Node::Malformed)) => AddressFallback::Malformed.source(),
            Ok(None) => at_end,
            Err(TooLong) => AddressFallback::TooLong.source(),
        };
        return ClientAddress::new(last, why);
    }
}

fn behind_hops(
    hops: NonZeroU8,
    header: ProxyHeader,
    peer: Option<IpAddr>,
    mut nodes: NodesFromRight<'_>,
    passed: &mut impl FnMut(IpAddr),
) -> Option<ClientAddress> {
    let mut last = peer;
    let mut seen = 0;
    loop {
        seen += 1;
        // The elements of the inner proxies name the outer ones; all but the last only count.
        let decides = seen == hops.get();
        let why = match nodes.next() {
            Ok(Some(Node::Address(ip))) => {
                last.into_iter().for_each(&mut *passed);
                if decides {
                    return Some(ClientAddress::reported(ip, header));
                }
                last = Some(ip);
                continue;
            }
            Ok(Some(_)) if !decides => continue,
            Ok(Some(Node::Hidden)) => AddressFallback::Hidden,
            Ok(Some(Node::Malformed)) => AddressFallback::Malformed,
            Ok(None) => {
                // It did not pass all the proxies, so any element may be the client's invention.
                last = peer;
                if seen == 1 {
                    AddressFallback::Missing
                } else {
                    AddressFallback::TooShort
                }
            }
            Err(TooLong) => AddressFallback::TooLong,
        };
        return last.map(|ip| ClientAddress::new(ip, why.source()));
    }
}

// === impl ClientAddress ===

impl ClientAddress {
    /// The address; never an IPv4 address in IPv6 clothes.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How it was found.
    #[must_use]
    pub const fn source(&self) -> AddressSource {
        self.source
    }

    /// The network that counts as one client: see [`ClientKey`].
    #[must_use]
    pub fn group(&self, ipv6_prefix: u8) -> ClientKey {
        ClientKey::new(self.ip, ipv6_prefix)
    }

    const fn new(ip: IpAddr, source: AddressSource) -> Self {
        Self { ip, source }
    }

    const fn peer(ip: IpAddr) -> Self {
        Self::new(ip, AddressSource::Peer)
    }

    const fn reported(ip: IpAddr, header: ProxyHeader) -> Self {
        Self::new(ip, AddressSource::Header(header))
    }
}

// === impl AddressSource ===

impl AddressSource {
    /// A stable label for logs and metrics.
    ///
    /// `peer`, `x-forwarded-for`, `forwarded`, or `last-trusted-hop` with the cause: `-missing`,
    /// `-too-short`, `-too-long`, `-hidden`, `-malformed`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Header(ProxyHeader::XForwardedFor) => "x-forwarded-for",
            Self::Header(ProxyHeader::Forwarded) => "forwarded",
            Self::LastTrustedHop(AddressFallback::Missing) => "last-trusted-hop-missing",
            Self::LastTrustedHop(AddressFallback::TooShort) => "last-trusted-hop-too-short",
            Self::LastTrustedHop(AddressFallback::TooLong) => "last-trusted-hop-too-long",
            Self::LastTrustedHop(AddressFallback::Hidden) => "last-trusted-hop-hidden",
            Self::LastTrustedHop(AddressFallback::Malformed) => "last-trusted-hop-malformed",
        }
    }
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl AddressFallback ===

impl AddressFallback {
    const fn source(self) -> AddressSource {
        AddressSource::LastTrustedHop(self)
    }
}
