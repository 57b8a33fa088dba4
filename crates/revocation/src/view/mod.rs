//! What this node knows of revocations: read by every request, without a lock.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::time::{Moment, millis};
use crate::token::TokenFacts;
use crate::{Horizon, Kind, Secrets, TokenIds};

use self::board::{Board, FULL, NEVER, Side};

pub use self::check::Check;
pub(crate) use self::writer::Writer;

mod board;
mod check;
mod primitives;
mod table;
mod writer;

/// What this node knows of revocations.
///
/// A [check](View::check) takes no lock, allocates nothing and reads no clock. Of a token that was checked
/// since the last revocation (of anything) it is a comparison of two numbers and of two clocks.
///
/// Nothing is evicted: where there is no room for a revocation, the view says [`Check::Full`] of every token
/// that it does not know to be revoked, until there is.
///
/// # Clone
/// A clone is a handle to the same view. The task that keeps it in step with the log runs as long as
/// there is one.
#[derive(Clone)]
pub struct View {
    shared: Arc<Shared>,
    /// Ends the task with the last handle.
    _keep: Option<Arc<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    board: Board,
    /// What instants on the board are counted from.
    base: Instant,
    secrets: Secrets,
    horizon: Horizon,
    /// How far the wall clock may go back before the view is not believed, in nanoseconds.
    jump: u64,
}

/// Views of one process count their versions from different numbers, so that no token remembers of one what
/// it was told by another.
static VIEWS: AtomicU64 = AtomicU64::new(0);
const VERSIONS_OF_A_VIEW: u32 = 44;

// === impl View ===

impl View {
    /// An empty view and its writer. `base` is before every instant that will be told.
    pub(crate) fn new(
        base: Instant,
        secrets: Secrets,
        horizon: Horizon,
        jump: Duration,
        capacity: usize,
    ) -> (Self, Writer) {
        let first = VIEWS.fetch_add(1, Ordering::Relaxed) << VERSIONS_OF_A_VIEW;
        let shared = Arc::new(Shared {
            board: Board::new(first, writer::FIRST_SLOTS),
            base,
            secrets,
            horizon,
            jump: nanos(jump),
        });
        let writer = Writer::new(Arc::clone(&shared), capacity);
        (
            Self {
                shared,
                _keep: None,
            },
            writer,
        )
    }

    /// The same view, which keeps `owner` alive.
    pub(crate) fn kept_by(&self, owner: Arc<dyn Any + Send + Sync>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            _keep: Some(owner),
        }
    }

    /// The ids of a token: some hashes, so keep them beside the verdict.
    #[must_use]
    pub fn token_ids(&self, facts: &TokenFacts<'_>) -> TokenIds {
        TokenIds::of(facts, &self.shared.secrets, self.shared.horizon)
    }

    /// Looks at one token. `ids` are of this view, `freshness` is the age that the view may have.
    ///
    /// `now` is to be read after whatever was awaited for the request.
    #[inline]
    #[must_use]
    pub fn check(&self, ids: &TokenIds, now: Moment, freshness: Duration) -> Check {
        let board = &self.shared.board;
        // In this order: whatever `synced_at` vouches for is seen by what is loaded after it.
        let (synced_at, version) = board.look();
        let clean_at = ids.clean_at.load(Ordering::Relaxed);
        if clean_at != version {
            if board.concerns(clean_at, version, |low| ids.has(low))
                && let Some(kind) = self.find(ids)
            {
                return Check::Revoked(kind);
            }
            ids.clean_at.store(version, Ordering::Relaxed);
        }
        if let Some(unfit) = ids.unfit {
            return Check::Unfit(unfit);
        }
        match synced_at {
            NEVER => return Check::NeverSynced,
            FULL => return Check::Full,
            _ => {}
        }
        let wall = millis(now.wall.since_epoch());
        if wall.saturating_add_signed(board.server_ahead()) >= ids.remembered_until {
            return Check::Forgotten;
        }
        let age = self
            .shared
            .age(synced_at, board.synced_wall(), now.at, wall);
        if age > nanos(freshness) {
            return Check::Stale { age: span(age) };
        }
        Check::Clear
    }

    /// How old the view is: none if it was never complete, or lacks something.
    #[must_use]
    pub fn age(&self, now: Moment) -> Option<Duration> {
        let board = &self.shared.board;
        let (synced_at, _) = board.look();
        if synced_at == NEVER || synced_at == FULL {
            return None;
        }
        let wall = millis(now.wall.since_epoch());
        let age = self
            .shared
            .age(synced_at, board.synced_wall(), now.at, wall);
        Some(span(age))
    }

    #[inline(never)]
    fn find(&self, ids: &TokenIds) -> Option<Kind> {
        let board = &self.shared.board;
        let tombstones = board.table(Side::Tombstones);
        for (place, id) in ids.tombstones.iter().enumerate() {
            if let Some(id) = *id
                && tombstones.get(id).is_some_and(|number| number != 0)
            {
                return Some(ids.tombstone(place));
            }
        }
        let watermarks = board.table(Side::Watermarks);
        let server_ahead = board.server_ahead();
        ids.watermarks.iter().flatten().find_map(|(kind, id)| {
            let watermark = watermarks.get(*id).filter(|number| *number != 0)?;
            ids.is_before(watermark, server_ahead).then_some(*kind)
        })
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// An instant as it stands on the board; none if it is not after the base.
    fn since_base(&self, at: Instant) -> Option<u64> {
        let since = at.checked_duration_since(self.base)?;
        // Zero and the maximum have a meaning of their own.
        Some(nanos(since).clamp(NEVER + 1, FULL - 1))
    }

    /// The longer of the spans that both clocks saw pass, in nanoseconds. The monotonic clock stands still
    /// while a machine sleeps; the wall clock does not, and may be set.
    #[inline]
    fn age(&self, synced_at: u64, synced_wall: u64, at: Instant, wall: u64) -> u64 {
        let age = nanos(at.saturating_duration_since(self.base)).saturating_sub(synced_at);
        let by_wall = wall.saturating_sub(synced_wall).saturating_mul(1_000_000);
        if by_wall.saturating_add(self.jump) < age {
            // Set back so far that it could hide a sleep.
            return u64::MAX;
        }
        age.max(by_wall)
    }
}

/// Whole nanoseconds, as many as fit: 584 years.
#[inline]
fn nanos(span: Duration) -> u64 {
    let whole = span.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(span.subsec_nanos()))
}

/// The span of so many nanoseconds; what does not fit is the longest there is.
fn span(nanos: u64) -> Duration {
    if nanos == u64::MAX {
        Duration::MAX
    } else {
        Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests;
