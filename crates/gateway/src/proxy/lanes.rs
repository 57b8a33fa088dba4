//! Which of several HTTP/2 connections to an upstream a stream goes by.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use http::uri::{Authority, Scheme};
use parking_lot::Mutex;

/// How many HTTP/2 connections there may be to an upstream, of each gateway.
///
/// An upstream states how many streams it takes on one; most take a hundred. Further ones would wait for
/// those that are open, and streams can be open for hours.
pub(super) const LANES: usize = 8;
const STREAMS: usize = 90;

type Counts = [AtomicUsize; LANES];

/// How many streams are open to each upstream: counted once for all routes and configurations that share the
/// connections.
#[derive(Default)]
pub(super) struct Traffic {
    counts: Mutex<HashMap<(Scheme, Authority), Weak<Counts>>>,
}

/// The connections to one upstream.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Counts>);

/// A stream on one of them.
#[derive(Debug, Default)]
pub(super) struct Lease {
    lanes: Option<Arc<Counts>>,
    pub(super) lane: usize,
}

// === impl Traffic ===

impl Traffic {
    /// The lanes to an upstream: the same as long as anybody has them.
    pub(super) fn to(&self, scheme: &Scheme, authority: &Authority) -> Lanes {
        let mut all = self.counts.lock();
        all.retain(|_, counts| counts.strong_count() > 0);
        let upstream = (scheme.clone(), authority.clone());
        if let Some(known) = all.get(&upstream).and_then(Weak::upgrade) {
            return Lanes(known);
        }
        let lanes = Lanes::default();
        all.insert(upstream, Arc::downgrade(&lanes.0));
        lanes
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic").finish_non_exhaustive()
    }
}

// === impl Lanes ===

impl Lanes {
    /// The connection for one more stream: the first with room, else the one with the fewest.
    pub(super) fn lease(&self) -> Lease {
        let load = |lane: &AtomicUsize| lane.load(Ordering::Relaxed);
        let lane = self
            .0
            .iter()
            .position(|lane| load(lane) < STREAMS)
            .or_else(|| (0..LANES).min_by_key(|lane| load(&self.0[*lane])))
            .unwrap_or_default();
        self.0[lane].fetch_add(1, Ordering::Relaxed);
        Lease {
            lanes: Some(Arc::clone(&self.0)),
            lane,
        }
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

    #[test]
    fn streams_fill_one_connection_after_the_other() {
        let lanes = Lanes::default();
        let mut leases: Vec<_> = (0..STREAMS * LANES).map(|_| lanes.lease()).collect();
        for (index, lease) in leases.iter().enumerate() {
            assert_eq!(lease.lane, index / STREAMS);
        }
        let first = lanes.lease().lane;
        assert_eq!(first, 0, "all are full: any will do");
        drop(leases.pop());
        assert_eq!(lanes.lease().lane, LANES - 1);
        leases.truncate(3);
        assert_eq!(lanes.lease().lane, 0);
    }

    #[test]
    fn whoever_goes_to_the_same_upstream_shares_its_lanes() {
        let traffic = Traffic::default();
        let to = |scheme, authority| traffic.to(&scheme, &Authority::from_static(authority));
        let first = to(Scheme::HTTP, "a:1");
        let open: Vec<_> = (0..STREAMS).map(|_| first.lease()).collect();
        assert_eq!(to(Scheme::HTTP, "a:1").lease().lane, 1);
        assert_eq!(to(Scheme::HTTPS, "a:1").lease().lane, 0);
        assert_eq!(to(Scheme::HTTP, "a:2").lease().lane, 0);
        drop(first);
        assert_eq!(to(Scheme::HTTP, "a:1").lease().lane, 1, "they are open");
        drop(open);
        assert_eq!(to(Scheme::HTTP, "a:1").lease().lane, 0);
        assert!(
            traffic.counts.lock().len() <= 3,
            "what is gone is forgotten"
        );
    }
}
