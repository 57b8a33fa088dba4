//! Where a request comes from, as upstreams are told.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::host;
use crate::peers::Way;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the client asked for: scheme and host, as the gateway saw them, or as a trusted proxy says that
/// it saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) proto: &'static str,
    pub(crate) host: Option<HeaderValue>,
}

// === impl Asked ===

impl Asked {
    /// Takes the word of a trusted proxy, as far as it is one word and can be right.
    pub(crate) fn told_by(self, headers: &HeaderMap) -> Self {
        let proto = match only(headers, &PROTO).map(HeaderValue::as_bytes) {
            Some(word) if word.eq_ignore_ascii_case(b"https") => "https",
            Some(word) if word.eq_ignore_ascii_case(b"http") => "http",
            _ => self.proto,
        };
        let host = only(headers, &HOST).filter(|told| told.to_str().is_ok_and(host::plain));
        Self {
            proto,
            host: host.cloned().or(self.host),
        }
    }
}

/// Says where a request comes from; what the client said of it must be gone.
///
/// | header | value |
/// |---|---|
/// | `x-forwarded-for` | the client, then each trusted proxy, the one that called the gateway last |
/// | `x-forwarded-host` | the host that the client asked for |
/// | `x-forwarded-proto` | `http` or `https`: what the client speaks |
/// | `forwarded` | the same by RFC 7239; host and proto with the first element |
pub(crate) fn tell(headers: &mut HeaderMap, way: &Way, asked: &Asked) {
    // For these, and for those about the caller: growing once is cheaper than twice.
    let _ = headers.try_reserve(12);
    headers.insert(PROTO, HeaderValue::from_static(asked.proto));
    if let Some(host) = &asked.host {
        headers.insert(HOST, host.clone());
    }
    let Some(client) = way.client else { return };
    let mut list = client.ip().to_string();
    let mut forwarded = String::with_capacity(64);
    node(&mut forwarded, client.ip());
    if let Some(host) = asked.host.as_ref().and_then(|host| host.to_str().ok()) {
        // A plain host: nothing in it ends the quotes.
        let _ = write!(forwarded, ";host=\"{host}\"");
    }
    let _ = write!(forwarded, ";proto={}", asked.proto);
    for proxy in way.proxies.iter().rev() {
        let _ = write!(list, ", {proxy}");
        forwarded.push_str(", ");
        node(&mut forwarded, *proxy);
    }
    for (name, text) in [(FOR, list), (FORWARDED, forwarded)] {
        // Addresses, a plain host and our own words: always a value.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}

/// `for` with a node (RFC 7239 section 6). Writing to a string does not fail.
fn node(text: &mut String, ip: IpAddr) {
    let _ = match ip {
        IpAddr::V4(ip) => write!(text, "for={ip}"),
        IpAddr::V6(ip) => write!(text, "for=\"[{ip}]\""),
    };
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::Peers;

    fn asked(host: &str) -> Asked {
        Asked {
            proto: "http",
            host: Some(host.parse().unwrap()),
        }
    }

    fn told(peer: &str, lines: &[(&'static str, &str)]) -> HeaderMap {
        let peers = Peers::new(&["10.0.0.0/8".parse().unwrap()]).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let way = peers.client(peer.parse().unwrap(), &headers);
        let mut out = HeaderMap::new();
        tell(&mut out, &way, &asked("api.example.com:8080"));
        out
    }

    #[test]
    fn a_client_is_told_of_with_host_and_scheme() {
        let headers = told("192.0.2.1", &[("x-forwarded-for", "6.6.6.6")]);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-host"], "api.example.com:8080");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(
            headers["forwarded"],
            "for=192.0.2.1;host=\"api.example.com:8080\";proto=http"
        );
    }

    #[test]
    fn the_chain_holds_what_is_believed_and_nothing_left_of_it() {
        let headers = told(
            "10.0.0.1",
            &[
                ("x-forwarded-for", "6.6.6.6, 2001:db8::7"),
                ("x-forwarded-for", "10.0.0.9"),
            ],
        );
        assert_eq!(
            headers["x-forwarded-for"],
            "2001:db8::7, 10.0.0.9, 10.0.0.1"
        );
        assert_eq!(
            headers["forwarded"],
            "for=\"[2001:db8::7]\";host=\"api.example.com:8080\";proto=http, for=10.0.0.9, for=10.0.0.1"
        );
    }

    #[test]
    fn a_trusted_proxy_is_believed_one_good_word() {
        for (name, line, proto, host) in [
            ("x-forwarded-proto", "https", "https", "seen"),
            ("x-forwarded-proto", "HTTPS", "https", "seen"),
            ("x-forwarded-proto", "https, http", "http", "seen"),
            ("x-forwarded-proto", "gopher", "http", "seen"),
            (
                "x-forwarded-host",
                "app.example.com",
                "http",
                "app.example.com",
            ),
            ("x-forwarded-host", "a\";for=1.2.3.4", "http", "seen"),
            ("x-forwarded-host", "a, b", "http", "seen"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, line.parse().unwrap());
            let told = asked("seen").told_by(&headers);
            assert_eq!(
                (told.proto, told.host),
                (proto, Some(host.parse().unwrap())),
                "{line}"
            );
            headers.append(name, line.parse().unwrap());
            assert_eq!(asked("seen").told_by(&headers), asked("seen"), "twice");
        }
    }
}
