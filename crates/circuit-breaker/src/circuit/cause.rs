//! Why a circuit moved.

use std::fmt;

/// Why a circuit moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Too many calls in the window failed.
    FailureRate,
    /// Too many calls in the window were slow.
    SlowRate,
    /// Too many calls were slow, among them some that are still under way.
    SlowInFlight,
    /// Too many calls in a row failed.
    ConsecutiveFailures,
    /// The time that it was open for is over.
    WaitOver,
    /// The probes went well enough.
    Recovered,
    /// Too many probes failed.
    ProbesFailed,
    /// Too many probes were slow.
    ProbesSlow,
    /// No probe came back in time.
    ProbesHung,
    /// Somebody wanted it so.
    ByHand,
}

// === impl Cause ===

impl Cause {
    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::SlowRate => "slow_rate",
            Self::SlowInFlight => "slow_in_flight",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::WaitOver => "wait_over",
            Self::Recovered => "recovered",
            Self::ProbesFailed => "probes_failed",
            Self::ProbesSlow => "probes_slow",
            Self::ProbesHung => "probes_hung",
            Self::ByHand => "by_hand",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
