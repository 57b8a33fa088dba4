//! The configuration of revocation, checked as a whole.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use portcullis_core::{Clock, ConfigError, Problems, SystemClock};
use tokio::sync::Notify;

use crate::follower::{Follower, Settings};
use crate::log::RevocationLog;
use crate::revocation::Core;
use crate::time::Moment;
use crate::{Horizon, Revocation, Secrets, View, task};

/// The configuration of revocation. Made by [`Revocation::builder`].
///
/// | setting | default | allowed |
/// |---|---|---|
/// | [`with_poll_every`](Self::with_poll_every) | 500 ms ± 20 % | 20 ms to 60 s |
/// | [`with_poll_deadline`](Self::with_poll_deadline) | 250 ms | 1 ms to 10 s |
/// | [`with_max_age`](Self::with_max_age) | 15 s | from what one poll may take in all, to 300 s |
/// | [`with_max_token_lifetime`](Self::with_max_token_lifetime) | 24 h | 60 s to 400 days |
/// | [`with_capacity`](Self::with_capacity) | 1 000 000 ids | 1 to 100 000 000 |
/// | [`with_page`](Self::with_page) | 1000 changes | 2 to 100 000 |
#[must_use = "nothing runs before start"]
pub struct RevocationBuilder {
    secrets: Secrets,
    log: Arc<dyn RevocationLog>,
    moment: Arc<dyn Fn() -> Moment + Send + Sync>,
    poll_every: Duration,
    poll_deadline: Duration,
    max_age: Duration,
    max_token_lifetime: Duration,
    capacity: usize,
    page: usize,
}

/// How many records are brought back to the log at a time.
const BATCH: usize = 500;

// === impl RevocationBuilder ===

impl RevocationBuilder {
    /// How often the log is asked, unless set; give or take a fifth.
    pub const POLL_EVERY: Duration = Duration::from_millis(500);
    /// How long one answer of the log may take, unless set.
    pub const POLL_DEADLINE: Duration = Duration::from_millis(250);
    /// The greatest age of a view that counts as synced, unless set.
    pub const MAX_AGE: Duration = Duration::from_secs(15);
    /// How many ids a view has room for, unless set.
    pub const CAPACITY: usize = 1_000_000;
    /// How many changes are read at a time, unless set.
    pub const PAGE: usize = 1000;

    pub(crate) fn new(secrets: Secrets, log: Arc<dyn RevocationLog>) -> Self {
        Self {
            secrets,
            log,
            moment: Arc::new(|| Moment::of(&SystemClock)),
            poll_every: Self::POLL_EVERY,
            poll_deadline: Self::POLL_DEADLINE,
            max_age: Self::MAX_AGE,
            max_token_lifetime: Horizon::DEFAULT.max_token_lifetime(),
            capacity: Self::CAPACITY,
            page: Self::PAGE,
        }
    }

    /// How often to ask the log, give or take a fifth.
    pub const fn with_poll_every(mut self, every: Duration) -> Self {
        self.poll_every = every;
        self
    }

    /// How long one answer of the log may take.
    pub const fn with_poll_deadline(mut self, deadline: Duration) -> Self {
        self.poll_deadline = deadline;
        self
    }

    /// The greatest age of a view that counts as synced. What is asked of a request may be less.
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The longest life of an access token: a token that lives longer is refused. See [`Horizon`].
    pub const fn with_max_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_token_lifetime = lifetime;
        self
    }

    /// How many ids the view has room for, at about 150 bytes each.
    pub const fn with_capacity(mut self, ids: usize) -> Self {
        self.capacity = ids;
        self
    }

    /// How many changes to read at a time.
    pub const fn with_page(mut self, changes: usize) -> Self {
        self.page = changes;
        self
    }

    /// Replaces the clock. Its monotonic time must not be that of the processor's tick counter.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.moment = Arc::new(move || Moment::of(&clock));
        self
    }

    /// Starts the task that keeps the view in step. Until it has read the log, nothing is known.
    ///
    /// # Errors
    /// All that is wrong with the configuration, or that this is not inside a Tokio runtime with timers.
    pub fn start(self) -> Result<Revocation, ConfigError> {
        let horizon = self.check()?;
        let (view, writer) = View::new(
            (self.moment)().at,
            self.secrets.clone(),
            horizon,
            self.max_age,
            self.capacity,
        );
        let settings = Settings {
            fingerprints: self.secrets.fingerprints().collect(),
            horizon,
            page: self.page,
            batch: BATCH,
            max_age: self.max_age,
        };
        let core = Arc::new(Core {
            log: self.log,
            follower: Mutex::new(Follower::new(writer, settings)),
            view,
            secrets: self.secrets,
            horizon,
            moment: self.moment,
            poll_every: self.poll_every,
            poll_deadline: self.poll_deadline,
            closed: AtomicBool::new(false),
            wake: Notify::new(),
        });
        tokio::spawn(task::run(Arc::clone(&core)));
        Ok(Revocation::of(core))
    }

    fn check(&self) -> Result<Horizon, ConfigError> {
        let mut problems = Problems::new();
        let millis = Duration::from_millis;
        within(
            &mut problems,
            "poll_every",
            self.poll_every,
            millis(20),
            millis(60_000),
        );
        within(
            &mut problems,
            "poll_deadline",
            self.poll_deadline,
            millis(1),
            millis(10_000),
        );
        // One poll may begin a fifth late, and end at its deadline.
        let latest = self.poll_every.saturating_add(self.poll_every / 5);
        let least = latest.saturating_add(self.poll_deadline);
        within(
            &mut problems,
            "max_age",
            self.max_age,
            least,
            millis(300_000),
        );
        if !(1..=100_000_000).contains(&self.capacity) {
            let is = format!("is {}", self.capacity);
            problems.push("capacity", is, "choose from 1 to 100000000 ids");
        }
        if !(2..=100_000).contains(&self.page) {
            let is = format!("is {}", self.page);
            problems.push("page", is, "choose from 2 to 100000 changes");
        }
        if !task::has_timers() {
            problems.push(
                "",
                "is not inside a Tokio runtime with timers",
                "start it from async code",
            );
        }
        let horizon = problems.absorb("", Horizon::new(self.max_token_lifetime));
        problems.into_result(horizon.unwrap_or_default())
    }
}

fn within(problems: &mut Problems, path: &str, is: Duration, least: Duration, most: Duration) {
    if is < least || is > most {
        problems.push(
            path,
            format!("is {} ms", is.as_millis()),
            format!(
                "choose from {} ms to {} ms",
                least.as_millis(),
                most.as_millis()
            ),
        );
    }
}

impl fmt::Debug for RevocationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationBuilder").finish_non_exhaustive()
    }
}
