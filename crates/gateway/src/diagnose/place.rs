//! Where a URL leads, and what of it may be shown.

use std::net::IpAddr;

use http::Uri;

/// Host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// The longest text of somebody else that is shown.
const MOST_CHARS: usize = 200;

// === impl Place ===

impl Place {
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        })
    }

    /// The address, if the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// A URL without what could be a secret: user information, query, fragment.
pub(crate) fn shown(url: &str) -> String {
    let (plain, secret) = match url.find(['?', '#']) {
        Some(end) => (&url[..end], true),
        None => (url, false),
    };
    let plain = match plain.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        // Not in the form of a URL: nothing tells where a password could stand.
        None => plain
            .rsplit_once('@')
            .map_or(plain, |(_, host)| host)
            .to_owned(),
    };
    let tail = if secret { "?…" } else { "" };
    format!("{}{tail}", printable(&plain))
}

/// Text of somebody else, safe for a terminal and not too long.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == MOST_CHARS {
            safe.push('…');
            break;
        }
        // Marks that turn the direction of what follows are no control characters.
        if character.is_ascii_graphic() || character == ' ' {
            safe.push(character);
        } else {
            safe.extend(character.escape_default());
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_host_and_port() {
        for (url, place) in [
            ("http://a.example", Some(("a.example", 80, false))),
            ("https://a.example/x", Some(("a.example", 443, true))),
            ("https://[::1]:8443/", Some(("::1", 8443, true))),
            ("http://127.0.0.1:3000", Some(("127.0.0.1", 3000, false))),
            ("ftp://a.example", None),
            ("/a", None),
        ] {
            let place = place.map(|(host, port, tls)| Place {
                host: host.to_owned(),
                port,
                tls,
            });
            assert_eq!(Place::of(&url.parse().unwrap()), place, "{url}");
        }
    }

    #[test]
    fn nothing_that_could_be_a_secret_is_shown() {
        for (url, safe) in [
            ("https://a.example/keys", "https://a.example/keys"),
            (
                "https://a.example/keys?sig=hunter2",
                "https://a.example/keys?…",
            ),
            ("https://a.example?sig=hunter2", "https://a.example?…"),
            ("https://me:hunter2@a.example:1/x", "https://a.example:1/x"),
            ("https://hunter2@hunter2@a/x@y", "https://a/x@y"),
            ("https://a/#hunter2", "https://a/?…"),
            ("me:hunter2@a.example", "a.example"),
            ("x\u{1b}[2J\u{202e}", "x\\u{1b}[2J\\u{202e}"),
        ] {
            assert_eq!(shown(url), safe);
        }
        assert_eq!(printable(&"a".repeat(1000)).chars().count(), MOST_CHARS + 1);
    }
}
