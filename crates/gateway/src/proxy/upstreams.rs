//! Whose turn it is, and by which connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use portcullis_core::{ConfigError, Problems};

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
    lanes: Arc<[AtomicUsize; LANES]>,
}

/// A stream on one of several HTTP/2 connections to the same upstream.
#[derive(Debug, Default)]
pub(super) struct Lease {
    lanes: Option<Arc<[AtomicUsize; LANES]>>,
    pub(super) lane: usize,
}

/// How many HTTP/2 connections there may be to an upstream, of each gateway.
///
/// An upstream states how many streams it takes on one; most take a hundred. Further ones would wait for
/// those that are open, and streams can be open for hours.
pub(super) const LANES: usize = 8;
const STREAMS: usize = 90;

// === impl Upstreams ===

impl Upstreams {
    pub(super) fn new(upstreams: &[Upstream]) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let all = upstreams
            .iter()
            .enumerate()
            .filter_map(|(index, upstream)| {
                problems.absorb(&format!("upstream[{index}]"), Origin::new(upstream))
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
    fn new(upstream: &Upstream) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("", "is not an origin", "write scheme and host");
        let uri: Uri = upstream.as_str().parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(wrong());
        };
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            scheme,
            authority,
            lanes: Arc::default(),
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

    /// The connection for one more stream: the first with room, else the one with the fewest.
    pub(super) fn lease(&self) -> Lease {
        let load = |lane: &AtomicUsize| lane.load(Ordering::Relaxed);
        let lane = self
            .lanes
            .iter()
            .position(|lane| load(lane) < STREAMS)
            .or_else(|| (0..LANES).min_by_key(|lane| load(&self.lanes[*lane])))
            .unwrap_or_default();
        self.lanes[lane].fetch_add(1, Ordering::Relaxed);
        Lease {
            lanes: Some(Arc::clone(&self.lanes)),
            lane,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

// === impl Lease ===

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(lanes) = &self.lanes {
            lanes[self.lane].fetch_sub(1, Ordering::Relaxed);
        }
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
        Upstreams::new(&parsed).unwrap()
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

    #[test]
    fn streams_fill_one_connection_after_the_other() {
        let upstreams = upstreams(&["http://a"]);
        let origin = upstreams.next().unwrap();
        let mut leases: Vec<_> = (0..STREAMS * LANES).map(|_| origin.lease()).collect();
        for (index, lease) in leases.iter().enumerate() {
            assert_eq!(lease.lane, index / STREAMS);
        }
        let first = origin.lease().lane;
        assert_eq!(first, 0, "all are full: any will do");
        drop(leases.pop());
        assert_eq!(origin.lease().lane, LANES - 1);
        leases.truncate(3);
        assert_eq!(origin.lease().lane, 0);
    }
}
