//! Building a circuit: every number is checked, and everything that is wrong is said at once.

use std::sync::Arc;
use std::time::Duration;

use portcullis_core::{Backoff, Clock, ConfigError, Observer, Problems, SystemClock};

use super::Circuit;
use super::name::Name;
use super::ring::RING_MAX;
use super::settings::{Cancelled, Rate, Settings, Slow, Window};
use super::word::PROBES_MAX;

/// Configures a [`Circuit`].
///
/// | | unless set |
/// |---|---|
/// | window | the last 100 calls |
/// | calls before a rate says anything | 20, and never more than a count window holds |
/// | failure rate | half |
/// | slow calls | not counted |
/// | failures in a row | not counted |
/// | calls that are given up | ignored |
/// | open | 5 s |
/// | probes | 3, decided after at most 10 s |
///
/// It opens as soon as one of the limits that are set is reached.
#[derive(Clone, Debug)]
#[must_use = "nothing is built before `build`"]
pub struct CircuitBuilder<C: Clock = SystemClock> {
    name: Arc<str>,
    window: Window,
    minimum_calls: u32,
    failure_rate: Option<f64>,
    slow: Option<(Duration, f64)>,
    consecutive: Option<u32>,
    cancelled: Cancelled,
    open: Backoff,
    probes: u32,
    probe_wait: Duration,
    observer: Option<Watching>,
    clock: C,
}

#[derive(Clone)]
struct Watching(Arc<dyn Observer>);

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

// === impl CircuitBuilder ===

impl CircuitBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            window: Window::Count(100),
            minimum_calls: 20,
            failure_rate: Some(0.5),
            slow: None,
            consecutive: None,
            cancelled: Cancelled::Ignored,
            open: Backoff::fixed(Duration::from_secs(5)),
            probes: 3,
            probe_wait: Duration::from_secs(10),
            observer: None,
            clock: SystemClock,
        }
    }
}

impl<C: Clock> CircuitBuilder<C> {
    /// Sets what the rates are of.
    pub fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Sets how many calls must be in the window before a rate says anything.
    pub fn minimum_calls(mut self, calls: u32) -> Self {
        self.minimum_calls = calls;
        self
    }

    /// Opens when this share of the calls in the window failed: above 0, at most 1.
    pub fn failure_rate(mut self, share: f64) -> Self {
        self.failure_rate = Some(share);
        self
    }

    /// Counts no failure rate: for a circuit that opens by something else.
    pub fn without_failure_rate(mut self) -> Self {
        self.failure_rate = None;
        self
    }

    /// Opens when this share of the calls in the window took longer than `above`, or is taking longer right now: a
    /// dependency that never answers opens the circuit by the calls that hang.
    pub fn slow_calls(mut self, above: Duration, share: f64) -> Self {
        self.slow = Some((above, share));
        self
    }

