//! A cap on what an outage may let pass.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_core::ConfigError;

/// A cap on the callers that a degrade policy admits: so many, and for so long, in one outage. Clones
/// share it. A request that passes without identity is not counted, so nobody unproven can spend it.
///
/// An outage begins with the first request that a degrade policy would admit, and is over when none
/// came for a minute. Beyond the cap such requests are refused with 503 until then.
#[derive(Clone, Debug)]
pub struct OutageBudget {
    requests: u64,
    span: Duration,
    state: Arc<parking_lot::Mutex<State>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    outage: Option<Ongoing>,
}

#[derive(Clone, Copy, Debug)]
struct Ongoing {
    began: Instant,
    last: Instant,
    spent: u64,
}

/// An outage is over when nothing asked for this long.
const QUIET: Duration = Duration::from_secs(60);

// === impl OutageBudget ===

impl OutageBudget {
    /// At most `requests`, for at most `span` from the first one on.
    ///
    /// # Errors
    /// If either is zero: to admit nothing, deny.
    pub fn new(requests: u64, span: Duration) -> Result<Self, ConfigError> {
        let mut problems = portcullis_core::Problems::new();
        let remedy = "give it a value, or use Degrade::deny()";
        if requests == 0 {
            problems.push("requests", "is zero", remedy);
        }
        if span.is_zero() {
            problems.push("span", "is zero", remedy);
        }
        problems.into_result(Self {
            requests,
            span,
            state: Arc::default(),
        })
    }

    /// Whether one more request may pass now; counts it if so.
    pub(crate) fn try_spend_now(&self) -> bool {
        // tokio's clock, so that a test can pause it.
        self.try_spend(tokio::time::Instant::now().into_std())
    }

    /// Whether one more request may pass at `now`; counts it if so.
    #[must_use]
    pub fn try_spend(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let ongoing = match &mut state.outage {
            Some(ongoing) if now.saturating_duration_since(ongoing.last) <= QUIET => ongoing,
            over => over.insert(Ongoing {
                began: now,
                last: now,
                spent: 0,
            }),
        };
        ongoing.last = ongoing.last.max(now);
        let left = ongoing.spent < self.requests;
        if !left || now.saturating_duration_since(ongoing.began) > self.span {
            return false;
        }
        ongoing.spent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_count_is_a_cap_until_the_outage_is_over() {
        let budget = OutageBudget::new(2, seconds(600)).unwrap();
        let start = Instant::now();
        assert!(budget.try_spend(start));
        assert!(budget.clone().try_spend(start), "clones share it");
        assert!(!budget.try_spend(start));
        // Asking keeps the outage going: it is not over while refused requests still come.
        assert!(!budget.try_spend(start + seconds(50)));
        assert!(!budget.try_spend(start + seconds(100)));
        assert!(budget.try_spend(start + seconds(161)));
    }

    #[test]
    fn the_span_is_a_cap_from_the_first_request_on() {
        let budget = OutageBudget::new(u64::MAX, seconds(100)).unwrap();
        let start = Instant::now();
        assert!(budget.try_spend(start));
        assert!(budget.try_spend(start + seconds(50)));
        assert!(budget.try_spend(start + seconds(100)));
        assert!(!budget.try_spend(start + seconds(101)));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_grants_nothing() {
        let budget = OutageBudget::new(1, seconds(1)).unwrap();
        let start = Instant::now() + seconds(1_000);
        assert!(budget.try_spend(start));
        assert!(!budget.try_spend(start - seconds(999)));
    }

    #[test]
    fn zero_is_a_configuration_error_that_names_both_fields() {
        let error = OutageBudget::new(0, Duration::ZERO)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("requests") && error.contains("span"),
            "{error}"
        );
    }
}
