//! The built program, as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it with `arguments`. What it writes, to either stream, can be waited for.
    #[allow(dead_code, reason = "not every test file logs as usual")]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_logging(arguments, "info")
    }

    /// The same, logging what `filter` says.
    #[allow(dead_code, reason = "not every test file has a filter")]
    pub(crate) fn start_logging(arguments: &[&str], filter: &str) -> Self {
        Self::run(
            Command::new(env!("CARGO_BIN_EXE_portcullis"))
                .args(arguments)
                .env("RUST_LOG", filter),
        )
    }

    /// Starts it by another program, which is given it.
    #[allow(dead_code, reason = "not every test file does")]
    pub(crate) fn start_by(by: &[&str], arguments: &[&str]) -> Self {
        let (program, first) = by.split_first().expect("a program");
        Self::run(
            Command::new(program)
                .args(first)
                .args(arguments)
                .env("RUST_LOG", "info"),
        )
    }

    fn run(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built program starts");
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines }
    }

    /// Everything it writes up to the line that has `mark` in it.
    pub(crate) fn read_to(&self, mark: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let mut read = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = line.contains(mark);
                    read.push(line);
                    if found {
                        return read;
                    }
                }
                Err(_) => panic!("no line with {mark:?}; there was:\n{}", read.join("\n")),
            }
        }
    }

    /// Sends a signal by name.
    #[allow(
        dead_code,
        reason = "not every test file sends one that does not end it"
    )]
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {signal}"
        );
    }

    /// Sends a signal by name and waits for the end.
    #[allow(dead_code, reason = "not every test file waits for the end")]
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        let end = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => return status,
                None if Instant::now() > end => panic!("still there after {PATIENCE:?}"),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
