//! Where requests go.

use std::fmt;

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

    /// The origin, no slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
