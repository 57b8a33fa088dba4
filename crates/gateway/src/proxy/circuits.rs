//! The circuits of the upstreams.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use portcullis_circuit_breaker::Circuit;
use portcullis_core::{CircuitEvent, CircuitEventKind, CircuitState, ConfigError, Observer};
use serde::Serialize;

use crate::config::CircuitBreaker;

/// A circuit for each upstream: the same for all routes, and for all configurations that say the same of circuits.
///
/// There are as many as upstreams in the configuration, so nothing that a client does makes one.
///
/// # Clone
/// A clone is a handle to the same.
#[derive(Clone)]
pub(crate) struct Circuits {
    shared: Arc<Shared>,
}

struct Shared {
    settings: CircuitBreaker,
    /// By the upstream as it is written. Locked when a configuration is put together, and when somebody asks.
    known: Mutex<BTreeMap<String, Known>>,
}

struct Known {
    circuit: Circuit,
    opened: Opened,
}

/// How often a circuit opened.
#[derive(Clone, Default)]
struct Opened(Arc<AtomicU64>);

/// How an upstream is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UpstreamHealth {
    pub(crate) upstream: String,
    /// `closed`, `open` or `half_open`.
    pub(crate) circuit: &'static str,
    /// Requests in its window, and how many of them failed and were slow.
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) slow: u64,
    /// How long it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_for_millis: Option<u128>,
    #[serde(skip)]
    pub(crate) rejected: u64,
    #[serde(skip)]
    pub(crate) opened: u64,
    /// Whether all is well.
    #[serde(skip)]
    pub(crate) well: bool,
}

// === impl Circuits ===

impl Circuits {
    /// Those of the configuration before, if it says the same.
    pub(crate) fn new(settings: &CircuitBreaker, before: Option<&Self>) -> Self {
        match before {
            Some(before) if before.shared.settings == *settings => before.clone(),
            _ => Self {
                shared: Arc::new(Shared {
                    settings: settings.clone(),
                    known: Mutex::default(),
                }),
            },
        }
    }

    /// The circuit of an upstream; none where upstreams are not watched.
    pub(super) fn of(&self, upstream: &str) -> Result<Option<Circuit>, ConfigError> {
        let settings = &self.shared.settings;
        if !settings.enabled {
            return Ok(None);
        }
        let mut known = self.shared.known.lock();
        if let Some(known) = known.get(upstream) {
            return Ok(Some(known.circuit.clone()));
        }
        let opened = Opened::default();
        let builder = settings.circuit(upstream).observer(opened.clone());
        let circuit = builder.build()?;
        let entry = Known {
            circuit: circuit.clone(),
            opened,
        };
        known.insert(upstream.to_owned(), entry);
        Ok(Some(circuit))
    }

    /// Forgets the circuits of all other upstreams. Requests under way keep theirs.
    pub(crate) fn keep<'a>(&self, upstreams: impl IntoIterator<Item = &'a str>) {
        let upstreams: BTreeSet<_> = upstreams.into_iter().collect();
        let mut known = self.shared.known.lock();
        known.retain(|upstream, _| upstreams.contains(&**upstream));
    }

    /// How each upstream is.
    pub(crate) fn health(&self) -> Vec<UpstreamHealth> {
        let known = self.shared.known.lock();
        let health = known.iter().map(|(upstream, known)| {
            let now = known.circuit.snapshot();
            UpstreamHealth {
                upstream: upstream.clone(),
                circuit: now.state.as_str(),
                requests: now.calls,
                failed: now.failed,
                slow: now.slow,
                open_for_millis: now.open_for.map(|time| time.as_millis()),
                rejected: now.rejected,
                opened: known.opened.0.load(Ordering::Relaxed),
                well: now.state == CircuitState::Closed,
            }
        });
        health.collect()
    }
}

impl fmt::Debug for Circuits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuits").finish_non_exhaustive()
    }
}

// === impl Opened ===

impl Observer for Opened {
    fn circuit(&self, event: &CircuitEvent<'_>) {
        if let CircuitEventKind::Moved {
            to: CircuitState::Open,
            ..
        } = event.kind
        {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_says_the_same_keeps_what_is_known() {
        let settings = CircuitBreaker::default();
        let first = Circuits::new(&settings, None);
        let open = |circuits: &Circuits| {
            let circuit = circuits.of("http://a").unwrap().unwrap();
            circuit.state() == CircuitState::Open
        };
        let circuit = first.of("http://a").unwrap().unwrap();
        circuit.move_to(CircuitState::Open).unwrap();
        let same = Circuits::new(&settings, Some(&first));
        assert!(open(&same));
        assert_eq!(same.health()[0].opened, 1);

        let other = CircuitBreaker {
            minimum_calls: 7,
            ..settings.clone()
        };
        assert!(!open(&Circuits::new(&other, Some(&same))));

        same.of("http://b").unwrap();
        same.keep(["http://b"]);
        assert_eq!(same.health().len(), 1);
        assert!(!open(&same), "forgotten, so made anew");
    }
}
