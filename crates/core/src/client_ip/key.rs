//! Addresses as keys of limits and counters.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// The network that counts as one client.
///
/// Whoever has one IPv6 address has 2⁶⁴ of them: counted singly, no limit would ever be reached,
/// and every address would take memory. IPv4 addresses count singly.
///
/// | address | prefix | key |
/// |---|---|---|
/// | 203.0.113.7 | any | 203.0.113.7/32 |
/// | ::ffff:203.0.113.7 | any | 203.0.113.7/32 |
/// | 2001:db8:1:2:3:4:5:6 | 64 | 2001:db8:1:2::/64 |
/// | 2001:db8:1:2:3:4:5:6 | 48 | 2001:db8:1::/48 |
/// | 2001:db8:1:2:3:4:5:6 | 128 or more | 2001:db8:1:2:3:4:5:6/128 |
///
/// # Examples
/// ```
/// use portcullis_core::ClientKey;
///
/// let key = |ip: &str| ip.parse().map(|ip| ClientKey::new(ip, ClientKey::DEFAULT_IPV6_PREFIX));
/// assert_eq!(key("2001:db8::1"), key("2001:db8::2"));
/// assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey {
    network: IpAddr,
    prefix: u8,
}

// === impl ClientKey ===

impl ClientKey {
    /// The bits of an IPv6 address that stand for one customer: a /64 is the least anybody gets.
    pub const DEFAULT_IPV6_PREFIX: u8 = 64;

    /// The network of `ip`: the address itself for IPv4, its first `ipv6_prefix` bits for IPv6.
    #[must_use]
    pub fn new(ip: IpAddr, ipv6_prefix: u8) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self {
                network: v4.into(),
                prefix: 32,
            },
            IpAddr::V6(v6) => {
                let prefix = ipv6_prefix.min(128);
                let host_bits = 128 - u32::from(prefix);
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                Self {
                    network: Ipv6Addr::from_bits(v6.to_bits() & mask).into(),
                    prefix,
                }
            }
        }
    }

    /// The first address of the network.
    #[must_use]
    pub const fn network(&self) -> IpAddr {
        self.network
    }

    /// The number of bits that count.
    #[must_use]
    pub const fn prefix_len(&self) -> u8 {
        self.prefix
    }

    /// The network as bytes for a hash: different for different keys of the same IPv6 prefix.
    ///
    /// IPv4 is mapped into IPv6, where no IPv6 client can be: such addresses were unmapped.
    #[must_use]
    pub const fn octets(&self) -> [u8; 16] {
        match self.network {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use ipnet::Ipv6Net;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_those_of_the_table() {
        for (ip, prefix, expected) in [
            ("203.0.113.7", 64, "203.0.113.7/32"),
            ("203.0.113.7", 0, "203.0.113.7/32"),
            ("::ffff:203.0.113.7", 64, "203.0.113.7/32"),
            ("2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::/64"),
            ("2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::/48"),
            ("2001:db8:1:2:3:4:5:6", 56, "2001:db8:1::/56"),
            ("2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6/128"),
            ("2001:db8:1:2:3:4:5:6", 255, "2001:db8:1:2:3:4:5:6/128"),
            ("2001:db8:1:2:3:4:5:6", 0, "::/0"),
        ] {
            let key = ClientKey::new(ip.parse().unwrap(), prefix);
            assert_eq!(key.to_string(), expected);
        }
    }

    #[test]
    fn octets_tell_the_families_apart() {
        let v4 = ClientKey::new("1.2.3.4".parse().unwrap(), 64);
        let mapped = ClientKey::new("::ffff:1.2.3.4".parse().unwrap(), 64);
        let compatible = ClientKey::new("::1.2.3.4".parse().unwrap(), 128);
        assert_eq!(v4.octets(), mapped.octets());
        assert_ne!(v4.octets(), compatible.octets());
    }

    proptest! {
        #[test]
        fn grouping_agrees_with_ipnet(bits: u128, prefix in 0_u8..=128) {
            let v6 = Ipv6Addr::from_bits(bits);
            prop_assume!(v6.to_ipv4_mapped().is_none());
            let key = ClientKey::new(v6.into(), prefix);
            let expected = Ipv6Net::new(v6, prefix).unwrap().trunc();
            prop_assert_eq!(key.to_string(), expected.to_string());
        }
    }
}
