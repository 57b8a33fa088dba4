//! Bounds and times of a key source.

use std::time::Duration;

use portcullis_core::Problems;

/// How large a key set may be, and how many callers may wait for one.
///
/// | limit | default |
/// |---|---|
/// | size of a response | 256 KiB |
/// | keys in a set, usable or not | 256 |
/// | callers waiting for one fetch | 256 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwksLimits {
    /// The largest response read, in bytes.
    pub max_bytes: usize,
    /// The largest number of keys in a set, usable or not.
    pub max_keys: usize,
    /// The largest number of callers waiting for one fetch. The others are answered at once.
    pub max_waiters: usize,
}

/// When keys are fetched, and how long they are good.
///
/// | time | default |
/// |---|---|
/// | one attempt to fetch, metadata included | 5 s |
/// | soft age: `max-age` of the response, but within | 5 min ..= 6 h |
/// | … where the response says nothing | 15 min |
/// | refresh | at 80 % ± 10 % of the soft age |
/// | hard age | 24 h |
/// | retry after a failure | 1 s, doubling up to 15 s, of which up to half is taken away by chance |
/// | metadata is read again | after a failure, and every 24 h |
///
/// `no-cache` and `no-store` are the lower bound of the soft age: nothing makes a fetch per request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwksTimes {
    /// The deadline of one attempt, metadata, redirects and body included.
    pub attempt: Duration,
    /// The shortest soft age.
    pub soft_min: Duration,
    /// The longest soft age.
    pub soft_max: Duration,
    /// The soft age where the response does not say.
    pub soft_default: Duration,
    /// The age beyond which keys are not trusted.
    pub hard: Duration,
    /// The wait before the first retry.
    pub retry_first: Duration,
    /// The longest wait before a retry: with [`attempt`](Self::attempt) twice, the time within which
    /// keys come back after their issuer did.
    pub retry_max: Duration,
}

// === impl JwksLimits ===

impl Default for JwksLimits {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024,
            max_keys: 256,
            max_waiters: 256,
        }
    }
}

impl JwksLimits {
    pub(super) fn check(&self, problems: &mut Problems) {
        for (path, value) in [
            ("limits.max_bytes", self.max_bytes),
            ("limits.max_keys", self.max_keys),
            ("limits.max_waiters", self.max_waiters),
        ] {
            if value == 0 {
                problems.push(path, "is 0", "choose at least 1");
            }
        }
    }
}

// === impl JwksTimes ===

impl Default for JwksTimes {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(5),
            soft_min: Duration::from_secs(5 * 60),
            soft_max: Duration::from_secs(6 * 60 * 60),
            soft_default: Duration::from_secs(15 * 60),
            hard: Duration::from_secs(24 * 60 * 60),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(15),
        }
    }
}

impl JwksTimes {
    /// The longest time that may be configured. It keeps every sum of instants in range.
    pub(super) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    /// Below this, a retry after a failure would be a busy loop.
    const SHORTEST: Duration = Duration::from_millis(10);

    pub(super) fn check(&self, problems: &mut Problems) {
        for (path, value) in [
            ("times.attempt", self.attempt),
            ("times.soft_min", self.soft_min),
            ("times.soft_max", self.soft_max),
            ("times.soft_default", self.soft_default),
            ("times.hard", self.hard),
            ("times.retry_first", self.retry_first),
            ("times.retry_max", self.retry_max),
        ] {
            if value < Self::SHORTEST || value > Self::LONGEST {
                problems.push(
                    path,
                    format!("is {value:?}"),
                    "choose between 10 ms and 366 days",
                );
            }
        }
        for (path, low, high, bound) in [
            ("times.soft_max", self.soft_min, self.soft_max, "soft_min"),
            ("times.hard", self.soft_max, self.hard, "soft_max"),
            (
                "times.retry_max",
                self.retry_first,
                self.retry_max,
                "retry_first",
            ),
        ] {
            if low > high {
                problems.push(
                    path,
                    format!("is shorter than {bound}"),
                    format!("choose at least {low:?}"),
                );
            }
        }
    }

    /// A soft age within its bounds.
    pub(super) fn clamp_soft(&self, age: Option<Duration>) -> Duration {
        // The bounds are in order: `check` saw to it.
        age.unwrap_or(self.soft_default)
            .max(self.soft_min)
            .min(self.soft_max)
    }
}
