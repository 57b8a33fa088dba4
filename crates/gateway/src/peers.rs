//! Whose word is taken for where a request comes from.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use portcullis_core::{ClientAddress, ClientIp, ConfigError, ProxyHeader};

/// The proxies before the gateway whose headers are believed; nobody without any.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    networks: Vec<IpNet>,
    /// By `X-Forwarded-For`.
    usual: ClientIp,
    /// By `Forwarded`.
    standard: ClientIp,
}

// === impl Peers ===

impl Peers {
    pub(crate) fn new(networks: &[IpNet]) -> Result<Self, ConfigError> {
        let by = |header| {
            if networks.is_empty() {
                return Ok(ClientIp::peer());
            }
            let texts = networks.iter().map(ToString::to_string);
            ClientIp::behind_networks(header, texts).map_err(|error| {
                let text = error.to_string();
                ConfigError::new(
                    "server.trusted_proxies",
                    text,
                    "name the networks of your proxies, and no others",
                )
            })
        };
        Ok(Self {
            networks: networks.to_vec(),
            usual: by(ProxyHeader::XForwardedFor)?,
            standard: by(ProxyHeader::Forwarded)?,
        })
    }

    /// Whether `peer` is one of them.
    pub(crate) fn has(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// The client of a request from `peer`, and the proxies between, as they are believed.
    ///
    /// `X-Forwarded-For` decides where there is one, `Forwarded` else: whoever is trusted writes one of
    /// them, and removes the other or overwrites it.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Way {
        let by = if headers.contains_key("x-forwarded-for") {
            &self.usual
        } else {
            &self.standard
        };
        let mut proxies = Vec::new();
        let client = by.resolve_through(peer, headers, &mut proxies);
        Way { client, proxies }
    }
}

/// The network that stands for an address where people read: /24 of IPv4, /48 of IPv6. Who it is cannot
/// be told from it, nor from the other lines of the log.
pub(crate) fn network(address: IpAddr) -> IpNet {
    let prefix = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new_assert(address, prefix).trunc()
}

/// The way of a request to the gateway.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) client: Option<ClientAddress>,
    /// The one that the client called last, the peer first.
    pub(crate) proxies: Vec<IpAddr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(networks: &[&str]) -> Peers {
        let networks: Vec<_> = networks.iter().map(|text| text.parse().unwrap()).collect();
        Peers::new(&networks).unwrap()
    }

    fn client(peers: &Peers, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let way = peers.client(peer.parse().unwrap(), &headers);
        way.client.unwrap().ip().to_string()
    }

    #[test]
    fn the_word_of_strangers_is_not_taken() {
        let lines = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")];
        assert_eq!(client(&peers(&[]), "10.0.0.1", &lines), "10.0.0.1");
        let ours = peers(&["10.0.0.0/8"]);
        assert_eq!(client(&ours, "192.0.2.1", &lines), "192.0.2.1");
        assert!(!ours.has("192.0.2.1".parse().unwrap()));
        assert!(ours.has("::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn one_of_the_two_headers_decides() {
        let ours = peers(&["10.0.0.0/8"]);
        for (lines, address) in [
            (&[("x-forwarded-for", "1.2.3.4")][..], "1.2.3.4"),
            (&[("forwarded", "for=1.2.3.4;proto=https")], "1.2.3.4"),
            (
                &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "1.2.3.4")],
                "1.2.3.4",
            ),
            (
                &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "unknown")],
                "10.0.0.1",
            ),
        ] {
            assert_eq!(client(&ours, "10.0.0.1", lines), address, "{lines:?}");
        }
    }

    #[test]
    fn logs_see_networks_and_no_addresses() {
        for (address, seen) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), seen);
        }
    }

    #[test]
    fn everybody_cannot_be_trusted() {
        let networks = ["0.0.0.0/1".parse().unwrap(), "128.0.0.0/1".parse().unwrap()];
        let error = Peers::new(&networks).unwrap_err();
        let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
        assert_eq!(paths, ["server.trusted_proxies"]);
    }
}
