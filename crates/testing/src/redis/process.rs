//! The process of the server.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

pub(super) const FREEZE: Signal = Signal::STOP;
pub(super) const THAW: Signal = Signal::CONT;

/// Valkey is the same to us.
const PROGRAMS: [&str; 4] = [
    "redis-server",
    "valkey-server",
    "/usr/local/bin/redis-server",
    "/opt/homebrew/bin/redis-server",
];

// === impl Process ===

impl Process {
    /// Starts the server whose `redis.conf` is in this folder.
    pub(super) fn start(folder: &Path) -> Self {
        for program in PROGRAMS {
            let said = File::create(folder.join("stdout")).expect("a file");
            let spawned = Command::new(program)
                .arg("redis.conf")
                .current_dir(folder)
                .stdin(Stdio::null())
                .stderr(said.try_clone().expect("a file"))
                .stdout(said)
                .spawn();
            match spawned {
                Ok(child) => return Self(child),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("{program}: {error}"),
            }
        }
        panic!(
            "there is no redis-server here, which this test needs: `cargo xtask test` installs it"
        );
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("the id of a process"), signal).expect("a process that lives");
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("asked").is_some()
    }

    pub(super) fn kill(&mut self) {
        // A frozen one dies as well. It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn log(folder: &Path) -> String {
    let read = |file| fs::read_to_string(folder.join(file)).unwrap_or_default();
    read("stdout") + &read("redis.log")
}

/// Deletes what a server has on disk.
pub(super) fn forget(folder: &Path) {
    let _ = fs::remove_dir_all(folder.join("appendonlydir"));
    let _ = fs::remove_file(folder.join("dump.rdb"));
}
