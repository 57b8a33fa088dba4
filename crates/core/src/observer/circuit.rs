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
