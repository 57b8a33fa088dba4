//! A real redis-server for a test, to be frozen, killed, flushed and replicated.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use self::builder::RedisServerBuilder;
pub use self::reply::Reply;

use self::process::Process;

mod builder;
mod process;
mod reply;

/// How long anything that a test waits for may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running redis-server on a port of its own, with a folder of its own. It ends when this is dropped.
///
/// | to make | call |
/// |---|---|
/// | a crash | [`stop`](Self::stop), then [`restart`](Self::restart) or [`restart_empty`](Self::restart_empty) |
/// | a server that hangs, with its connections open | [`freeze`](Self::freeze), [`thaw`](Self::thaw) |
/// | a loss of all data | [`flush`](Self::flush) |
/// | a primary with replicas | [`RedisServerBuilder::replica_of`] |
/// | a failover | [`promote`](Self::promote) a replica, [`follow`](Self::follow) it with the others |
///
/// Functions panic where a test could not go on anyway: if the server is not there, does not start, or does
/// not answer.
///
/// # Example
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use portcullis_testing::RedisServer;
///
/// let primary = RedisServer::start().await;
/// let replica = RedisServer::builder().replica_of(&primary).start().await;
/// primary.command(&["SET", "gate", "open"]).await;
/// replica.until(async |replica| replica.command(&["GET", "gate"]).await == "open").await;
/// # }
/// ```
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    port: u16,
    password: Option<String>,
    folder: TempDir,
}

// === impl RedisServer ===

impl RedisServer {
    /// A server with nothing in it, which keeps nothing on disk.
    ///
    /// # Panics
    /// If there is no `redis-server`, or it does not start.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server of another kind.
    #[must_use]
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::new()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The same as a URL, without the password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The password, if it demands one.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The folder that it writes into, such as `dump.rdb` when it is told to `SAVE`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote into its log.
    #[must_use]
    pub fn log(&self) -> String {
        process::log(self.folder.path())
    }

    /// Kills it, without a farewell.
    pub fn stop(&mut self) {
        self.process.kill();
    }

    /// Stops it in its tracks: connections stay open, the kernel accepts new ones, nothing is answered.
    pub fn freeze(&self) {
        self.process.signal(process::FREEZE);
    }

    /// Lets it go on. What was sent meanwhile is done now.
    pub fn thaw(&self) {
        self.process.signal(process::THAW);
    }

    /// Starts it again on the same port, with what is on its disk: everything if it is
    /// [durable](RedisServerBuilder::durable), else nothing.
    pub async fn restart(&mut self) {
        self.stop();
        let begun = Instant::now();
        loop {
            self.process = Process::start(self.folder.path());
            match self.ready().await {
                Ok(()) => return,
                // Somebody may have a connection from this port, for a moment.
                Err(_) if begun.elapsed() < PATIENCE => {
                    self.stop();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(said) => panic!("redis-server did not start again:\n{said}"),
            }
        }
    }

    /// Starts it again on the same port, with nothing.
    pub async fn restart_empty(&mut self) {
        self.stop();
        process::forget(self.folder.path());
        self.restart().await;
    }

    /// Deletes everything, as soon as it may: a primary may have to wait for its replicas.
    pub async fn flush(&self) {
        self.until(async |server| server.command(&["FLUSHALL"]).await == "OK")
            .await;
    }

    /// Makes a replica a primary.
    pub async fn promote(&self) {
        assert_eq!(self.command(&["REPLICAOF", "NO", "ONE"]).await, "OK");
    }

    /// Makes it a replica of another, and waits until it has what that has.
    pub async fn follow(&self, primary: &Self) {
        if let Some(password) = primary.password() {
            let words = ["CONFIG", "SET", "masterauth", password];
            assert_eq!(self.command(&words).await, "OK");
        }
        let address = primary.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        assert_eq!(self.command(&["REPLICAOF", &host, &port]).await, "OK");
        self.until_in_step().await;
    }

    /// Says a command, on a connection of its own.
    ///
    /// # Panics
    /// If there is no answer within a few seconds. An error of the server is an answer.
    pub async fn command(&self, words: &[&str]) -> Reply {
        match self.try_command(words, Duration::from_secs(5)).await {
            Ok(reply) => reply,
            Err(error) => panic!("redis-server, asked {:?}: {error}", words.first()),
        }
    }

    /// A value of `INFO`, such as `connected_clients`.
    pub async fn info(&self, field: &str) -> Option<String> {
        self.command(&["INFO", "everything"]).await.field(field)
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// If it does not hold after 20 seconds.
    pub async fn until(&self, holds: impl AsyncFn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self).await {
            assert!(begun.elapsed() < PATIENCE, "it never came to be");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn try_command(&self, words: &[&str], within: Duration) -> Result<Reply, String> {
        let asked = reply::ask(self.address(), self.password(), words);
        match tokio::time::timeout(within, asked).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    async fn until_in_step(&self) {
        self.until(async |replica| {
            replica.info("master_link_status").await.as_deref() == Some("up")
        })
        .await;
    }

    /// Waits until it answers.
    async fn ready(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let pong = self.try_command(&["PING"], Duration::from_secs(1)).await;
            if pong.is_ok_and(|pong| pong == "PONG") {
                return Ok(());
            }
            if self.process.has_ended() || begun.elapsed() > PATIENCE {
                return Err(self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(20).collect();
            let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            eprintln!("redis-server {} said last:\n{last}", self.port);
        }
    }
}