    /// Opens when so many calls in a row failed: for a dependency that is asked too seldom for rates. What is counted and
    /// did not fail ends a row, a slow call that was given up too; what is ignored does not.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive = Some(failures);
        self
    }

    /// Sets what counts when a call is given up before its outcome is known.
    pub fn cancelled(mut self, cancelled: Cancelled) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Sets how long the circuit stays open: the first wait of `backoff` when it opens from closed, and the next each
    /// time that its probes fail.
    pub fn open_for(mut self, backoff: Backoff) -> Self {
        self.open = backoff;
        self
    }

    /// Sets how many calls are let through to try the dependency: 1 to 50. They decide together, by the same shares;
    /// without a failure rate, one that fails is enough.
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// Sets how long the probes have: after that those that are back decide, and if none is, the circuit opens again.
    pub fn probe_wait(mut self, wait: Duration) -> Self {
        self.probe_wait = wait;
        self
    }

    /// Reports every move, and every call that is refused.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Watching(Arc::new(observer)));
        self
    }

    /// Sets the clock, for tests.
    pub fn clock<D: Clock>(self, clock: D) -> CircuitBuilder<D> {
        CircuitBuilder {
            name: self.name,
            window: self.window,
            minimum_calls: self.minimum_calls,
            failure_rate: self.failure_rate,
            slow: self.slow,
            consecutive: self.consecutive,
            cancelled: self.cancelled,
            open: self.open,
            probes: self.probes,
            probe_wait: self.probe_wait,
            observer: self.observer,
            clock,
        }
    }

    /// The same under another name.
    pub(crate) fn named(mut self, name: Arc<str>) -> Self {
        self.name = name;
        self
    }

    /// The observer, for whoever reports about several circuits.
    pub(crate) fn watching(&self) -> Option<Arc<dyn Observer>> {
        self.observer.clone().map(|watching| watching.0)
    }

    /// The name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Builds the circuit.
    ///
    /// # Errors
    /// [`ConfigError`] names every number that makes no sense.
    pub fn build(self) -> Result<Circuit<C>, ConfigError> {
        let settings = self.check()?;
        Ok(Circuit::new(settings, self.clock))
    }

    fn check(&self) -> Result<Settings, ConfigError> {
        let mut problems = Problems::new();
        if self.name.is_empty() {
            problems.push("name", "is empty", "say what the circuit protects");
        }
        let room = match self.window {
            Window::Count(calls) => {
                if !(1..=RING_MAX).contains(&calls) {
                    problems.push(
                        "window",
                        format!("is {calls} calls"),
                        "choose 1 to 16383 calls",
                    );
                }
                calls
            }
            Window::Time(span) => {
                if span < Duration::from_millis(10) || span > LONGEST {
                    problems.push("window", format!("is {span:?}"), "choose 10 ms to 24 h");
                }
                u32::MAX
            }
        };
        if self.minimum_calls == 0 {
            problems.push("minimum_calls", "is zero", "choose at least 1");
        }
        let mut share = |path: &str, share: f64| {
            let rate = Rate::new(share);
            if rate.is_none() {
                let remedy = "choose a share above 0 and at most 1: 0.5 is half";
                problems.push(path, format!("is {share}"), remedy);
            }
            rate
        };
        let failure_rate = self
            .failure_rate
            .and_then(|rate| share("failure_rate", rate));
        let slow = self.slow.and_then(|(above, rate)| {
            let rate = share("slow_calls.share", rate)?;
            Some(Slow { above, rate })
        });
        if let Some((above, _)) = self.slow
            && !(SHORTEST..=LONGEST).contains(&above)
        {
            problems.push(
                "slow_calls.above",
                format!("is {above:?}"),
                "choose 1 ms to 24 h",
            );
        }
        if self.consecutive == Some(0) {
            problems.push(
                "consecutive_failures",
                "is zero",
                "choose at least 1, or leave it out",
            );
        }
        if self.failure_rate.is_none() && self.slow.is_none() && self.consecutive.is_none() {
            let remedy = "set failure_rate, slow_calls or consecutive_failures";
            problems.push("limits", "are none: it would never open", remedy);
        }
        if let Cancelled::FailedAfter(after) = self.cancelled
            && !(SHORTEST..=LONGEST).contains(&after)
        {
            let remedy =
                "choose 1 ms to 24 h: callers who hang up at once must not open the circuit";
            problems.push("cancelled", format!("is {after:?}"), remedy);
        }
        let (first, last) = (self.open.ceiling(0), self.open.ceiling(u32::MAX));
        if first < SHORTEST || last > LONGEST {
            let message = format!("is {first:?} to {last:?}");
            problems.push("open_for", message, "choose waits of 1 ms to 24 h");
        }
        if !(1..=u32::from(PROBES_MAX)).contains(&self.probes) {
            problems.push("probes", format!("is {}", self.probes), "choose 1 to 50");
        }
        if !(SHORTEST..=LONGEST).contains(&self.probe_wait) {
            let remedy =
                "choose 1 ms to 24 h: probes that never come back must not hold the circuit";
            problems.push("probe_wait", format!("is {:?}", self.probe_wait), remedy);
        }
        problems.into_result(Settings {
            name: Name::new(&self.name),
            window: self.window,
            minimum_calls: u64::from(self.minimum_calls.min(room)),
            failure_rate,
            slow,
            consecutive: self.consecutive.map(u64::from),
            cancelled: self.cancelled,
            open: self.open,
            probes: u8::try_from(self.probes).unwrap_or(PROBES_MAX),
            probe_wait_millis: u64::try_from(self.probe_wait.as_millis()).unwrap_or(u64::MAX),
            observer: self.watching(),
        })
    }
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests {
    use super::*;

    fn paths(builder: CircuitBuilder) -> Vec<String> {
        match builder.build() {
            Ok(_) => Vec::new(),
            Err(error) => error
                .problems()
                .map(|problem| problem.path.clone())
                .collect(),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = Circuit::builder("")
            .window(Window::Count(0))
            .minimum_calls(0)
            .failure_rate(f64::NAN)
            .slow_calls(Duration::ZERO, 50.0)
            .consecutive_failures(0)
            .cancelled(Cancelled::FailedAfter(Duration::ZERO))
            .open_for(Backoff::none())
            .probes(0)
            .probe_wait(Duration::ZERO);
        assert_eq!(
            paths(wrong),
            [
                "name",
                "window",
                "minimum_calls",
                "failure_rate",
                "slow_calls.share",
                "slow_calls.above",
                "consecutive_failures",
                "cancelled",
                "open_for",
                "probes",
                "probe_wait",
            ]
        );
    }

    #[test]
    fn bounds_are_told_from_what_is_beyond_them() {
        let builder = || Circuit::builder("x");
        let second = Duration::from_secs(1);
        assert!(paths(builder()).is_empty());
        assert!(paths(builder().window(Window::Count(16_383)).probes(50)).is_empty());
        assert_eq!(paths(builder().window(Window::Count(16_384))), ["window"]);
        assert_eq!(
            paths(builder().window(Window::Time(Duration::MAX))),
            ["window"]
        );
        assert_eq!(
            paths(builder().window(Window::Time(Duration::from_millis(9)))),
            ["window"]
        );
        assert_eq!(paths(builder().probes(51)), ["probes"]);
        assert_eq!(paths(builder().failure_rate(1.0)), Vec::<String>::new());
        assert_eq!(paths(builder().failure_rate(0.0)), ["failure_rate"]);
        assert_eq!(
            paths(builder().slow_calls(second, f64::INFINITY)),
            ["slow_calls.share"]
        );
        assert_eq!(paths(builder().without_failure_rate()), ["limits"]);
        assert_eq!(paths(builder().probe_wait(Duration::MAX)), ["probe_wait"]);
        let endless = Backoff::exponential(second, Duration::MAX);
        assert_eq!(paths(builder().open_for(endless)), ["open_for"]);
    }
}
