//! Where requests go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use http::uri::Scheme;
use portcullis_core::ConfigError;

/// A server that requests go to: `http://host:port` or `https://host:port`, and nothing behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream(String);

// === impl Upstream ===

impl Upstream {
    /// Reads `http://host` or `http://host:port`, or the same with `https`.
    ///
    /// # Errors
    /// What is wrong with it; the text is never quoted, for it could hold a password.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |message: &str, remedy: &str| Err(ConfigError::new("", message, remedy));
        let whole = "write it in full: \"http://127.0.0.1:3000\"";
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong("is not a URL", whole);
        };
        let Some(authority) = uri.authority() else {
            return wrong("has no host", whole);
        };
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => "http",
            Some(scheme) if *scheme == Scheme::HTTPS => "https",
            _ => return wrong("is neither http nor https", whole),
        };
        if authority.as_str().contains('@') {
            return wrong("has user information", "leave it out: it is never sent");
        }
        if authority.host().is_empty() {
            return wrong("has no host", whole);
        }
        let port = authority
            .as_str()
            .strip_prefix(authority.host())
            .unwrap_or_default();
        if !port.is_empty() && !matches!(authority.port_u16(), Some(1..)) {
            return wrong("has no valid port", "choose one from 1 to 65535");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return wrong(
                "has a path",
                "leave it out: the path of the request is forwarded unchanged",
            );
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }

    /// Whether it is spoken to by TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether a connection to it arrives at `listen`, as far as that can be told without asking anybody: by
    /// the address itself, or on this machine by another name for it. A port of zero is a free one, which no
    /// upstream can name.
    pub(super) fn leads_to(&self, listen: SocketAddr) -> bool {
        let (Ok(uri), listens) = (self.0.parse::<Uri>(), listen.ip().to_canonical()) else {
            return false;
        };
        let port = uri
            .port_u16()
            .unwrap_or(if self.is_https() { 443 } else { 80 });
        if port != listen.port() {
            return false;
        }
        let host = uri.host().unwrap_or_default();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() else {
            // Whatever else a name stands for, this one is the machine itself (RFC 6761 section 6.3).
            let name = host.strip_suffix('.').unwrap_or(host);
            return name.eq_ignore_ascii_case("localhost") && is_here(listens);
        };
        let address = address.to_canonical();
        address == listens
            || (listens.is_unspecified() && address.is_loopback())
            // Whoever connects to all addresses comes to his own machine.
            || (address.is_unspecified() && is_here(listens))
    }

    /// The origin, no slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether what listens there can be reached as `localhost`.
fn is_here(listens: IpAddr) -> bool {
    listens.is_unspecified() || listens == Ipv4Addr::LOCALHOST || listens == Ipv6Addr::LOCALHOST
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_may_not_be_the_gateway_by_any_name() {
        for (upstream, listen, leads) in [
            ("http://192.0.2.1:8080", "192.0.2.1:8080", true),
            ("https://192.0.2.1", "192.0.2.1:443", true),
            ("http://192.0.2.1", "192.0.2.1:80", true),
            ("http://127.0.0.1:8080", "0.0.0.0:8080", true),
            ("http://127.0.0.9:8080", "0.0.0.0:8080", true),
            ("http://[::1]:8080", "[::]:8080", true),
            ("http://127.0.0.1:8080", "[::]:8080", true),
            ("http://0.0.0.0:8080", "127.0.0.1:8080", true),
            ("http://[::]:8080", "[::]:8080", true),
            ("http://[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", true),
            ("http://localhost:8080", "127.0.0.1:8080", true),
            ("http://LOCALHOST.:8080", "[::1]:8080", true),
            ("http://localhost:8080", "0.0.0.0:8080", true),
            ("http://localhost:8081", "0.0.0.0:8080", false),
            ("http://localhost:8080", "192.0.2.1:8080", false),
            ("http://localhost:8080", "127.0.0.2:8080", false),
            ("http://127.0.0.1:8080", "127.0.0.2:8080", false),
            ("http://127.0.0.1:8080", "192.0.2.1:8080", false),
            ("http://192.0.2.9:8080", "0.0.0.0:8080", false),
            ("http://app:8080", "0.0.0.0:8080", false),
            ("http://127.0.0.1:80", "127.0.0.1:0", false),
        ] {
            let parsed = Upstream::parse(upstream).unwrap();
            let listen = listen.parse().unwrap();
            assert_eq!(parsed.leads_to(listen), leads, "{upstream} {listen}");
        }
    }

    #[test]
    fn an_upstream_is_an_origin() {
        for (text, origin) in [
            ("http://127.0.0.1:3000", Some("http://127.0.0.1:3000")),
            ("http://127.0.0.1:3000/", Some("http://127.0.0.1:3000")),
            ("http://app.internal", Some("http://app.internal")),
            ("http://[::1]:80", Some("http://[::1]:80")),
            ("https://app.internal", Some("https://app.internal")),
            (
                "HTTPS://app.internal:8443",
                Some("https://app.internal:8443"),
            ),
            ("ftp://app.internal", None),
            ("app.internal:80", None),
            ("/api", None),
            ("", None),
            ("http://", None),
            ("http://:80", None),
            ("http://app:", None),
            ("http://app:0", None),
            ("http://app:99999", None),
            ("http://app:80/base", None),
            ("http://app/?x", None),
            ("http://me:hunter2@app", None),
        ] {
            let read = Upstream::parse(text);
            assert_eq!(read.as_ref().ok().map(Upstream::as_str), origin, "{text}");
            if let Err(error) = read {
                assert!(!error.to_string().contains("hunter2"));
            }
        }
    }
}
