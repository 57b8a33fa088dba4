//! Whose trace is continued.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use ipnet::IpNet;
use portcullis_core::Head;

/// Whose trace is continued: who can continue a trace can also write into it, and decide what it costs.
///
/// | | the caller's trace | its `tracestate` and `baggage` | its sampled flag |
/// |---|---|---|---|
/// | [internal](Trust::internal) | goes on | go along | counts |
/// | [public](Trust::public) | is another one, which the new one links to | are dropped | does not count |
///
/// [`Sampling`](crate::Sampling) can change the last column.
#[derive(Clone)]
pub struct Trust(Rule);

/// What is made of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrustLevel {
    /// One of ours.
    Internal,
    /// Anybody.
    Public,
}

#[derive(Clone)]
enum Rule {
    Always(TrustLevel),
    Peers {
        networks: Arc<[IpNet]>,
        peer: fn(&Extensions) -> Option<IpAddr>,
    },
    By(Arc<dyn Fn(Head<'_>) -> TrustLevel + Send + Sync>),
}

// === impl Trust ===

impl Trust {
    /// Every caller is one of ours: behind a gateway.
    #[must_use]
    pub const fn internal() -> Self {
        Self(Rule::Always(TrustLevel::Internal))
    }

    /// Anybody calls: the default of whatever faces the internet.
    #[must_use]
    pub const fn public() -> Self {
        Self(Rule::Always(TrustLevel::Public))
    }

    /// Whoever is connected from one of these networks is one of ours; `peer` finds its address in what the server
    /// attached. Where it finds none, it is anybody.
    pub fn by_peer(
        networks: impl IntoIterator<Item = IpNet>,
        peer: fn(&Extensions) -> Option<IpAddr>,
    ) -> Self {
        Self(Rule::Peers {
            networks: networks.into_iter().collect(),
            peer,
        })
    }

    /// As `decide` says.
    pub fn by(decide: impl Fn(Head<'_>) -> TrustLevel + Send + Sync + 'static) -> Self {
        Self(Rule::By(Arc::new(decide)))
    }

    #[inline]
    pub(crate) fn level(&self, head: Head<'_>) -> TrustLevel {
        match &self.0 {
            Rule::Always(level) => *level,
            Rule::Peers { networks, peer } => {
                // An IPv4 address that a socket of both families writes as IPv6 is the same peer.
                let address = peer(head.extensions).map(|address| address.to_canonical());
                let ours = |address| networks.iter().any(|network| network.contains(&address));
                if address.is_some_and(ours) {
                    TrustLevel::Internal
                } else {
                    TrustLevel::Public
                }
            }
            Rule::By(decide) => decide(head),
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Always(level) => f.debug_tuple("Trust").field(level).finish(),
            Rule::Peers { networks, .. } => f.debug_tuple("Trust").field(networks).finish(),
            Rule::By(_) => f.debug_struct("Trust").finish_non_exhaustive(),
        }
    }
}
