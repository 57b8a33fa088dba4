//! The task that follows a file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_core::ConfigError;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::MissedTickBehavior;

use super::file::ConfigFile;
use super::snapshot::Snapshot;
use super::watch::Watch;
use crate::live::Live;

/// Follows a file, in a task that ends with it.
pub(crate) struct Follower {
    ask: Arc<Notify>,
    /// Aborted when dropped.
    _task: JoinSet<()>,
}

/// What the task knows.
struct Following {
    live: Arc<Live>,
    path: PathBuf,
    watch: Watch,
}

/// How long files may take to be read. Beyond that it is said that they do, and waited for on.
const PATIENCE: Duration = Duration::from_secs(10);

// === impl Follower ===

impl Follower {
    /// Looks at the files every so often. Must be called inside a runtime.
    pub(crate) fn start(live: Arc<Live>, file: ConfigFile, every: Duration) -> Self {
        let ask = Arc::new(Notify::new());
        let following = Following {
            live,
            path: file.path,
            watch: Watch::new(file.seen),
        };
        let mut task = JoinSet::new();
        task.spawn(following.run(Arc::clone(&ask), every));
        Self { ask, _task: task }
    }

    /// Has the file taken at once, changed or not. Any number of calls while it is being taken has it
    /// taken once more.
    pub(crate) fn take_now(&self) {
        self.ask.notify_one();
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

// === impl Following ===

impl Following {
    async fn run(mut self, ask: Arc<Notify>, every: Duration) {
        // An interval of nothing would panic.
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = ask.notified() => true,
                _ = ticks.tick() => false,
            };
            if !asked && !self.live.load().config.server.watch {
                continue;
            }
            let files = self.watch.files().clone();
            let Some(now) = self.blocking(move || files.again()).await else {
                continue;
            };
            if self.watch.look(&now) || asked {
                self.take(now, asked).await;
            }
        }
    }

    /// Takes the files, as they stood at the last look or, if `asked`, as they are.
    async fn take(&mut self, looked_at: Snapshot, asked: bool) {
        let (path, live) = (self.path.clone(), Arc::clone(&self.live));
        let look = looked_at.clone();
        let taken = self.blocking(move || {
            let file = match ConfigFile::load(path) {
                Ok(file) => file,
                Err(error) => {
                    live.refuse(&error, asked);
                    return Taken::Bad;
                }
            };
            if !asked && !file.seen.agrees_with(&look) {
                return Taken::Moving;
            }
            match live.replace(file.config, asked) {
                Ok(()) => Taken::Good(file.seen),
                Err(_) => Taken::Bad,
            }
        });
        match taken.await {
            Some(Taken::Good(seen)) => self.watch.took(seen),
            Some(Taken::Bad) => self.watch.refused(looked_at),
            Some(Taken::Moving) | None => {}
        }
    }

    /// Does something that blocks, on a thread for that. None if it panicked.
    ///
    /// A file system that hangs is waited for, by one thread at a time: there is nothing else to take a
    /// configuration from. Requests do not notice.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mut work = spawn_blocking(work);
        let done = match tokio::time::timeout(PATIENCE, &mut work).await {
            Ok(done) => done,
            Err(_) => {
                let error = ConfigError::new(
                    self.path.display().to_string(),
                    format!("could not be read within {} s", PATIENCE.as_secs()),
                    "look at the file system that it is on",
                );
                self.live.refuse(&error, false);
                // So that it is taken, and all is said to be well again, as soon as it can be read.
                self.watch.distrust();
                work.await
            }
        };
        done.ok()
    }
}

/// What came of an attempt.
enum Taken {
    Good(Snapshot),
    Bad,
    /// It changed since it was looked at: it is looked at again.
    Moving,
}
