//! Who is told of a trace.

use std::sync::Arc;

use http::Uri;
use portcullis_core::{ConfigError, Problems};

/// Who is told of the trace that a call belongs to.
///
/// Ids tell a third party which of its calls belong together, and baggage may tell more. Whoever is not told gets no
/// header of any format, also none that the request had before.
#[derive(Clone, Debug)]
pub struct Egress(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Everywhere,
    Nowhere,
    Only(Arc<[Host]>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(Box<str>),
    /// Whatever ends in this, which begins with a dot.
    Below(Box<str>),
}

// === impl Egress ===

impl Egress {
    /// Everybody: among services of one owner.
    #[must_use]
    pub const fn everywhere() -> Self {
        Self(Rule::Everywhere)
    }

    /// Nobody.
    #[must_use]
    pub const fn nowhere() -> Self {
        Self(Rule::Nowhere)
    }

    /// These hosts: by name or address (`orders.internal`, `10.0.0.7`, `[fd00::7]`), or all names below one
    /// (`*.svc.cluster.local`). A request whose target names no host is for nobody of them.
    ///
    /// # Errors
    /// Names every entry that is no host.
    pub fn only<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let mut all = Vec::new();
        for (index, text) in hosts.into_iter().enumerate() {
            match Host::read(text) {
                Some(host) => all.push(host),
                None => problems.push(
                    format!("hosts[{index}]"),
                    format!("is {text:?}, which is no host"),
                    "write a name or an address without scheme, port and path, or *. and a name",
                ),
            }
        }
        if all.is_empty() && problems.is_empty() {
            problems.push("hosts", "is empty", "name a host, or tell nobody");
        }
        problems.into_result(Self(Rule::Only(all.into())))
    }

    #[inline]
    pub(crate) fn tells(&self, target: &Uri) -> bool {
        match &self.0 {
            Rule::Everywhere => true,
            Rule::Nowhere => false,
            Rule::Only(hosts) => target
                .host()
                .is_some_and(|host| hosts.iter().any(|one| one.is(host))),
        }
    }
}

impl Default for Egress {
    fn default() -> Self {
        Self::everywhere()
    }
}

// === impl Host ===

impl Host {
    fn read(text: &str) -> Option<Self> {
        let (name, below) = match text.strip_prefix('*') {
            Some(rest) => (rest.strip_prefix('.')?, true),
            None => (text, false),
        };
        let inner = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let good = match inner {
            Some(address) => !below && address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !name.is_empty()
                    && !name.starts_with('.')
                    && name.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
                    })
            }
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        good.then(|| match below {
            true => Self::Below(format!(".{name}").into()),
            false => Self::Exactly(name.into()),
        })
    }

    fn is(&self, host: &str) -> bool {
        // A name may end in a dot, and is the same name.
        let host = host.strip_suffix('.').unwrap_or(host);
        match self {
            Self::Exactly(name) => host.eq_ignore_ascii_case(name),
            Self::Below(end) => {
                let Some(at) = host.len().checked_sub(end.len()) else {
                    return false;
                };
                at > 0 && host.as_bytes()[at..].eq_ignore_ascii_case(end.as_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(egress: &Egress, target: &str) -> bool {
        egress.tells(&target.parse().unwrap())
    }

    #[test]
    fn only_hosts_that_are_listed_are_told() {
        let egress = Egress::only(["orders.internal", "*.svc", "10.0.0.7", "[fd00::7]"]).unwrap();
        for target in [
            "http://orders.internal/a",
            "http://ORDERS.internal:8080/",
            "http://orders.internal./",
            "http://a.svc/",
            "http://b.a.SVC/",
            "http://10.0.0.7/",
            "http://[fd00::7]:80/",
        ] {
            assert!(tells(&egress, target), "{target}");
        }
        for target in [
            "http://internal/",
            "http://x.orders.internal/",
            "http://evilorders.internal/",
            "http://svc/",
            "http://asvc/",
            "http://.svc/",
            "http://a.svc.evil.example/",
            "http://10.0.0.70/",
            "/relative",
        ] {
            assert!(!tells(&egress, target), "{target}");
        }
    }

    #[test]
    fn everywhere_is_everywhere_and_nowhere_is_nowhere() {
        for target in ["http://a/", "/relative"] {
            assert!(tells(&Egress::everywhere(), target));
            assert!(!tells(&Egress::nowhere(), target));
        }
    }

    #[test]
    fn every_entry_that_is_no_host_is_named() {
        let wrong = [
            "http://a", "a:80", "a/b", "", "*", "*a", "*.", "*.*.a", "[::g]", "*.[::1]", ".a",
        ];
        let error = Egress::only(wrong).unwrap_err();
        assert_eq!(error.problems().count(), wrong.len(), "{error}");
        assert_eq!(Egress::only([]).unwrap_err().problems().count(), 1);
    }
}
