//! What kind of server it is to be.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;

use super::RedisServer;
use super::process::Process;

/// How often another port is tried if somebody took the one that was free a moment ago.
const TRIES: usize = 10;

/// What kind of server it is to be.
#[derive(Clone, Debug, Default)]
pub struct RedisServerBuilder {
    options: String,
    password: Option<String>,
    primary: Option<(u16, Option<String>)>,
    durable: bool,
}

// === impl RedisServerBuilder ===

impl RedisServerBuilder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A line of `redis.conf`, such as `maxmemory` and `1mb`.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        // Writing into a string does not fail.
        let _ = writeln!(self.options, "{name} {value}");
        self
    }

    /// Demands a password, of letters and digits.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Writes every change to disk before it answers, so that a restart keeps everything.
    #[must_use]
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// A replica of another server. It is in step when it has started.
    #[must_use]
    pub fn replica_of(mut self, primary: &RedisServer) -> Self {
        let password = primary.password().map(ToOwned::to_owned);
        self.primary = Some((primary.address().port(), password));
        self
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// If there is no `redis-server`, or it does not start.
    pub async fn start(self) -> RedisServer {
        let mut failed = None;
        for _ in 0..TRIES {
            let port = free();
            let folder = tempfile::tempdir().expect("a folder");
            let whole = self.whole(port);
            fs::write(folder.path().join("redis.conf"), whole).expect("written");
            let mut server = RedisServer {
                process: Process::start(folder.path()),
                port,
                password: self.password.clone(),
                folder,
            };
            match server.ready().await {
                Ok(()) => {
                    if self.primary.is_some() {
                        server.until_in_step().await;
                    }
                    return server;
                }
                Err(said) if said.contains("Address already in use") => failed = Some(said),
                Err(said) => panic!("redis-server did not start:\n{said}"),
            }
        }
        panic!("redis-server found no port: {failed:?}");
    }

    fn whole(&self, port: u16) -> String {
        // Replicas are told, and tell, within a second; the first waits for no other.
        let mut whole = format!(
            "port {port}\nbind 127.0.0.1\nsave \"\"\nlogfile redis.log\ndaemonize no\n\
             repl-diskless-sync yes\nrepl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n"
        );
        let mut line = |line: String| {
            let _ = writeln!(whole, "{line}");
        };
        if self.durable {
            line("appendonly yes\nappendfsync always".to_owned());
        }
        if let Some(password) = &self.password {
            line(format!("requirepass {password}"));
        }
        if let Some((port, password)) = &self.primary {
            line(format!("replicaof 127.0.0.1 {port}"));
            if let Some(password) = password {
                line(format!("masterauth {password}"));
            }
        }
        whole + &self.options
    }
}

/// A port that nobody listened on a moment ago. Redis cannot be given one of its own choice.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
