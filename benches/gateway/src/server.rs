//! A process that serves, and what it has used.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running process that listens. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    /// Its configuration and its log.
    folder: TempDir,
}

// === impl Server ===

impl Server {
    /// Starts what `command` makes of a folder and an address, and waits until that is listened on. What it says goes
    /// to a file, as a service manager would have it.
    ///
    /// # Panics
    /// If it does not come to listen; with what it said.
    pub(crate) fn start(command: impl FnOnce(&Path, SocketAddr) -> io::Result<Command>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free();
        let log = File::create(folder.path().join("log")).expect("a file");
        let process = command(folder.path(), address)
            .and_then(|mut command| {
                command
                    .stdin(Stdio::null())
                    .stdout(log.try_clone()?)
                    .stderr(log);
                command.spawn()
            })
            .unwrap_or_else(|error| panic!("no server can be started: {error}"));
        let mut server = Self {
            process,
            address,
            folder,
        };
        server.wait();
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The time that its threads, and those of its children, have been on a processor.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        self.processes().into_iter().map(processor_time).sum()
    }

    /// The bytes of memory that it and its children hold, shared pages counted in each.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.processes()
            .into_iter()
            .map(|process| {
                let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmRSS:"))?;
                let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
                Some(kibibytes * 1024)
            })
            .sum()
    }

    fn processes(&self) -> Vec<u32> {
        let own = self.process.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(own).chain(children).collect()
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || start.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("a server does not listen ({ended:?}):\n{said}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, so that it can end the processes it has started.
        if let Some(id) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if start.elapsed() > Duration::from_secs(2) {
                let _ = self.process.kill();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The time that the threads of a process have been on a processor.
pub(crate) fn processor_time(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    threads
        .map(|thread| {
            // The first figure of three: nanoseconds on a processor.
            let stat = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            let nanos = stat.split(' ').next()?.parse().ok()?;
            Some(Duration::from_nanos(nanos))
        })
        .sum()
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port")
}
