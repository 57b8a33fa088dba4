//! The seam for what can end a token before it expires.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Identity, OutageCause};

use crate::Reason;

/// Knows whether a caller whose token is good still stands. [`Revocations`](crate::Revocations) is one.
///
/// Asked once by each layer for every valid verdict, cached or not, after whatever was awaited, and for the caller
/// who is held where there is no verdict, before a degrade policy is. Synchronous: it must not block.
pub trait StandingView: Send + Sync + 'static {
    /// Looks at a caller.
    fn standing(&self, identity: &Identity) -> Standing;
}

/// Whether a caller still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing is known against the caller.
    Good,
    /// The token, its session or its subject was revoked: 401, whatever else is known.
    Revoked,
    /// Of such a token it can never be said that it was not revoked: 401, whatever else is known.
    Unfit,
    /// The view is too old to say.
    Unknown {
        /// The row of the degrade table.
        cause: OutageCause,
        /// How much older than allowed the view is; [`Duration::MAX`] where no grace would help.
        overdue: Duration,
    },
}

// === impl Standing ===

impl Standing {
    /// Why the token is bad, if it is: that is no outage, and no policy is asked.
    pub(crate) const fn fallen(self) -> Option<Reason> {
        match self {
            Self::Good | Self::Unknown { .. } => None,
            Self::Revoked => Some(Reason::Revoked),
            Self::Unfit => Some(Reason::Unrevocable),
        }
    }
}

impl<V: StandingView + ?Sized> StandingView for Arc<V> {
    fn standing(&self, identity: &Identity) -> Standing {
        (**self).standing(identity)
    }
}
