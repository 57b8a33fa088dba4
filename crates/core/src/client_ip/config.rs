//! Building a [`ClientIp`], with every mistake reported.

use std::{net::IpAddr, num::NonZeroU8};

use ipnet::{IpNet, Ipv4Net};

use super::{ClientIp, ProxyHeader, Trust};
use crate::config_error::{ConfigError, Problems};

const IPV4_MAPPED_BITS: u8 = 96;

// === impl ClientIp ===

impl ClientIp {
    /// Elements of the header that are looked at, from the right; also the most hops to trust.
    pub const MAX_HOPS: u8 = 64;

    /// Believes no header: the client is the peer of the connection.
    #[must_use]
    pub const fn peer() -> Self {
        Self {
            trust: Trust::Nobody,
        }
    }

    /// Believes what proxies in these networks append to `header`.
    ///
    /// A network is written `10.0.0.0/8` or `2001:db8::/32`; a lone address is a network of one.
    /// Name every proxy on the way, the outermost included, and nobody else.
    ///
    /// # Errors
    /// An entry is neither a network nor an address, the list is empty, or together the networks
    /// hold every IPv4 or IPv6 address, which would let each client choose its own. The paths are
    /// `trusted[2]` and `trusted`.
    pub fn behind_networks<I>(header: ProxyHeader, trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut problems = Problems::new();
        let mut networks = Vec::new();
        let mut entries = 0;
        for (index, entry) in trusted.into_iter().enumerate() {
            entries += 1;
            match parse_network(entry.as_ref()) {
                Some(network) => networks.push(network),
                None => problems.push(
                    format!("trusted[{index}]"),
                    format!("is {:?}, neither a network nor an address", entry.as_ref()),
                    "write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1",
                ),
            }
        }
        if entries == 0 {
            problems.push(
                "trusted",
                "is empty, so that the header would never be read",
                "name the networks of your proxies, or use the peer address",
            );
        }
        let networks = IpNet::aggregate(&networks);
        if networks.iter().any(|network| network.prefix_len() == 0) {
            problems.push(
                "trusted",
                "holds every address, so that each client could choose its own",
                "name the networks of your proxies only, or count hops",
            );
        }
        problems.into_result(Self {
            trust: Trust::Networks(header, networks.into()),
        })
    }

    /// Believes what the last `hops` proxies appended to `header`, the peer being one of them.
    ///
    /// # Errors
    /// `hops` is 0 or more than [`MAX_HOPS`](ClientIp::MAX_HOPS). The path is `trusted_hops`.
    pub fn behind_hops(header: ProxyHeader, hops: u8) -> Result<Self, ConfigError> {
        match NonZeroU8::new(hops) {
            Some(hops) if hops.get() <= Self::MAX_HOPS => Ok(Self {
                trust: Trust::Hops(header, hops),
            }),
            _ => Err(ConfigError::new(
                "trusted_hops",
                format!("is {hops}"),
                format!("choose 1 to {}, or use the peer address", Self::MAX_HOPS),
            )),
        }
    }
}

fn parse_network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().ok()?,
    };
    Some(canonical(network.trunc()))
}

/// Addresses are compared after unmapping IPv4 from IPv6, so the networks are unmapped too.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let v4 = v6.addr().to_ipv4_mapped().and_then(|address| {
        let prefix = v6.prefix_len().checked_sub(IPV4_MAPPED_BITS)?;
        Ipv4Net::new(address, prefix).ok()
    });
    v4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(entries: &[&str]) -> Result<Vec<String>, Vec<String>> {
        match ClientIp::behind_networks(ProxyHeader::Forwarded, entries) {
            Ok(ClientIp {
                trust: Trust::Networks(_, networks),
            }) => Ok(networks.iter().map(ToString::to_string).collect()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.problems().map(|p| p.path.clone()).collect()),
        }
    }

    #[test]
    fn networks_and_lone_addresses_are_read() {
        for (entry, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ] {
            assert_eq!(networks(&[entry]), Ok(vec![expected.to_owned()]), "{entry}");
        }
    }

    #[test]
    fn every_bad_entry_is_reported_with_its_index() {
        let paths = networks(&["10.0.0.0/33", "10.0.0.0/8", "proxy.internal", ""]);
        let expected = ["trusted[0]", "trusted[2]", "trusted[3]"];
        assert_eq!(paths.unwrap_err(), expected);
    }

    #[test]
    fn trusting_nobody_or_everybody_is_a_mistake() {
        for entries in [
            &[][..],
            &["0.0.0.0/0"],
            &["::/0"],
            &["::ffff:0.0.0.0/96"],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &["10.0.0.0/8", "::/1", "8000::/1"],
        ] {
            assert_eq!(networks(entries).unwrap_err(), ["trusted"], "{entries:?}");
        }
    }

    #[test]
    fn hops_are_between_one_and_the_limit() {
        for hops in [1, 2, ClientIp::MAX_HOPS] {
            assert!(ClientIp::behind_hops(ProxyHeader::XForwardedFor, hops).is_ok());
        }
        for hops in [0, ClientIp::MAX_HOPS + 1, u8::MAX] {
            let error = ClientIp::behind_hops(ProxyHeader::XForwardedFor, hops).unwrap_err();
            assert_eq!(error.problems().next().unwrap().path, "trusted_hops");
        }
    }
}
