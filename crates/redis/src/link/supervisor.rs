//! The task that connects, probes and notices ends.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, sleep_until};

use super::Shared;
use super::connection::{Ask, Connection};
use super::error::Cause;
use super::machine::Step;

/// What is under way.
#[derive(Default)]
struct Work {
    attempt: Option<BoxFuture<'static, Result<Connection, Cause>>>,
    /// The one probe of a silent connection, and its number.
    probe: Option<(u64, BoxFuture<'static, Result<(), Ask>>)>,
}

/// After a panic.
const REST: Duration = Duration::from_secs(1);

/// Keeps the link up until it is aborted.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        let run = AssertUnwindSafe(run(&shared)).catch_unwind();
        let Err(_) = run.await;
        tracing::error!(target: "portcullis::redis", "the task of the link panicked; starting it again");
        shared.machine.lock().restart(Instant::now().into_std());
        sleep(REST).await;
    }
}

async fn run(shared: &Arc<Shared>) -> std::convert::Infallible {
    let mut work = Work::default();
    loop {
        let step = shared.machine.lock().step(Instant::now().into_std());
        let timer = match step {
            Step::Connect => {
                let shared = Arc::clone(shared);
                let attempt = async move { Connection::open(&shared.config, shared.demand).await };
                work.attempt = Some(attempt.boxed());
                None
            }
            Step::Until(instant) => instant,
        };
        work.mind_the_probe(shared);
        let current = shared.current.load_full();
        tokio::select! {
            made = attempt(&mut work.attempt) => {
                work.attempt = None;
                made_or_not(shared, made);
            }
            (number, answer) = probe(&mut work.probe) => {
                work.probe = None;
                match answer {
                    // An error is an answer.
                    Ok(()) | Err(Ask::Refused(_)) => shared.answered(number),
                    Err(Ask::Ended | Ask::Nonsense) => shared.lost(number, Cause::Closed),
                }
            }
            number = over(current.as_deref()) => shared.lost(number, Cause::Closed),
            () = until(timer.map(Instant::from_std)) => {}
            () = shared.nudge.notified() => {}
        }
    }
}

fn made_or_not(shared: &Shared, made: Result<Connection, Cause>) {
    let now = Instant::now().into_std();
    match made {
        Ok(mut connection) => {
            let mut machine = shared.machine.lock();
            connection.number = machine.connected(now);
            shared.current.store(Some(Arc::new(connection)));
            drop(machine);
            tracing::info!(target: "portcullis::redis", server = %shared.config, "connected");
            shared.tell();
        }
        Err(cause) => {
            let news = shared.machine.lock().failed(now, cause.clone());
            if news {
                tracing::warn!(target: "portcullis::redis", server = %shared.config, %cause, "cannot connect");
            }
        }
    }
}

// === impl Work ===

impl Work {
    /// One probe while the connection is silent, none otherwise.
    fn mind_the_probe(&mut self, shared: &Shared) {
        let silent = shared.machine.lock().silent();
        if self.probe.as_ref().map(|(number, _)| *number) == silent {
            return;
        }
        let current = shared.current.load_full();
        self.probe = silent.zip(current).map(|(number, connection)| {
            let ping = async move { connection.ask(&redis::cmd("PING")).await.map(|_| ()) };
            (number, ping.boxed())
        });
    }
}

async fn attempt(
    attempt: &mut Option<BoxFuture<'static, Result<Connection, Cause>>>,
) -> Result<Connection, Cause> {
    match attempt {
        Some(attempt) => attempt.await,
        None => pending().await,
    }
}

async fn probe(
    probe: &mut Option<(u64, BoxFuture<'static, Result<(), Ask>>)>,
) -> (u64, Result<(), Ask>) {
    match probe {
        Some((number, probe)) => (*number, probe.await),
        None => pending().await,
    }
}

async fn over(connection: Option<&Connection>) -> u64 {
    match connection {
        Some(connection) => {
            connection.over().await;
            connection.number
        }
        None => pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
