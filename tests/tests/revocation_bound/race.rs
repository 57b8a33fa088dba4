//! One revocation, and requests that race it on several nodes.

use std::cell::Cell;
use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use http::StatusCode;

/// What came of one revocation.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Before the order was sent: the log recorded it no earlier.
    pub(crate) sent: Instant,
    /// After it was acknowledged: the log recorded it no later.
    pub(crate) recorded: Instant,
    /// What each node did with the token.
    pub(crate) nodes: Vec<Seen>,
}

/// What one node did with the token.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// When the last request that was let through began and ended.
    pub(crate) last: Option<(Instant, Instant)>,
    /// A request that was let through was under way while the log recorded the revocation.
    pub(crate) overlapped: bool,
    /// Whether it was refused as revoked in the end.
    pub(crate) refused: bool,
    /// A request was let through after another had been refused as revoked.
    pub(crate) revived: bool,
    /// An answer was neither 200, 401 nor 503, or 401 before the revocation was ordered.
    pub(crate) wrong: bool,
}

/// How far the revocation is.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Progress {
    Before,
    Sent,
    Recorded,
}

/// How often a token is presented once its revocation is recorded.
const PACE: Duration = Duration::from_millis(2);
/// How often it is presented again once it was refused.
const AFTERWARDS: u32 = 5;

/// Presents a token on each of so many nodes without a break while `revoke` revokes it, and goes on until each has
/// refused it, or `patience` is over.
///
/// `revoke` is started when every node has let the token through once.
pub(crate) async fn race<A, R>(
    nodes: usize,
    ask: impl Fn(usize) -> A,
    revoke: R,
    patience: Duration,
) -> Outcome
where
    A: Future<Output = StatusCode>,
    R: Future<Output = ()>,
{
    let progress = Cell::new(Progress::Before);
    let waiting = Cell::new(nodes);
    let begun = Instant::now();
    let racer = async |node| {
        let mut seen = Seen::default();
        let mut refused = 0;
        while refused <= AFTERWARDS && begun.elapsed() < patience {
            let (at_first, start) = (progress.get(), Instant::now());
            let status = ask(node).await;
            let (at_last, end) = (progress.get(), Instant::now());
            match status.as_u16() {
                200 => {
                    if seen.last.is_none() {
                        waiting.set(waiting.get() - 1);
                    }
                    seen.last = Some((start, end));
                    seen.revived |= refused > 0;
                    seen.overlapped |= at_first <= Progress::Sent && at_last >= Progress::Sent;
                }
                401 => {
                    refused += 1;
                    seen.wrong |= at_last == Progress::Before;
                }
                503 => {}
                _ => seen.wrong = true,
            }
            if progress.get() == Progress::Recorded {
                tokio::time::sleep(PACE).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        if seen.last.is_none() {
            waiting.set(waiting.get() - 1);
        }
        seen.refused = refused > 0;
        seen
    };
    let order = async {
        while waiting.get() > 0 && begun.elapsed() < patience {
            tokio::task::yield_now().await;
        }
        let sent = Instant::now();
        progress.set(Progress::Sent);
        revoke.await;
        progress.set(Progress::Recorded);
        (sent, Instant::now())
    };
    let ((sent, recorded), nodes) = join(order, join_all((0..nodes).map(racer))).await;
    Outcome {
        sent,
        recorded,
        nodes,
    }
}

// === impl Outcome ===

impl Outcome {
    /// Whether a request was under way while the log recorded the revocation.
    pub(crate) fn is_race(&self) -> bool {
        self.nodes.iter().any(|seen| seen.overlapped)
    }

    /// For how long after the order was sent a request of this node could still *begin* and be let through.
    pub(crate) fn accepted_for(&self, node: usize) -> Duration {
        let last = self.nodes[node].last;
        last.map_or(Duration::ZERO, |(began, _)| {
            began.saturating_duration_since(self.sent)
        })
    }
}
