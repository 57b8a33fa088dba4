//! Which hosts are served.

use std::fmt;

use portcullis_core::ConfigError;

/// A host that is served: a name, an address, or all names under a domain.
///
/// | pattern | has | has not |
/// |---|---|---|
/// | `api.example.com` | `api.example.com`, `API.example.com.` | `x.api.example.com` |
/// | `*.example.com` | `api.example.com`, `a.b.example.com` | `example.com` |
/// | `[::1]` | `[::1]` | |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// Lower case; with a dot in front where names under it are meant.
    text: Box<str>,
    under: bool,
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |message: &str| {
            let remedy = "write a host without port, \"api.example.com\" or \"*.example.com\"";
            ConfigError::new("", message, remedy)
        };
        let under = text.starts_with("*.");
        let name = text.strip_prefix("*.").unwrap_or(text);
        if name.starts_with('[') {
            let address = name
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let valid = address.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
            if under || !valid {
                return Err(wrong("is not a host"));
            }
        } else if name.contains(':') {
            return Err(wrong("has a port"));
        } else if !name.split('.').all(label) || name.len() > 253 {
            return Err(wrong("is not a host"));
        }
        let dot = if under { "." } else { "" };
        Ok(Self {
            text: format!("{dot}{}", name.to_ascii_lowercase()).into(),
            under,
        })
    }

    /// Whether a host, without its port, is one of those that are meant.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        // A name and its absolute form are the same (RFC 3986 section 3.2.2).
        let host = host.strip_suffix('.').unwrap_or(host);
        if !self.under {
            return host.eq_ignore_ascii_case(&self.text);
        }
        host.len()
            .checked_sub(self.text.len())
            .filter(|start| *start > 0)
            .and_then(|start| host.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(&self.text))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.under { "*" } else { "" };
        write!(f, "{star}{}", self.text)
    }
}

fn label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_itself_and_a_domain_has_what_is_under_it() {
        for (pattern, host, has) in [
            ("api.example.com", "api.example.com", true),
            ("API.example.com", "api.EXAMPLE.com.", true),
            ("api.example.com", "x.api.example.com", false),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", "ä.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
        ] {
            let read = HostPattern::parse(pattern).unwrap();
            assert_eq!(read.has(host), has, "{pattern} {host}");
            assert_eq!(read.to_string(), pattern.to_ascii_lowercase());
        }
    }

    #[test]
    fn what_no_host_can_be_is_refused() {
        for text in [
            "", "*", "*.", "a..b", "a b", "api:80", "[::1]:80", "*.[::1]", "[::x]", "a.*.b",
            "ä.de", "http://a", "a.",
        ] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }
}
