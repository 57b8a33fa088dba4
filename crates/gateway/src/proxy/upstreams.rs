//! Whose turn it is.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use portcullis_core::{ConfigError, Problems};

use super::lanes::{Lanes, Traffic};
use crate::config::Upstream;

/// The upstreams of a route, in turn.
#[derive(Debug)]
pub(super) struct Upstreams {
    all: Vec<Origin>,
    turn: AtomicUsize,
}

/// One upstream.
#[derive(Debug)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
    /// The authority as it is written in `Host`.
    pub(super) host: HeaderValue,
    /// Its connections of HTTP/2.
    pub(super) lanes: Lanes,
}

// === impl Upstreams ===

impl Upstreams {
    pub(super) fn new(upstreams: &[Upstream], traffic: &Traffic) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let all = upstreams
            .iter()
            .enumerate()
            .filter_map(|(index, upstream)| {
                problems.absorb(
                    &format!("upstream[{index}]"),
                    Origin::new(upstream, traffic),
                )
            })
            .collect();
        problems.into_result(Self {
            all,
            turn: AtomicUsize::new(0),
        })
    }

    /// The upstream whose turn it is.
    pub(super) fn next(&self) -> Option<&Origin> {
        if let [only] = &*self.all {
            return Some(only);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.all.get(turn.checked_rem(self.all.len())?)
    }
}

// === impl Origin ===

impl Origin {
    fn new(upstream: &Upstream, traffic: &Traffic) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("", "is not an origin", "write scheme and host");
        let uri: Uri = upstream.as_str().parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(wrong());
        };
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            lanes: traffic.to(&scheme, &authority),
            scheme,
            authority,
        })
    }

    /// The same target there.
    pub(super) fn target(&self, target: Option<PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        // All three are there.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams(origins: &[&str]) -> Upstreams {
        let parsed: Vec<_> = origins
            .iter()
            .map(|origin| Upstream::parse(origin).unwrap())
            .collect();
        Upstreams::new(&parsed, &Traffic::default()).unwrap()
    }

    #[test]
    fn upstreams_take_turns() {
        let upstreams = upstreams(&["http://a", "https://b:8443"]);
        let targets: Vec<_> = (0..3)
            .filter_map(|_| upstreams.next())
            .map(|origin| {
                origin
                    .target(Some(PathAndQuery::from_static("/x?y")))
                    .to_string()
            })
            .collect();
        assert_eq!(
            targets,
            ["http://a/x?y", "https://b:8443/x?y", "http://a/x?y"]
        );
        assert!(self::upstreams(&[]).next().is_none());
    }
}
