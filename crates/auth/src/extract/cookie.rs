//! A token in a cookie.

use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Uri};
use portcullis_core::Head;

use super::{Extracted, TokenExtractor};
use crate::{Presented, Reason};

/// Reads the token from a cookie, guarded against cross-site request forgery.
///
/// A browser sends cookies by itself, also with a request that another site caused. For a method that
/// is not safe, and for a WebSocket, the request must therefore show that it comes from the same origin: by
/// `Sec-Fetch-Site: same-origin` (or `none`, typed by the user), or, from browsers that do not send it,
/// by an `Origin` whose host is that of the request. Neither is refused with `cross_site`.
#[derive(Clone, Debug)]
pub struct CookieToken {
    name: Box<str>,
}

// === impl CookieToken ===

impl CookieToken {
    /// The cookie of this name. Prefer a name that begins with `__Host-`.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into() }
    }
}

impl TokenExtractor for CookieToken {
    fn extract<'r>(&self, head: Head<'r>) -> Extracted<'r> {
        let mut found = None;
        for line in head.headers.get_all(COOKIE) {
            for pair in line.as_bytes().split(|byte| *byte == b';') {
                let Some(value) = value_of(pair, self.name.as_bytes()) else {
                    continue;
                };
                if found.replace(value).is_some() {
                    return Extracted::Refused(Reason::ManyCredentials);
                }
            }
        }
        let Some(value) = found else {
            return Extracted::Nothing;
        };
        if !head.is_safe() && !same_origin(head) {
            return Extracted::Refused(Reason::CrossSite);
        }
        Extracted::Token(Presented::new(value))
    }

    fn hide(&self, headers: &mut HeaderMap) {
        for (name, value) in headers.iter_mut() {
            if name == COOKIE {
                value.set_sensitive(true);
            }
        }
    }

    fn remove(&self, headers: &mut HeaderMap) {
        let lines: Vec<HeaderValue> = headers.get_all(COOKIE).iter().cloned().collect();
        headers.remove(COOKIE);
        for line in lines {
            let kept: Vec<&[u8]> = line
                .as_bytes()
                .split(|byte| *byte == b';')
                .map(<[u8]>::trim_ascii)
                .filter(|pair| value_of(pair, self.name.as_bytes()).is_none() && !pair.is_empty())
                .collect();
            // Parts of a legal value, joined by legal bytes, are legal.
            if let (false, Ok(mut value)) = (
                kept.is_empty(),
                HeaderValue::from_bytes(&kept.join(&b"; "[..])),
            ) {
                value.set_sensitive(true);
                headers.append(COOKIE, value);
            }
        }
    }
}

fn value_of<'v>(pair: &'v [u8], name: &[u8]) -> Option<&'v [u8]> {
    let pair = pair.trim_ascii();
    let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
    // RFC 6265 section 4.1.1 allows quotes round the value.
    Some(
        value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""))
            .unwrap_or(value),
    )
}

fn same_origin(head: Head<'_>) -> bool {
    let mut sites = head.headers.get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => return matches!(site.as_bytes(), b"same-origin" | b"none"),
        (Some(_), Some(_)) => return false,
        (None, _) => {}
    }
    let mut origins = head.headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return false;
    };
    let Ok(origin) = Uri::try_from(origin.as_bytes()) else {
        return false;
    };
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 carries the authority in the target.
    let host = head
        .uri
        .authority()
        .map(|authority| authority.as_str())
        .or(host);
    match (origin.authority(), host) {
        (Some(authority), Some(host)) => {
            let port = match origin.scheme_str() {
                Some("https") => ":443",
                Some("http") => ":80",
                _ => return false,
            };
            let plain =
                |text: &'_ str| text.strip_suffix(port).unwrap_or(text).to_ascii_lowercase();
            plain(authority.as_str()) == plain(host)
        }
        _ => false,
    }
}
