//! Moves by hand, and what is told of every move.

use std::fmt;
use std::time::Duration;

use portcullis_core::{CircuitEvent, CircuitEventKind, CircuitState, Clock};

use super::cause::Cause;
use super::core::Core;
use crate::sync::Ordering;

/// A move that the table of [`Circuit::move_to`](crate::Circuit::move_to) has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalMove {
    from: CircuitState,
    to: CircuitState,
}

impl<C: Clock> Core<C> {
    pub(super) fn move_to(&self, to: CircuitState) -> Result<(), IllegalMove> {
        loop {
            let word = self.word();
            let from = word.state();
            if from == to {
                return Ok(());
            }
            if !is_legal(from, to) {
                return Err(IllegalMove { from, to });
            }
            let open_for = (to == CircuitState::Open).then(|| self.settings.open.ceiling(0));
            let end = open_for.map_or(0, |open_for| self.end_of(open_for));
            let next = word.moved(to, end);
            if !self.swap(word, next) {
                continue;
            }
            match to {
                CircuitState::Closed => self.attempts.store(0, Ordering::Relaxed),
                // From half-open it is one more in a row.
                CircuitState::Open if from == CircuitState::HalfOpen => {
                    self.attempts.fetch_add(1, Ordering::Relaxed);
                }
                CircuitState::Open => self.attempts.store(1, Ordering::Relaxed),
                CircuitState::HalfOpen => self.begin_probing(next.generation(), self.now_millis()),
                _ => {}
            }
            self.moved(from, to, Cause::ByHand, open_for);
            return Ok(());
        }
    }

    pub(super) fn open_for(&self, time: Duration) -> Result<(), IllegalMove> {
        let to = CircuitState::Open;
        loop {
            let word = self.word();
            let from = word.state();
            if from != to && !is_legal(from, to) {
                return Err(IllegalMove { from, to });
            }
            if self.swap(word, word.moved(to, self.end_of(time))) {
                if from != to {
                    self.moved(from, to, Cause::ByHand, Some(time));
                }
                return Ok(());
            }
        }
    }

    pub(super) fn reset(&self) {
        loop {
            let word = self.word();
            if self.swap(word, word.moved(CircuitState::Closed, 0)) {
                self.attempts.store(0, Ordering::Relaxed);
                self.rejected.0.store(0, Ordering::Relaxed);
                self.late.store(0, Ordering::Relaxed);
                if word.state() != CircuitState::Closed {
                    let to = CircuitState::Closed;
                    self.moved(word.state(), to, Cause::ByHand, None);
                }
                return;
            }
        }
    }

    /// Tells of a move: by whoever won it, after it, and outside of any lock.
    #[cold]
    pub(super) fn moved(
        &self,
        from: CircuitState,
        to: CircuitState,
        cause: Cause,
        open_for: Option<Duration>,
    ) {
        tracing::info!(
            target: "portcullis::circuit_breaker",
            circuit = &*self.settings.name,
            from = from.as_str(),
            to = to.as_str(),
            cause = cause.as_str(),
            open_for_millis = open_for.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            "moved"
        );
        let cause = cause.as_str();
        self.report(CircuitEventKind::Moved {
            from,
            to,
            cause,
            open_for,
        });
    }

    #[inline]
    pub(super) fn report(&self, kind: CircuitEventKind) {
        if let Some(observer) = &self.settings.observer {
            observer.circuit(&CircuitEvent::new(&self.settings.name, kind));
        }
    }
}

const fn is_legal(from: CircuitState, to: CircuitState) -> bool {
    !matches!(
        (from, to),
        (CircuitState::Closed, CircuitState::HalfOpen)
            | (
                CircuitState::MetricsOnly,
                CircuitState::Open | CircuitState::HalfOpen
            )
    )
}

// === impl IllegalMove ===

impl fmt::Display for IllegalMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        write!(f, "a circuit does not move from {from} to {to}")
    }
}

impl std::error::Error for IllegalMove {}
