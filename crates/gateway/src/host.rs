//! Which host a request is for.

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Request, Uri, Version};

use crate::config::HostPattern;
use crate::refused::Refused;

/// The host that a request names: once, as host and port (RFC 9112 section 3.2).
///
/// | | answer |
/// |---|---|
/// | one `Host` | that |
/// | none, but `:authority` of HTTP/2, or a target that is an http URL | the authority |
/// | both, the same but for case | that |
/// | both, and not the same (RFC 9113 section 8.3.1) | refused; HTTP/1.1 would let the target win, and an upstream might not |
/// | none, with HTTP/1.0 | no host |
/// | none with HTTP/1.1, several, a user name, a path, anything but a name or an address | refused |
///
/// What stands there goes upstream in `Forwarded`, so a quote or a list in it would be a lie of ours.
pub(crate) fn named<B>(request: &Request<B>) -> Result<Option<HeaderValue>, Refused> {
    target(request.uri())?;
    let authority = request.uri().authority();
    let Some(host) = one(request.headers())? else {
        return match authority {
            Some(authority) if plain(authority.as_str()) => {
                HeaderValue::from_str(authority.as_str())
                    .map(Some)
                    .map_err(|_| Refused::BadHost)
            }
            // Only HTTP/1.0 may leave it out.
            None if request.version() < Version::HTTP_11 => Ok(None),
            _ => Err(Refused::BadHost),
        };
    };
    let same = |authority: &Authority| {
        host.as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
    };
    let right = host.to_str().is_ok_and(plain) && authority.is_none_or(same);
    right.then(|| Some(host.clone())).ok_or(Refused::BadHost)
}

/// The host of a request that was found to name one rightly.
pub(crate) fn of<B>(request: &Request<B>) -> Option<&str> {
    match request.headers().get(HOST) {
        Some(host) => host.to_str().ok(),
        None => request.uri().authority().map(Authority::as_str),
    }
}

/// Whether a host, with or without port, is served. The port is not compared: which one clients use is a
/// matter of what stands before the gateway.
pub(crate) fn is_served(hosts: Option<&[HostPattern]>, host: Option<&str>) -> bool {
    let Some(hosts) = hosts else { return true };
    host.map(without_port)
        .is_some_and(|host| hosts.iter().any(|pattern| pattern.has(host)))
}

/// A target that is a URL must be of HTTP (RFC 9110 section 4.2).
fn target(uri: &Uri) -> Result<(), Refused> {
    match uri.scheme() {
        Some(scheme) if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS => {
            Err(Refused::BadTarget)
        }
        _ => Ok(()),
    }
}

fn one(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Refused> {
    let mut lines = headers.get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(Refused::BadHost),
        (host, None) => Ok(host),
    }
}

/// Whether it is a name or an address, and maybe a port: of what RFC 3986 allows, what hosts consist of.
pub(crate) fn plain(text: &str) -> bool {
    let host = without_port(text);
    let port = &text[host.len()..];
    let digits = port.strip_prefix(':').unwrap_or_default();
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let named = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    // `u16` would read a plus sign.
    let numbered = digits.is_empty()
        || (digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok());
    named && numbered
}

pub(crate) fn without_port(text: &str) -> &str {
    // Colons in brackets are of an address.
    let after = text.rfind(']').map_or(0, |end| end + 1);
    match text[after..].find(':') {
        Some(colon) => &text[..after + colon],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(target: &str, hosts: &[&str]) -> Result<Option<String>, Refused> {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let host = named(&request.body(()).unwrap())?;
        Ok(host.map(|host| host.to_str().unwrap().to_owned()))
    }

    #[test]
    fn one_plain_host_is_right() {
        for host in [
            "api.example.com",
            "API.example.com.",
            "api.example.com:8080",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "my_service",
            "api:",
        ] {
            assert_eq!(name("/", &[host]), Ok(Some(host.to_owned())), "{host}");
        }
    }

    #[test]
    fn anything_else_is_wrong() {
        for host in [
            "",
            ":80",
            "a b",
            "a,b",
            "me@host",
            "host:port",
            "host:99999",
            "host:+80",
            "host:80:80",
            "host\";for=1.2.3.4",
            "host/path",
            "host?query",
            "host;x",
            "a%2eb",
            "[::1",
            "::1",
            "[::1]x",
            "[name]",
            "[]",
            "*",
        ] {
            assert_eq!(name("/", &[host]), Err(Refused::BadHost), "{host}");
        }
        let wrong = Err(Refused::BadHost);
        assert_eq!(name("/", &[]), wrong, "HTTP/1.1 needs one");
        assert_eq!(name("/", &["a", "a"]), wrong, "and no two");
    }

    #[test]
    fn a_target_with_a_host_must_not_contradict() {
        for (target, hosts, right) in [
            ("http://a/", &["a"][..], true),
            ("http://A:80/", &["a:80"], true),
            ("https://a/", &["a"], true),
            ("http://a/", &[], true),
            ("http://a/", &["b"], false),
            ("http://a:80/", &["a"], false),
            ("http://me@a/", &[], false),
        ] {
            assert_eq!(name(target, hosts).is_ok(), right, "{target} {hosts:?}");
        }
        assert_eq!(name("ftp://a/", &["a"]), Err(Refused::BadTarget));
    }

    #[test]
    fn http_1_0_may_name_none() {
        let mut request = Request::get("/").body(()).unwrap();
        *request.version_mut() = Version::HTTP_10;
        assert_eq!(named(&request), Ok(None));
        *request.version_mut() = Version::HTTP_2;
        assert_eq!(named(&request), Err(Refused::BadHost));
    }

    #[test]
    fn hosts_are_served_whatever_their_port() {
        let hosts: Vec<_> = ["api.example.com", "*.example.org", "[::1]"]
            .iter()
            .map(|text| HostPattern::parse(text).unwrap())
            .collect();
        let served = |host: &str| is_served(Some(&hosts), Some(host));
        for host in [
            "api.example.com",
            "API.Example.Com:8443",
            "a.example.org:80",
            "[::1]:80",
        ] {
            assert!(served(host), "{host}");
        }
        for host in [
            "example.com",
            "example.org",
            "api.example.com.evil.net",
            "[::2]",
        ] {
            assert!(!served(host), "{host}");
        }
        assert!(!is_served(Some(&hosts), None));
        assert!(is_served(None, None));
    }

    proptest! {
        #[test]
        fn what_is_right_can_stand_in_quotes(host in "\\PC{0,20}") {
            if plain(&host) {
                prop_assert!(host.parse::<Authority>().is_ok(), "{host}");
                prop_assert!(!host.contains(['"', '\\', ',', ';', '@', ' ']));
            }
        }
    }
}
