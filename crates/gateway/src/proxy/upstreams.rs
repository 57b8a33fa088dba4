//! Whose turn it is.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use portcullis_circuit_breaker::{Circuit, Permit};
use portcullis_core::{ConfigError, Problems};

use super::answers::NoAnswer;
use super::circuits::Circuits;
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
    /// Whether it is worth asking, where it is watched.
    circuit: Option<Circuit>,
}

// === impl Upstreams ===

impl Upstreams {
    pub(super) fn new(
        upstreams: &[Upstream],
        traffic: &Traffic,
        circuits: &Circuits,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::new();
        let all = upstreams
            .iter()
            .enumerate()
            .filter_map(|(index, upstream)| {
                problems.absorb(
                    &format!("upstream[{index}]"),
                    Origin::new(upstream, traffic, circuits),
                )
            })
            .collect();
        problems.into_result(Self {
            all,
            turn: AtomicUsize::new(0),
        })
    }

    /// The upstream whose turn it is among those that are worth asking, and the right to ask it.
    pub(super) fn next(&self) -> Result<(&Origin, Option<Permit>), NoAnswer> {
        let worth_asking = || {
            let all = self.all.iter();
            all.filter(|origin| origin.circuit.as_ref().is_none_or(Circuit::admits))
        };
        // Among those that are worth asking: so that the neighbour of one that is not does not get its turn as well.
        let turn = match &*self.all {
            [] => return Err(NoAnswer::Unreachable),
            [_] => 0,
            _ => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        let place = turn.checked_rem(worth_asking().count()).unwrap_or_default();
        let mut wait = None::<Duration>;
        // One may have changed its mind in between; then whoever is there.
        for origin in worth_asking().skip(place).take(1).chain(&self.all) {
            match origin.circuit.as_ref().map(Circuit::try_acquire) {
                None => return Ok((origin, None)),
                Some(Ok(permit)) => return Ok((origin, Some(permit))),
                Some(Err(rejected)) => {
                    let left = rejected.retry_after().unwrap_or_default();
                    wait = Some(wait.map_or(left, |wait| wait.min(left)));
                }
            }
        }
        Err(NoAnswer::CircuitOpen(wait.unwrap_or_default()))
    }
}

// === impl Origin ===

impl Origin {
    fn new(
        upstream: &Upstream,
        traffic: &Traffic,
        circuits: &Circuits,
    ) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("", "is not an origin", "write scheme and host");
        let uri: Uri = upstream.as_str().parse().map_err(|_| wrong())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(wrong());
        };
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            lanes: traffic.to(&scheme, &authority),
            circuit: circuits.of(upstream.as_str())?,
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
    use crate::config::CircuitBreaker;

    fn upstreams(origins: &[&str], settings: &CircuitBreaker) -> Upstreams {
        let parsed: Vec<_> = origins
            .iter()
            .map(|origin| Upstream::parse(origin).unwrap())
            .collect();
        let circuits = Circuits::new(settings, None);
        Upstreams::new(&parsed, &Traffic::default(), &circuits).unwrap()
    }

    fn watched() -> CircuitBreaker {
        CircuitBreaker {
            consecutive_failures: Some(1),
            ..CircuitBreaker::default()
        }
    }

    #[test]
    fn upstreams_take_turns() {
        for enabled in [true, false] {
            let settings = CircuitBreaker {
                enabled,
                ..watched()
            };
            let upstreams = upstreams(&["http://a", "https://b:8443"], &settings);
            let targets: Vec<_> = (0..3)
                .filter_map(|_| upstreams.next().ok())
                .map(|(origin, _)| {
                    let target = origin.target(Some(PathAndQuery::from_static("/x?y")));
                    target.to_string()
                })
                .collect();
            assert_eq!(
                targets,
                ["http://a/x?y", "https://b:8443/x?y", "http://a/x?y"]
            );
            let none = self::upstreams(&[], &settings);
            assert_eq!(none.next().err(), Some(NoAnswer::Unreachable));
        }
    }

    #[test]
    fn one_that_is_not_well_is_left_out_and_if_none_is_well_it_says_how_long() {
        let upstreams = upstreams(&["http://a", "http://b", "http://c"], &watched());
        let fail_next = || {
            let (origin, permit) = upstreams.next().unwrap();
            permit.unwrap().failure();
            origin.to_string()
        };
        assert_eq!(fail_next(), "http://a");
        let asked: Vec<_> = (0..6)
            .map(|_| {
                let (origin, permit) = upstreams.next().unwrap();
                permit.unwrap().success();
                origin.to_string()
            })
            .collect();
        // Its turn goes to both of the others.
        let times = |name: &str| asked.iter().filter(|asked| *asked == name).count();
        assert_eq!(
            (times("http://a"), times("http://b"), times("http://c")),
            (0, 3, 3)
        );
        fail_next();
        fail_next();
        let Err(NoAnswer::CircuitOpen(wait)) = upstreams.next() else {
            panic!("all are open");
        };
        assert!(!wait.is_zero() && wait <= Duration::from_secs(5));
    }
}
