//! Which address a request comes from, behind proxies that can be trusted and clients that cannot.

mod config;
mod element;
mod forwarded;
mod fuzz;
mod key;
mod resolve;
#[cfg(test)]
mod tests;

use std::{num::NonZeroU8, sync::Arc};

use ipnet::IpNet;

pub use self::{
    fuzz::fuzz_client_ip,
    key::ClientKey,
    resolve::{AddressFallback, AddressSource, ClientAddress},
};

/// Finds the address of the client: the connection's own, or the one that trusted proxies report.
///
/// Everything in a forwarding header can be invented by the client, except what our own proxies
/// *appended*. So a header is read only if the configuration says who appends to it, only the one
/// header it names, and only from the right: each proxy appends on the right the address it was
/// called from, whatever the client put further left. All lines of the header count, in order, as
/// one list (RFC 9110 section 5.3).
///
/// | made by | trusts | the client is |
/// |---|---|---|
/// | [`peer`](ClientIp::peer), the default | nobody | the peer of the connection |
/// | [`behind_networks`](ClientIp::behind_networks) | proxies whose address is in a list | the first address from the right that is not in the list |
/// | [`behind_hops`](ClientIp::behind_hops) | a number *n* of proxies in a row, the peer included | the *n*th address from the right |
///
/// Prefer networks: a request that came round the proxies is then seen for what it is. A hop count
/// is for proxies whose addresses are not known, and only right if *no* request can come round
/// them: it believes whoever connects.
///
/// # What decides
/// With networks `10.0.0.0/8`, and P the peer of the connection:
///
/// | P | header | client | [source](AddressSource) |
/// |---|---|---|---|
/// | 203.0.113.7 | `1.2.3.4` | 203.0.113.7 | peer: nobody we trust wrote that |
/// | 10.0.0.1 | `6.6.6.6, 1.2.3.4` | 1.2.3.4 | header |
/// | 10.0.0.1 | `6.6.6.6` and a second line `1.2.3.4` | 1.2.3.4 | header |
/// | 10.0.0.1 | `1.2.3.4, 10.0.0.9` | 1.2.3.4 | header: 10.0.0.9 is ours |
/// | 10.0.0.1 | `10.1.1.1, 10.0.0.9` | 10.1.1.1 | header: all ours, so an inner client |
/// | 10.0.0.1 | `6.6.6.6, what, 10.0.0.9` | 10.0.0.9 | [malformed](AddressFallback::Malformed) |
/// | 10.0.0.1 | `6.6.6.6, unknown` | 10.0.0.1 | [hidden](AddressFallback::Hidden) |
/// | 10.0.0.1 | none | 10.0.0.1 | [missing](AddressFallback::Missing) |
///
/// With two hops:
///
/// | P | header | client | source |
/// |---|---|---|---|
/// | 10.0.0.1 | `6.6.6.6, 1.2.3.4, 10.0.0.9` | 1.2.3.4 | header |
/// | 10.0.0.1 | `6.6.6.6, what, 10.0.0.9` | 10.0.0.9 | malformed |
/// | 10.0.0.1 | `6.6.6.6` | 10.0.0.1 | [too short](AddressFallback::TooShort): it did not pass two proxies |
///
/// Where the deciding element is no address, the answer is **the last trusted hop**: the outermost
/// address that is surely one of ours, in doubt the peer. Never an element further left: a client
/// could make its own proxy-written element unreadable only to have an invented one believed.
/// Such clients share the proxy's address, and its limits.
///
/// # What is read
/// | element | `X-Forwarded-For` | `Forwarded` (RFC 7239) |
/// |---|---|---|
/// | `192.0.2.1`, `192.0.2.1:4711` | address | `for=192.0.2.1`, `for="192.0.2.1:4711"` |
/// | `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711` | address | the same as `for="…"` |
/// | `::ffff:192.0.2.1` | 192.0.2.1 | the same |
/// | `unknown`, `_hidden` | hidden | hidden; so is an element without `for` |
/// | nothing between two commas | skipped | skipped |
/// | anything else, a zone (`fe80::1%eth0`), more than 512 bytes | malformed or too long | the same |
///
/// Ports are dropped. IPv4 addresses mapped into IPv6 become IPv4 everywhere: in the header, of the
/// peer, and in the list of networks. At most [`MAX_HOPS`](ClientIp::MAX_HOPS) elements are looked
/// at, and nothing is allocated.
///
/// # Examples
/// ```
/// use http::HeaderMap;
/// use portcullis_core::{ClientIp, ProxyHeader};
///
/// let mut headers = HeaderMap::new();
/// headers.append("x-forwarded-for", "6.6.6.6, 203.0.113.7:51111".parse()?);
/// let peer: std::net::IpAddr = "10.0.0.1".parse()?;
///
/// // Without configuration no header is believed.
/// let client = ClientIp::peer().resolve(peer, &headers).ok_or("no peer")?;
/// assert_eq!(client.ip(), peer);
///
/// let behind = ClientIp::behind_networks(ProxyHeader::XForwardedFor, ["10.0.0.0/8"])?;
/// let client = behind.resolve(peer, &headers).ok_or("no peer")?;
/// assert_eq!(client.ip().to_string(), "203.0.113.7");
/// assert_eq!(client.source().as_str(), "x-forwarded-for");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clone
/// Clones share the list of networks.
#[derive(Clone, Debug, Default)]
pub struct ClientIp {
    trust: Trust,
}

/// The header that the trusted proxies append to.
///
/// One of them, never both: a proxy maintains one and passes the other on as the client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: a list of addresses.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): a list of parameters, of which `for` is read.
    Forwarded,
}

#[derive(Clone, Debug, Default)]
enum Trust {
    #[default]
    Nobody,
    Networks(ProxyHeader, Arc<[IpNet]>),
    Hops(ProxyHeader, NonZeroU8),
}
