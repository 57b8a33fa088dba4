//! A node in a process of its own, to be stopped in its tracks; and what it tells.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::kit;
use crate::node::{Node, Setup};

/// The command that makes this program a node.
pub(crate) const NODE: &str = "node";

/// A process that presents tokens to a node without a break.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    id: Pid,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// What became of one token there, by the clock that processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When the last request that was let through began and ended.
    pub(crate) last: (Duration, Duration),
    /// Whether it was refused as revoked in the end.
    pub(crate) refused: bool,
}

/// Time since the machine started: the same in all processes.
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

// === impl Process ===

impl Process {
    /// Starts a node that presents the tokens of a file, and waits until it has let all of them through.
    pub(crate) async fn start(
        server: SocketAddr,
        jwk: &Path,
        tokens: &Path,
        freshness: Duration,
    ) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg(NODE)
            .arg(server.to_string())
            .args([jwk, tokens])
            .arg(freshness.as_secs().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a process");
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).expect("a process that lives");
        let input = child.stdin.take().expect("its input");
        let output = child.stdout.take().expect("its output");
        let mut process = Self {
            child,
            id,
            input,
            output: BufReader::new(output).lines(),
        };
        assert_eq!(process.line().await, "ready");
        process
    }

    /// Stops it in its tracks.
    pub(crate) fn stop(&self) {
        kill_process(self.id, Signal::STOP).expect("a process that lives");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(self.id, Signal::CONT).expect("a process that lives");
    }

    /// Ends it, and hears what became of so many tokens.
    pub(crate) async fn report(mut self, tokens: usize) -> Vec<Fate> {
        self.input.write_all(b"report\n").await.expect("a listener");
        let mut fates = Vec::with_capacity(tokens);
        for _ in 0..tokens {
            let line = self.line().await;
            fates.push(Fate::read(&line).unwrap_or_else(|| panic!("{line:?} is no fate")));
        }
        let ended = self.child.wait().await.expect("a child");
        assert!(ended.success(), "{ended}");
        fates
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(30), self.output.next_line()).await;
        let line = line.expect("an answer of the node within 30 s");
        line.expect("a pipe").expect("a node that lives")
    }
}

// === impl Fate ===

impl Fate {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut time = || Some(Duration::from_nanos(words.next()?.parse().ok()?));
        let last = (time()?, time()?);
        let refused = words.next()? == "refused";
        Some(Self { last, refused })
    }

    fn say(&self) -> String {
        let (began, ended) = (self.last.0.as_nanos(), self.last.1.as_nanos());
        let refused = if self.refused { "refused" } else { "accepted" };
        format!("{began} {ended} {refused}")
    }
}

/// Is the node: presents all tokens in turn until it is asked for a report.
pub(crate) async fn run(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("an argument");
    let server = next().parse().expect("an address");
    let jwk = fs::read_to_string(next()).expect("a key");
    let tokens = fs::read_to_string(next()).expect("tokens");
    let freshness = Duration::from_secs(next().parse().expect("seconds"));
    let bearers: Vec<_> = tokens.lines().map(kit::bearer).collect();
    let node = Node::start(server, &jwk, &Setup::new(freshness)).await;
    let mut fates = vec![Fate::default(); bearers.len()];
    for bearer in &bearers {
        assert_eq!(node.ask(bearer).await, 200, "nothing is revoked yet");
    }
    println!("ready");
    let mut asked = BufReader::new(tokio::io::stdin()).lines();
    let mut asked = std::pin::pin!(asked.next_line());
    loop {
        for (bearer, fate) in bearers.iter().zip(&mut fates) {
            let began = now();
            let status = node.ask(bearer).await;
            match status.as_u16() {
                200 => fate.last = (began, now()),
                401 => fate.refused = true,
                _ => {}
            }
        }
        tokio::select! {
            biased;
            _ = &mut asked => break,
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    for fate in &fates {
        println!("{}", fate.say());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fate_survives_its_line() {
        let fate = Fate {
            last: (Duration::from_nanos(5), Duration::from_secs(7)),
            refused: true,
        };
        assert_eq!(Fate::read(&fate.say()), Some(fate));
        assert_eq!(Fate::read("x"), None);
    }
}
