//! URLs of the web, in the ASCII form that goes on the wire.

mod authority;

use std::fmt;

use http::Uri;

use authority::Authority;

/// An absolute `http` or `https` URL without user information and fragment, in its normal form.
///
/// RFC 3986 and nothing beyond it: a name outside of ASCII is written in its `xn--` form, other characters
/// as `%` escapes. Browsers repair what people type; whom we ask for keys is not to be guessed.
///
/// | what is equal (RFC 3986 section 6.2) | normal form |
/// |---|---|
/// | letters of the scheme and the host in either case | small |
/// | no port, an empty one, the one of the scheme | none |
/// | no path, `/` | `/` |
/// | `/a/./b`, `/a/c/../b` | `/a/b` |
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    uri: Uri,
    loopback: bool,
}

/// Why a text is not such a URL. Never quotes it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UrlFault {
    Form,
    Scheme,
    UserInfo,
    Fragment,
}

// === impl HttpUrl ===

impl HttpUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlFault> {
        if !is_uri_text(text) {
            return Err(UrlFault::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlFault::Form)?;
        let (scheme, port) = match scheme {
            https if https.eq_ignore_ascii_case("https") => ("https", 443),
            http if http.eq_ignore_ascii_case("http") => ("http", 80),
            other if is_scheme(other) => return Err(UrlFault::Scheme),
            _ => return Err(UrlFault::Form),
        };
        if rest.contains('#') {
            return Err(UrlFault::Fragment);
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlFault::UserInfo);
        }
        let authority = Authority::read(authority, port).ok_or(UrlFault::Form)?;
        let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let path = without_dot_segments(path);
        Ok(Self {
            // Fails for what is too long for a request; anything else was seen to above.
            uri: Uri::try_from(format!("{scheme}://{authority}{path}{query}"))
                .map_err(|_| UrlFault::Form)?,
            loopback: authority.is_loopback(),
        })
    }

    /// Where a reference leads that was found at this URL (RFC 3986 section 5.2).
    pub(crate) fn join(&self, reference: &str) -> Result<Self, UrlFault> {
        let end = reference.find(['/', '?', '#']).unwrap_or(reference.len());
        if reference[..end].contains(':') {
            return Self::parse(reference);
        }
        let scheme = self.scheme();
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let path = self.path();
        let before = match reference.as_bytes().first() {
            Some(b'/') => "",
            Some(b'?') => path,
            None | Some(b'#') => self.uri.path_and_query().map_or(path, |it| it.as_str()),
            // Beside the last segment of the path.
            Some(_) => path.rfind('/').map_or("/", |slash| &path[..=slash]),
        };
        Self::parse(&format!(
            "{scheme}://{}{before}{reference}",
            self.authority()
        ))
    }

    /// The same place with another path, and no query.
    pub(crate) fn with_path(&self, path: &str) -> Result<Self, UrlFault> {
        // Anything else would lengthen the host.
        if !path.starts_with('/') {
            return Err(UrlFault::Form);
        }
        Self::parse(&format!("{}://{}{path}", self.scheme(), self.authority()))
    }

    /// Whether both have the same scheme, host and port.
    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.authority() == other.authority()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// Whether the host is this machine, whatever the resolver says.
    pub(crate) const fn is_loopback(&self) -> bool {
        self.loopback
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    fn authority(&self) -> &str {
        self.uri.authority().map_or("", |it| it.as_str())
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

// === impl UrlFault ===

impl UrlFault {
    /// What is wrong, and what to do about it.
    pub(crate) const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Form => (
                "is not a URL",
                "write it in full and in ASCII, such as https://id.example.com/path",
            ),
            Self::Scheme => ("is neither https nor http", "use https"),
            Self::UserInfo => (
                "has user information",
                "leave it out: URLs are shown and logged",
            ),
            Self::Fragment => ("has a fragment", "leave it out"),
        }
    }
}

/// Whether a text has only characters of a URI, and each `%` begins an escape (RFC 3986 section 2).
pub(crate) fn is_uri_text(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            other => other.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&other),
        };
        if !good {
            return false;
        }
    }
    true
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986 section 5.2.4, for a path that is absolute or empty.
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            other => {
                kept.push(other);
                continue;
            }
        }
        // What ends in dots is a folder.
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests;
