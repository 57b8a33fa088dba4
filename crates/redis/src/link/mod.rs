//! A connection that nobody waits for when it is down.

use std::fmt;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use portcullis_core::{ConfigError, Timed};
use redis::{Cmd, Value};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use self::connection::{Ask, Connection};
use self::machine::{Machine, Rules};
use crate::RedisConfig;

pub use self::error::{Cause, LinkError, ServerError};
pub use self::health::LinkHealth;

pub(crate) use self::connection::Demand;

mod connection;
mod error;
mod health;
pub(crate) mod info;
mod machine;
pub(crate) mod subscription;
mod supervisor;

/// A link to a primary: calls have a deadline, and fail at once while it is down.
///
/// | the server | a call | meanwhile |
/// |---|---|---|
/// | answers | takes as long as it takes, at most the deadline | |
/// | is down, or refuses us | fails at once, with the cause | connects again, after growing waits |
/// | hangs | fails after the deadline; after three in a row at once | asks once on the old connection, and opens another beside it |
/// | became a replica | fails with its error | resolves the name again, and connects to whom it leads |
///
/// A call that timed out may still be done, later: whatever is sent must be safe late and twice.
///
/// A background task connects. It ends with the last clone.
///
/// # Clone
/// Clones share the connection.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    _task: Arc<Task>,
}

/// What calls and the task share.
struct Shared {
    config: RedisConfig,
    demand: Demand,
    machine: Mutex<Machine>,
    current: ArcSwapOption<Connection>,
    /// Wakes the task.
    nudge: Notify,
    /// Changes whenever calls can be tried again.
    up: watch::Sender<u64>,
    under_way: AtomicUsize,
}

struct Task(JoinHandle<()>);

/// Counts a timeout if there was no answer for as long as a deadline, also where a caller gave up waiting.
struct Wait<'a> {
    shared: &'a Shared,
    number: u64,
    begun: Instant,
    over: bool,
}

/// Counts a call as long as it is under way.
struct Place<'a>(&'a AtomicUsize);

// === impl Link ===

impl Link {
    /// A link that begins to connect. The server may be down.
    ///
    /// # Errors
    /// If a value of the configuration is out of its bounds, or this is not inside a Tokio runtime with
    /// timers.
    pub fn start(config: RedisConfig) -> Result<Self, ConfigError> {
        Self::demanding(config, Demand::Primary)
    }

    pub(crate) fn demanding(config: RedisConfig, demand: Demand) -> Result<Self, ConfigError> {
        config.check()?;
        inside_a_runtime()?;
        let rules = Rules {
            reconnect_cap: config.reconnect_cap,
            max_age: config.max_age,
        };
        let machine = Machine::new(rules, Instant::now().into_std());
        let shared = Arc::new(Shared {
            config,
            demand,
            machine: Mutex::new(machine),
            current: ArcSwapOption::empty(),
            nudge: Notify::new(),
            up: watch::Sender::new(0),
            under_way: AtomicUsize::new(0),
        });
        let task = tokio::spawn(supervisor::keep(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _task: Arc::new(Task(task)),
        })
    }

