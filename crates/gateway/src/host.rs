//! Which host a request is for.

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};

/// Whether a request names its host as it must: once, as host and port (RFC 9112 section 3.2).
///
/// What stands there goes upstream in `Forwarded`, so a quote or a list in it would be a lie of ours.
pub(crate) fn is_right<B>(request: &Request<B>) -> bool {
    let mut lines = request.headers().get_all(HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        return false;
    }
    match (first, request.uri().authority()) {
        (Some(host), _) => Authority::try_from(host.as_bytes()).is_ok_and(|host| plain(&host)),
        (None, Some(authority)) => plain(authority),
        // Only HTTP/1.0 may leave it out.
        (None, None) => request.version() < Version::HTTP_11,
    }
}

fn plain(authority: &Authority) -> bool {
    let text = authority.as_str();
    let port = text.strip_prefix(authority.host()).unwrap_or_default();
    !authority.host().is_empty()
        && !text.contains(['@', ',', '"', '\\', ';'])
        && (matches!(port, "" | ":") || authority.port_u16().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(hosts: &[&str]) -> bool {
        let mut request = Request::get("/");
        for host in hosts {
            request = request.header(HOST, *host);
        }
        is_right(&request.body(()).unwrap())
    }

    #[test]
    fn one_plain_host_is_right() {
        for host in [
            "api.example.com",
            "api.example.com:8080",
            "127.0.0.1:80",
            "[::1]:80",
            "api:",
        ] {
            assert!(right(&[host]), "{host}");
        }
    }

    #[test]
    fn anything_else_is_wrong() {
        for host in [
            "",
            "a b",
            "a,b",
            "me@host",
            "host:port",
            "host:99999",
            "host\";for=1.2.3.4",
            "host/path",
            "host;x",
        ] {
            assert!(!right(&[host]), "{host}");
        }
        assert!(!right(&[]), "HTTP/1.1 needs one");
        assert!(!right(&["a", "a"]), "and no two");
    }

    #[test]
    fn http_2_and_1_0_have_their_own_ways() {
        let mut request = Request::get("http://api.example.com/").body(()).unwrap();
        *request.version_mut() = Version::HTTP_2;
        assert!(is_right(&request));
        let mut request = Request::get("/").body(()).unwrap();
        *request.version_mut() = Version::HTTP_10;
        assert!(is_right(&request));
    }
}
