//! The configuration of the log, checked as a whole.

use std::time::Duration;

use portcullis_core::{ConfigError, Problems};

use super::RedisLog;
use super::keys::Keys;
use super::replicas::Replicas;
use crate::RedisConfig;

/// The configuration of a [`RedisLog`]. Made by [`RedisLog::builder`].
///
/// | setting | default | allowed |
/// |---|---|---|
/// | [`with_replicas`](Self::with_replicas) | unknown | 0 to 100 |
/// | [`with_max_lag`](Self::with_max_lag) | 2 s | 1 s to 60 s |
/// | [`with_deadline`](Self::with_deadline) | 200 ms | 1 ms to 10 s |
/// | [`with_durable_within`](Self::with_durable_within) | 100 ms | 1 ms to 10 s |
/// | [`with_prefix`](Self::with_prefix) | `portcullis` | 1 to 64 of letters, digits, `:`, `_`, `.`, `-` |
#[derive(Clone, Debug)]
#[must_use = "nothing runs before start"]
pub struct RedisLogBuilder {
    pub(super) config: RedisConfig,
    prefix: String,
    replicas: Option<u32>,
    max_lag: Duration,
    pub(super) deadline: Duration,
    pub(super) durable_within: Duration,
}

// === impl RedisLogBuilder ===

impl RedisLogBuilder {
    pub(super) fn new(config: RedisConfig) -> Self {
        Self {
            config,
            prefix: "portcullis".to_owned(),
            replicas: None,
            max_lag: Duration::from_secs(2),
            deadline: Duration::from_millis(200),
            durable_within: Duration::from_millis(100),
        }
    }

    /// How many replicas the primary has. Polls answer only while half of them, rounded up, are in step:
    /// without this, a split is not noticed and there is no bound.
    pub const fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// How long a replica in step may not have been heard of. In whole seconds; the server's
    /// `min-replicas-max-lag` should be the same.
    pub const fn with_max_lag(mut self, lag: Duration) -> Self {
        self.max_lag = lag;
        self
    }

    /// How long one call may take. Choose less than whoever polls waits, so that it is the link which learns
    /// that a server is silent.
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long to wait for replicas to have a revocation. When it is over, the acknowledgement says how many
    /// have it.
    pub const fn with_durable_within(mut self, span: Duration) -> Self {
        self.durable_within = span;
        self
    }

    /// What the names of all keys begin with. Logs with different prefixes know nothing of each other.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Begins to connect. The server may be down.
    ///
    /// # Errors
    /// All that is wrong with the configuration, or that this is not inside a Tokio runtime with timers.
    pub fn start(self) -> Result<RedisLog, ConfigError> {
        let mut problems = Problems::new();
        let mut span = |field: &str, value: Duration, least: u64, most: u64| {
            let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
            if value < least || value > most {
                problems.push(
                    field,
                    format!("is {value:?}"),
                    format!("choose a span from {least:?} to {most:?}"),
                );
            }
        };
        span("max_lag", self.max_lag, 1000, 60_000);
        span("deadline", self.deadline, 1, 10_000);
        span("durable_within", self.durable_within, 1, 10_000);
        if self.max_lag.subsec_nanos() != 0 {
            let is = format!("is {:?}", self.max_lag);
            problems.push("max_lag", is, "choose whole seconds, as the server counts");
        }
        if self.replicas.is_some_and(|replicas| replicas > 100) {
            problems.push(
                "replicas",
                "is more than 100",
                "say how many replicas follow the primary",
            );
        }
        problems.absorb("redis", self.config.check());
        let keys = problems.absorb("", Keys::new(&self.prefix));
        problems.check()?;
        let keys = keys.map_or_else(|| Keys::new("portcullis"), Ok)?;
        let replicas = Replicas::new(self.replicas, self.max_lag);
        RedisLog::start(self, keys, replicas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_without_a_runtime_nothing_panics() {
        let config = RedisConfig::parse("redis://localhost").unwrap();
        let wrong = RedisLog::builder(config.clone().with_most_calls(0))
            .with_max_lag(Duration::from_millis(1500))
            .with_deadline(Duration::ZERO)
            .with_durable_within(Duration::ZERO)
            .with_replicas(101)
            .with_prefix("{}");
        let error = wrong.start().unwrap_err();
        let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
        let expected = [
            "deadline",
            "durable_within",
            "max_lag",
            "replicas",
            "redis.most_calls",
            "prefix",
        ];
        assert_eq!(paths, expected);
        let error = RedisLog::builder(config).start().unwrap_err();
        assert!(error.to_string().contains("runtime"), "{error}");
    }
}