    /// Asks whether the server answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), LinkError> {
        self.call(&redis::cmd("PING")).await.map(|_| ())
    }

    /// How the link is doing.
    #[must_use]
    pub fn health(&self) -> LinkHealth {
        let now = Instant::now().into_std();
        self.shared.machine.lock().health(now)
    }

    /// Waits until calls are tried, at most so long. Tells whether they are.
    ///
    /// For the start of a program, and for tests. Requests do not wait.
    pub async fn connected_within(&self, span: Duration) -> bool {
        let mut up = self.shared.up.subscribe();
        let connected = async {
            while self.shared.machine.lock().admit().is_err() {
                if up.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(span, connected).await.is_ok()
    }

    pub(crate) fn config(&self) -> &RedisConfig {
        &self.shared.config
    }

    /// Asks for an attempt to connect before its time, if there is no connection that answers.
    pub(crate) fn wake(&self) {
        let now = Instant::now().into_std();
        if self.shared.machine.lock().wake(now) {
            self.shared.nudge.notify_one();
        }
    }

    /// Changes whenever calls can be tried again.
    pub(crate) fn up(&self) -> watch::Receiver<u64> {
        self.shared.up.subscribe()
    }

    /// Says a command.
    pub(crate) async fn call(&self, command: &Cmd) -> Result<Value, LinkError> {
        self.call_within(command, self.shared.config.deadline).await
    }

    /// Says a command that may take so long. Where it is for a request that is timed, it is a stage of that.
    pub(crate) fn call_within(
        &self,
        command: &Cmd,
        deadline: Duration,
    ) -> impl Future<Output = Result<Value, LinkError>> {
        Timed::new("redis", self.ask(command, deadline))
    }

    async fn ask(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let shared = &*self.shared;
        let connection = shared.admit()?;
        let _place = shared.take_place()?;
        let number = connection.number;
        let mut wait = Wait::begin(shared, number);
        let answer = timeout(deadline, connection.ask(command)).await;
        wait.over = answer.is_ok();
        drop(wait);
        match answer {
            Err(_) => Err(LinkError::Timeout),
            Ok(Ok(answer)) => {
                shared.answered(number);
                Ok(answer)
            }
            Ok(Err(Ask::Refused(error))) => {
                shared.answered(number);
                // It was the primary when we shook hands.
                if matches!(error.code(), "READONLY" | "MASTERDOWN") {
                    shared.lost(number, Cause::Replica);
                }
                Err(LinkError::Refused(error))
            }
            Ok(Err(error)) => {
                shared.lost(number, Cause::Closed);
                Err(error.into())
            }
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.shared.config.url)
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// The only way to learn that a runtime has no timers is the panic of a timer.
fn inside_a_runtime() -> Result<(), ConfigError> {
    let timers = || drop(tokio::time::sleep(Duration::ZERO));
    if Handle::try_current().is_ok() && catch_unwind(timers).is_ok() {
        return Ok(());
    }
    Err(ConfigError::new(
        "",
        "is not inside a Tokio runtime with timers",
        "start it from async code",
    ))
}

// === impl Shared ===

impl Shared {
    fn admit(&self) -> Result<Arc<Connection>, LinkError> {
        self.machine.lock().admit()?;
        // Lost in between.
        self.current
            .load_full()
            .ok_or(LinkError::Down(Cause::Closed))
    }

    fn take_place(&self) -> Result<Place<'_>, LinkError> {
        let place = Place(&self.under_way);
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        if before >= self.config.most_calls {
            return Err(LinkError::Busy);
        }
        Ok(place)
    }

    fn answered(&self, number: u64) {
        let was_silent = self
            .machine
            .lock()
            .answered(number, Instant::now().into_std());
        if was_silent {
            tracing::info!(target: "portcullis::redis", server = %self.config, "answers again");
            self.nudge.notify_one();
            self.tell();
        }
    }

    fn timed_out(&self, number: u64) {
        let silent = self
            .machine
            .lock()
            .timed_out(number, Instant::now().into_std());
        if silent {
            tracing::warn!(target: "portcullis::redis", server = %self.config, "does not answer");
            self.nudge.notify_one();
        }
    }

    fn lost(&self, number: u64, cause: Cause) {
        let mut machine = self.machine.lock();
        if machine.lost(number, Instant::now().into_std(), cause.clone()) {
            self.current.store(None);
            drop(machine);
            tracing::warn!(target: "portcullis::redis", server = %self.config, %cause, "lost the connection");
            self.nudge.notify_one();
        }
    }

    /// Tells that calls can be tried again.
    fn tell(&self) {
        self.up.send_modify(|times| *times += 1);
    }
}

// === impl Wait ===

impl<'a> Wait<'a> {
    fn begin(shared: &'a Shared, number: u64) -> Self {
        Self {
            shared,
            number,
            begun: Instant::now(),
            over: false,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.over && self.begun.elapsed() >= self.shared.config.deadline {
            self.shared.timed_out(self.number);
        }
    }
}

// === impl Task ===

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Place ===

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
