//! Where a server is, and how long to wait for it.

use std::fmt;
use std::time::Duration;

use portcullis_core::{ConfigError, Problems, Secret};

use self::url::Url;

mod url;

/// Where a server is, and how long to wait for it.
///
/// | what | default | bounds |
/// |---|---|---|
/// | [deadline](Self::with_deadline) of a call | 50 ms | 1 ms to 10 s |
/// | [deadline](Self::with_connect_deadline) of connecting, hand-shake included | 500 ms | 10 ms to 30 s |
/// | longest [wait](Self::with_reconnect_cap) between two attempts to connect | 30 s | 100 ms to 30 s |
/// | greatest [age](Self::with_max_age) of a connection | 1 h | 1 s to 24 h |
/// | calls [under way](Self::with_most_calls) at a time | 4096 | 1 to 65 536 |
///
/// # Examples
/// ```
/// use portcullis_core::{ConfigError, Secret};
/// use portcullis_redis::RedisConfig;
///
/// # fn main() -> Result<(), ConfigError> {
/// // The password comes from a file or a variable that only this process reads.
/// let password = Secret::from("open sesame");
/// let config = RedisConfig::parse("redis://redis.internal:6379/0")?.with_password(password);
/// assert_eq!(config.to_string(), "redis://redis.internal:6379/0");
///
/// let error = RedisConfig::parse("redis.internal").unwrap_err();
/// assert!(error.to_string().contains("redis://"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisConfig {
    pub(crate) url: Url,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) reconnect_cap: Duration,
    pub(crate) max_age: Duration,
    pub(crate) most_calls: usize,
}

// === impl RedisConfig ===

impl RedisConfig {
    /// Reads `redis://[username[:password]@]host[:port][/database]`.
    ///
    /// Prefer [`with_password`](Self::with_password): what stands in a URL ends up in process lists and
    /// shell histories.
    ///
    /// # Errors
    /// If it is not such a URL. The error shows nothing of it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let (url, username, password) = url::parse(text)?;
        Ok(Self {
            url,
            username,
            password,
            deadline: Duration::from_millis(50),
            connect_deadline: Duration::from_millis(500),
            reconnect_cap: Duration::from_secs(30),
            max_age: Duration::from_secs(3600),
            most_calls: 4096,
        })
    }

    /// The password.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// The user of the server's access list; without it, the default user.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// How long a call may take.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long connecting may take: name resolution, TCP, authentication and hand-shake together.
    #[must_use]
    pub const fn with_connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// The longest wait between two attempts to connect.
    #[must_use]
    pub const fn with_reconnect_cap(mut self, cap: Duration) -> Self {
        self.reconnect_cap = cap;
        self
    }

    /// How old a connection may get before another takes its place, so that a name that leads elsewhere
    /// is noticed.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// How many calls may be under way at a time. One more fails at once.
    #[must_use]
    pub const fn with_most_calls(mut self, calls: usize) -> Self {
        self.most_calls = calls;
        self
    }

    /// Checks everything that was set.
    ///
    /// # Errors
    /// Every value out of its bounds, and a password that is not text.
    pub fn check(&self) -> Result<(), ConfigError> {
        let millis = Duration::from_millis;
        let seconds = Duration::from_secs;
        let mut problems = Problems::new();
        let mut span = |field: &str, value: Duration, least: Duration, most: Duration| {
            if value < least || value > most {
                problems.push(
                    field,
                    format!("is {value:?}"),
                    format!("choose a span from {least:?} to {most:?}"),
                );
            }
        };
        span("deadline", self.deadline, millis(1), seconds(10));
        let connect = self.connect_deadline;
        span("connect_deadline", connect, millis(10), seconds(30));
        let cap = self.reconnect_cap;
        span("reconnect_cap", cap, millis(100), seconds(30));
        span("max_age", self.max_age, seconds(1), seconds(24 * 3600));
        if !(1..=65_536).contains(&self.most_calls) {
            problems.push(
                "most_calls",
                format!("is {}", self.most_calls),
                "choose a number from 1 to 65536",
            );
        }
        match &self.password {
            Some(password) if password.expose_str().is_none() => problems.push(
                "password",
                "is not UTF-8",
                "take the password as text, without an encoding round it",
            ),
            None if self.username.is_some() => problems.push(
                "password",
                "is missing, while there is a username",
                "give the password of this user, or leave the username out",
            ),
            _ => {}
        }
        problems.check()
    }
}

/// The URL, without username and password.
impl fmt::Display for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_out_of_bounds_is_told_at_once() {
        let config = RedisConfig::parse("redis://localhost")
            .unwrap()
            .with_deadline(Duration::ZERO)
            .with_connect_deadline(Duration::MAX)
            .with_reconnect_cap(Duration::from_secs(31))
            .with_max_age(Duration::ZERO)
            .with_most_calls(0)
            .with_username("gate");
        let error = config.check().unwrap_err();
        let paths: Vec<_> = error.problems().map(|problem| &*problem.path).collect();
        assert_eq!(
            paths,
            [
                "deadline",
                "connect_deadline",
                "reconnect_cap",
                "max_age",
                "most_calls",
                "password"
            ]
        );
        assert!(
            RedisConfig::parse("redis://localhost")
                .unwrap()
                .check()
                .is_ok()
        );
    }

    #[test]
    fn nothing_shows_a_password() {
        let config = RedisConfig::parse("redis://gate:open%20sesame@host:1/2").unwrap();
        assert_eq!(config.password.as_ref().unwrap().expose(), b"open sesame");
        assert_eq!(config.username.as_deref(), Some("gate"));
        assert!(config.check().is_ok());
        for shown in [config.to_string(), format!("{config:?}")] {
            assert!(!shown.contains("sesame"), "{shown}");
        }
        let binary = config.with_password(Secret::new(vec![0xff]));
        let error = binary.check().unwrap_err();
        assert_eq!(error.problems().next().unwrap().path, "password");
    }
}
