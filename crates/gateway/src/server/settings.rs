//! What a listener runs with.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use super::limits::Limits;
use crate::metrics::Connections;

/// What a listener runs with, which can be replaced while it runs.
///
/// # Clone
/// Clones share it. Connections that are accepted after a replacement, and TLS handshakes that begin after
/// it, go by the new settings; those that are open keep theirs. Only how many there may be is settled when
/// the listener starts.
#[derive(Clone)]
pub(crate) struct Settings {
    current: Arc<ArcSwap<Terms>>,
    connections: Arc<Connections>,
}

/// What one connection is served with.
pub(super) struct Terms {
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

// === impl Settings ===

impl Settings {
    /// Without `tls`, clients speak cleartext.
    pub(crate) fn new(limits: Limits, tls: Option<Arc<ServerConfig>>) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(Terms { limits, tls })),
            connections: Arc::default(),
        }
    }

    /// Serves connections with these from now on.
    pub(crate) fn replace(&self, limits: Limits, tls: Option<Arc<ServerConfig>>) {
        self.current.store(Arc::new(Terms { limits, tls }));
    }

    /// The same for another listener, which follow together. Connections are counted apart.
    pub(crate) fn of_another(&self) -> Self {
        Self {
            current: Arc::clone(&self.current),
            connections: Arc::default(),
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    pub(super) fn load(&self) -> Arc<Terms> {
        self.current.load_full()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("limits", &self.load().limits)
            .finish_non_exhaustive()
    }
}
