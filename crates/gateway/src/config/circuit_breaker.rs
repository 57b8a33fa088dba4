//! `[circuit_breaker]`

use std::time::Duration;

use portcullis_circuit_breaker::{Circuit, CircuitBuilder, Window};
use portcullis_core::{Backoff, ConfigError, Problems};
use toml::Table;

use super::section::Section;

/// When an upstream is left alone for a while.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CircuitBreaker {
    /// `enabled`: whether upstreams are watched at all. They are unless it is false.
    pub enabled: bool,
    /// `window`: the time that the shares are of. 30 s unless set.
    pub window: Duration,
    /// `minimum_calls`: requests in that time before a share says anything. 20 unless set.
    pub minimum_calls: u32,
    /// `failure_rate`: the share of failures. 0.5 unless set.
    pub failure_rate: f64,
    /// `slow_above`: what is slow, until the head of the answer. Nothing is unless set.
    pub slow_above: Option<Duration>,
    /// `slow_rate`: the share of slow ones. 0.5 unless set.
    pub slow_rate: f64,
    /// `consecutive_failures`: failures in a row. They are not counted unless set.
    pub consecutive_failures: Option<u32>,
    /// `open_for`: how long it is left alone. 5 s unless set.
    pub open_for: Duration,
    /// `probes`: how many requests try it after that. 3 unless set.
    pub probes: u32,
    /// `probe_wait`: how long these have. 10 s unless set.
    pub probe_wait: Duration,
}

// === impl CircuitBreaker ===

impl CircuitBreaker {
    pub(super) fn read(table: Table) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let unset = Self::default();
        // What is no such number is out of range, too.
        let number = |section: &mut Section, key, unset: u32| {
            let number = section.integer(key);
            number.map_or(unset, |number| u32::try_from(number).unwrap_or(0))
        };
        let breaker = Self {
            enabled: section.flag("enabled").unwrap_or(true),
            window: section.duration("window").unwrap_or(unset.window),
            minimum_calls: number(&mut section, "minimum_calls", unset.minimum_calls),
            failure_rate: section.number("failure_rate").unwrap_or(unset.failure_rate),
            slow_above: section.duration("slow_above"),
            slow_rate: section.number("slow_rate").unwrap_or(unset.slow_rate),
            consecutive_failures: section
                .integer("consecutive_failures")
                .map(|number| u32::try_from(number).unwrap_or(0)),
            open_for: section.duration("open_for").unwrap_or(unset.open_for),
            probes: number(&mut section, "probes", unset.probes),
            probe_wait: section.duration("probe_wait").unwrap_or(unset.probe_wait),
        };
        if breaker.slow_above.is_none() && breaker.slow_rate.to_bits() != unset.slow_rate.to_bits()
        {
            section.wrong(
                "slow_rate",
                "is set, and nothing is slow",
                "set slow_above too",
            );
        }
        section.absorb("", breaker.check());
        section.finish().into_result(breaker)
    }

    /// The circuit of an upstream.
    pub(crate) fn circuit(&self, name: &str) -> CircuitBuilder {
        let mut builder = Circuit::builder(name)
            .window(Window::Time(self.window))
            .minimum_calls(self.minimum_calls)
            .failure_rate(self.failure_rate)
            .open_for(Backoff::fixed(self.open_for))
            .probes(self.probes)
            .probe_wait(self.probe_wait);
        if let Some(above) = self.slow_above {
            builder = builder.slow_calls(above, self.slow_rate);
        }
        if let Some(failures) = self.consecutive_failures {
            builder = builder.consecutive_failures(failures);
        }
        builder
    }

    /// What is wrong with the numbers, by the names that they have here.
    fn check(&self) -> Result<(), ConfigError> {
        let Err(error) = self.circuit("upstream").build() else {
            return Ok(());
        };
        let mut problems = Problems::new();
        for problem in error.problems() {
            let path = match &*problem.path {
                "slow_calls.above" => "slow_above",
                "slow_calls.share" => "slow_rate",
                other => other,
            };
            problems.push(path, problem.message.clone(), problem.remedy.clone());
        }
        problems.into_result(())
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(30),
            minimum_calls: 20,
            failure_rate: 0.5,
            slow_above: None,
            slow_rate: 0.5,
            consecutive_failures: None,
            open_for: Duration::from_secs(5),
            probes: 3,
            probe_wait: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CircuitBreaker, ConfigError> {
        CircuitBreaker::read(text.parse().unwrap())
    }

    fn paths(text: &str) -> Vec<String> {
        let error = read(text).unwrap_err();
        error
            .problems()
            .map(|problem| problem.path.clone())
            .collect()
    }

    #[test]
    fn nothing_said_is_the_numbers_of_the_docs() {
        assert_eq!(read("").unwrap(), CircuitBreaker::default());
        assert!(!read("enabled = false").unwrap().enabled);
    }

    #[test]
    fn what_is_said_is_what_is_built() {
        let text = "window = \"10s\"\nminimum_calls = 5\nfailure_rate = 1\nslow_above = \"1s\"\nslow_rate = 0.8\n\
                    consecutive_failures = 5\nopen_for = \"2s\"\nprobes = 1\nprobe_wait = \"3s\"";
        let breaker = read(text).unwrap();
        assert_eq!(breaker.window, Duration::from_secs(10));
        assert_eq!((breaker.failure_rate, breaker.slow_rate), (1.0, 0.8));
        assert!(breaker.circuit("x").build().is_ok());
    }

    #[test]
    fn everything_that_is_wrong_is_said_by_its_key() {
        let wrong = "window = \"1ms\"\nminimum_calls = 0\nfailure_rate = 50\nslow_above = \"0s\"\nslow_rate = -1\n\
                     consecutive_failures = -1\nopen_for = \"48h\"\nprobes = 1000\nprobe_wait = \"0s\"\nrate = 1";
        let mut found = paths(wrong);
        found.sort();
        let keys = [
            "consecutive_failures",
            "failure_rate",
            "minimum_calls",
            "open_for",
            "probe_wait",
            "probes",
            "rate",
            "slow_above",
            "slow_rate",
            "window",
        ];
        assert_eq!(found, keys);
        assert_eq!(paths("slow_rate = 0.9"), ["slow_rate"]);
        assert_eq!(paths("failure_rate = \"half\""), ["failure_rate"]);
    }
}
