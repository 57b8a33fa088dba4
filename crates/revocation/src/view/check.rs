//! What a check found.

use std::time::Duration;

use crate::{Kind, Unfit};

/// What the view says of one token.
///
/// The rows are in the order of their weight: what is known to be revoked is revoked, however old the view.
///
/// | check | what to answer |
/// |---|---|
/// | [`Revoked`](Self::Revoked) | 401 |
/// | [`Unfit`](Self::Unfit) | 401: no revocation could be relied on |
/// | [`NeverSynced`](Self::NeverSynced), [`Full`](Self::Full), [`Forgotten`](Self::Forgotten) | 503 |
/// | [`Stale`](Self::Stale) | 503, or what the route allows for a view that old |
/// | [`Clear`](Self::Clear) | pass |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Nothing is known against it, and the view is fresh enough to say so.
    Clear,
    /// It was revoked.
    Revoked(Kind),
    /// It can never be said of this token.
    Unfit(Unfit),
    /// The view has never been complete, or lost that by what its [health](crate::Health) tells.
    NeverSynced,
    /// Something was revoked for which the view has no room.
    Full,
    /// By the clock of the log this token expired so long ago that its revocation may be forgotten. It
    /// reached us unexpired, so the clocks of this node and of the log are apart.
    Forgotten,
    /// The view is older than asked for.
    Stale {
        /// How old it is; the longest span there is after the wall clock was set back far.
        age: Duration,
    },
}
