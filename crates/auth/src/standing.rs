//! The seam for what can end a token before it expires.

use std::time::Duration;

use portcullis_core::{Head, Identity, OutageCause};

/// Knows whether a caller whose token is good still stands: the seam for a revocation view.
///
/// Asked once for every valid verdict, cached or not, after whatever was awaited, and once more before a
/// degrade policy admits somebody. Synchronous: it must not block.
pub trait StandingView: Send + Sync + 'static {
    /// Looks at a caller.
    fn standing(&self, identity: &Identity, head: &Head<'_>) -> Standing;
}

/// Whether a caller still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known against the caller.
    Good,
    /// The token, its session or its subject was revoked: 401, whatever else is known.
    Revoked,
    /// The view is too old to say.
    Unknown {
        /// The row of the degrade table.
        cause: OutageCause,
        /// How much older than allowed the view is.
        overdue: Duration,
    },
}
