//! What a circuit breaker reports.

use std::time::Duration;

/// One event of a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CircuitEvent<'a> {
    /// The configured name, never a key that a caller chose.
    pub name: &'a str,
    /// What happened.
    pub kind: CircuitEventKind,
}

/// What happened to a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CircuitEventKind {
    /// It moved.
    Moved {
        /// The state before.
        from: CircuitState,
        /// The state now.
        to: CircuitState,
        /// Why, a stable label.
        cause: &'static str,
        /// How long it stays open, where it opened for a time.
        open_for: Option<Duration>,
    },
    /// A call was refused.
    Rejected {
        /// The state that refused it.
        state: CircuitState,
    },
    /// In the metrics-only state: it would have opened.
    WouldOpen {
        /// Why, a stable label.
        cause: &'static str,
    },
    /// A new key found no room of its own: it shares the overflow circuit.
    Overflowed,
}

/// The state of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls pass and are counted.
    Closed,
    /// Calls are refused, for a time.
    Open,
    /// A few calls pass, to find out.
    HalfOpen,
    /// Calls are refused until somebody says otherwise.
    ForcedOpen,
    /// Calls pass and nothing is counted.
    Disabled,
    /// Calls pass and are counted, and it never opens.
    MetricsOnly,
}

// === impl CircuitEvent ===

impl<'a> CircuitEvent<'a> {
    /// An event of the circuit called `name`.
    #[must_use]
    pub const fn new(name: &'a str, kind: CircuitEventKind) -> Self {
        Self { name, kind }
    }
}

// === impl CircuitState ===

impl CircuitState {
    /// The stable label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::Observer;

    /// Keeps what it is told, without lifetimes.
    #[derive(Default)]
    struct Seen(Mutex<Vec<(String, CircuitEventKind)>>);

    impl Observer for Seen {
        fn circuit(&self, event: &CircuitEvent<'_>) {
            let event = (event.name.to_owned(), event.kind);
            self.0.lock().unwrap().push(event);
        }
    }

    #[test]
    fn an_arc_and_a_pair_pass_every_event_on() {
        let (one, other) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
        let both = (one.clone(), ((), other.clone()));
        let kinds = [
            CircuitEventKind::Moved {
                from: CircuitState::Closed,
                to: CircuitState::Open,
                cause: "failure_rate",
                open_for: Some(Duration::from_secs(5)),
            },
            CircuitEventKind::Rejected {
                state: CircuitState::Open,
            },
            CircuitEventKind::WouldOpen { cause: "slow_rate" },
            CircuitEventKind::Overflowed,
        ];
        for kind in kinds {
            both.circuit(&CircuitEvent::new("idp", kind));
        }
        let expected = kinds.map(|kind| ("idp".to_owned(), kind)).to_vec();
        assert_eq!(*one.0.lock().unwrap(), expected);
        assert_eq!(*other.0.lock().unwrap(), expected);
    }

    #[test]
    fn labels_are_stable() {
        for (state, label) in [
            (CircuitState::Closed, "closed"),
            (CircuitState::Open, "open"),
            (CircuitState::HalfOpen, "half_open"),
            (CircuitState::ForcedOpen, "forced_open"),
            (CircuitState::Disabled, "disabled"),
            (CircuitState::MetricsOnly, "metrics_only"),
        ] {
            assert_eq!(state.as_str(), label);
        }
    }
}
