//! Host and port of a URL.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A host, and a port where it is not the one of the scheme.
pub(super) struct Authority {
    host: Host,
    port: Option<u16>,
}

enum Host {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Name(String),
}

// === impl Authority ===

impl Authority {
    /// Reads `host`, `host:` or `host:port`.
    pub(super) fn read(text: &str, default_port: u16) -> Option<Self> {
        // Colons stand inside the brackets of an address too.
        let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match text[end..].split_once(':') {
            Some((rest, port)) => (&text[..end + rest.len()], port),
            None => (text, ""),
        };
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        Some(Self {
            host: Host::read(host)?,
            port: port.filter(|port| *port != default_port),
        })
    }

    pub(super) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::V4(address) => address.is_loopback(),
            Host::V6(address) => address.is_loopback(),
            // RFC 6761 section 6.3.
            Host::Name(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::V4(address) => write!(f, "{address}")?,
            Host::V6(address) => write!(f, "[{address}]")?,
            Host::Name(name) => f.write_str(name)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

// === impl Host ===

impl Host {
    fn read(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            return address.strip_suffix(']')?.parse().ok().map(Self::V6);
        }
        if let Ok(address) = text.parse() {
            return Some(Self::V4(address));
        }
        let mut labels = text.strip_suffix('.').unwrap_or(text).split('.');
        let is_name = labels.clone().all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
        // Resolvers take `127.1` and `0x7f.0x1` for addresses, in notations that RFC 3986 does not have.
        let is_number = labels.next_back().is_some_and(|label| {
            let digits = label.strip_prefix("0x").or(label.strip_prefix("0X"));
            match digits {
                Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
                None => label.bytes().all(|digit| digit.is_ascii_digit()),
            }
        });
        (is_name && !is_number).then(|| Self::Name(text.to_ascii_lowercase()))
    }
}
