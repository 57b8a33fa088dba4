//! How long a revocation is remembered.

use std::time::Duration;

use portcullis_core::ConfigError;

/// How long a revocation is remembered: until every token that it could be about has expired.
///
/// Set by the longest life of a token. A token that lives longer is refused where a log is in use, for a
/// watermark may be forgotten before such a token expires.
///
/// | what | is kept for |
/// |---|---|
/// | a tombstone | until the `exp` of the token + 300 s + 60 s; at most as long as a watermark |
/// | a watermark, a session, a lift | longest life of a token + 300 s + 60 s |
///
/// 300 s is the most leeway that any verifier may allow.
///
/// All nodes of one log must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    max_token_lifetime: Duration,
}

// === impl Horizon ===

impl Horizon {
    /// The most leeway that any verifier allows past `exp`.
    pub const LEEWAY: Duration = Duration::from_secs(300);
    /// What is added to it, so that clocks may differ a little.
    pub const MARGIN: Duration = Duration::from_secs(60);
    /// The longest life of a token that can be configured: 400 days.
    pub const LIFETIME_MAX: Duration = Duration::from_secs(400 * 24 * 3600);

    /// A horizon for tokens that live 24 hours at most.
    pub const DEFAULT: Self = Self {
        max_token_lifetime: Duration::from_secs(24 * 3600),
    };

    /// A horizon for tokens that live `max_token_lifetime` at most.
    ///
    /// # Errors
    /// If it is below a minute or above [`LIFETIME_MAX`](Self::LIFETIME_MAX).
    pub fn new(max_token_lifetime: Duration) -> Result<Self, ConfigError> {
        if max_token_lifetime < Duration::from_secs(60) || max_token_lifetime > Self::LIFETIME_MAX {
            return Err(ConfigError::new(
                "max_token_lifetime",
                format!("is {} s", max_token_lifetime.as_secs()),
                "choose a span from 60 s to 400 days that no access token outlives",
            ));
        }
        Ok(Self { max_token_lifetime })
    }

    /// The longest life of a token.
    #[must_use]
    pub const fn max_token_lifetime(self) -> Duration {
        self.max_token_lifetime
    }

    /// How long a watermark is kept.
    #[must_use]
    pub const fn keep(self) -> Duration {
        self.max_token_lifetime
            .saturating_add(Self::LEEWAY)
            .saturating_add(Self::MARGIN)
    }
}

impl Default for Horizon {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_that_make_no_sense_are_refused_with_the_field() {
        for seconds in [0, 59, 400 * 24 * 3600 + 1, u64::MAX] {
            let error = Horizon::new(Duration::from_secs(seconds)).unwrap_err();
            assert_eq!(error.problems().next().unwrap().path, "max_token_lifetime");
        }
        let day = Horizon::new(Duration::from_secs(24 * 3600)).unwrap();
        assert_eq!(day, Horizon::DEFAULT);
        assert_eq!(day.keep(), Duration::from_secs(24 * 3600 + 360));
    }
}
