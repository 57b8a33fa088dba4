//! Thousands of connections that do nothing, or next to nothing, and everybody else meanwhile.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::args::Args;
use crate::case;
use crate::group::percentile;
use crate::load::{Connection, Protocol};
use crate::server::Server;
use crate::tokens::Tokens;

pub(crate) const TITLE: &str = "idle and slow connections";

/// How long others are watched, each time; longer than a head may take.
const WATCH: Duration = Duration::from_secs(15);
/// How often a slow connection sends a byte.
const DRIBBLE: Duration = Duration::from_millis(500);
/// Callers who ask as usual, and how often each.
const OTHERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(5);
/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What slow connections have seen.
#[derive(Debug, Default)]
struct Slow {
    closed: AtomicU64,
    /// The shortest life and the longest, in milliseconds.
    shortest: AtomicU64,
    longest: AtomicU64,
}

/// Measures, and says what was found.
///
/// # Panics
/// If a request of the others fails.
pub(crate) fn run(args: &Args) -> String {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    let tokens = Tokens::sign(OTHERS);
    let upstream = case::start_upstream();
    let server = case::gateway(
        upstream.address(),
        Protocol::Http1,
        &tokens,
        "scopes = [\"api:read\"]",
        // Longer than the run, or the first to come could be gone before the last.
        "idle_timeout = \"30m\"",
    );
    let mut text = format!(
        "### {TITLE}\n\n| the gateway with | resident MiB | requests of others | p50 µs | p99 µs | longest ms |\n\
         | --- | --: | --: | --: | --: | --: |\n"
    );
    runtime.block_on(async {
        let address = server.address();
        let mut row = |what: &str, times: &[u64]| {
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {} | {} | {:.1} |",
                mebibytes(&server),
                times.len(),
                percentile(times, 50) / 1000,
                percentile(times, 99) / 1000,
                percentile(times, 100) as f64 / 1e6,
            );
        };
        row("nobody else", &others(address, &tokens, WATCH / 3).await);

        let before = server.memory();
        let idle = idle(address, &tokens, args.idle).await;
        let each = server.memory().zip(before).map(|(after, before)| {
            after.saturating_sub(before) as f64 / 1024.0 / args.idle as f64
        });
        let times = others(address, &tokens, WATCH / 3).await;
        row(&format!("{} idle connections", args.idle), &times);

        let seen = Arc::new(Slow::default());
        let slow = slow(address, args.slow, &seen);
        let times = others(address, &tokens, WATCH).await;
        row(&format!("and {} slow ones", args.slow), &times);

        let kept = still_open(&idle);
        drop((idle, slow));
        sleep(Duration::from_secs(1)).await;
        row("all of them gone", &others(address, &tokens, WATCH / 3).await);

        let _ = writeln!(
            text,
            "\n<sub>Idle: one request was answered on each, and no more came; {} KiB of the gateway's memory for \
             each; {kept} of {} still open at the end. Slow: a byte of a head every {} ms; {} were closed by the \
             gateway, after {} to {} ms, and came again. Others: {OTHERS} connections with a request every {} ms to a \
             protected route, each answered 200 or the run fails.</sub>\n",
            each.map_or("–".to_owned(), |each| format!("{each:.1}")),
            args.idle,
            DRIBBLE.as_millis(),
            seen.closed.load(Ordering::Relaxed),
            seen.shortest.load(Ordering::Relaxed),
            seen.longest.load(Ordering::Relaxed),
            PAUSE.as_millis(),
        );
    });
    text
}

fn mebibytes(server: &Server) -> String {
    let memory = server.memory();
    memory.map_or("–".to_owned(), |bytes| {
        format!("{:.1}", bytes as f64 / 1024.0 / 1024.0)
    })
}

/// Requests as usual for as long as `take`; how long each took, sorted, in nanoseconds.
async fn others(address: SocketAddr, tokens: &Tokens, take: Duration) -> Vec<u64> {
    let mut callers = JoinSet::new();
    for token in &tokens.tokens {
        let token = token.clone();
        callers.spawn(async move {
            let opened = timeout(PATIENCE, Connection::open(address, &token)).await;
            let mut connection = opened.expect("in time").expect("others are accepted");
            let (start, mut times) = (Instant::now(), Vec::new());
            let mut pace = interval(PAUSE);
            while start.elapsed() < take {
                pace.tick().await;
                let asked = Instant::now();
                let answered = timeout(PATIENCE, connection.exchange()).await;
                answered.expect("in time").expect("others are answered 200");
                times.push(u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
            times
        });
    }
    let mut times = callers.join_all().await.concat();
    times.sort_unstable();
    times
}

/// Connections that were answered once and then say nothing.
async fn idle(address: SocketAddr, tokens: &Tokens, count: usize) -> Vec<Connection> {
    let mut opened = Vec::with_capacity(count);
    for number in 0..count {
        let token = &tokens.tokens[number % tokens.tokens.len()];
        let mut connection = timeout(PATIENCE, Connection::open(address, token))
            .await
            .expect("in time")
            .expect("idle connections are accepted");
        let answered = timeout(PATIENCE, connection.exchange()).await;
        answered.expect("in time").expect("answered 200");
        opened.push(connection);
    }
    opened
}

fn still_open(connections: &[Connection]) -> usize {
    connections
        .iter()
        .filter(|connection| connection.is_open())
        .count()
}

/// Connections that send their heads byte by byte, and come again when they are closed.
fn slow(address: SocketAddr, count: usize, seen: &Arc<Slow>) -> JoinSet<()> {
    seen.shortest.store(u64::MAX, Ordering::Relaxed);
    let mut slow = JoinSet::new();
    for number in 0..count {
        let seen = Arc::clone(seen);
        slow.spawn(async move {
            // Not all at the same moment.
            sleep(DRIBBLE.mul_f64(number as f64 / count as f64)).await;
            loop {
                let start = Instant::now();
                dribble(address).await;
                let lived = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                seen.closed.fetch_add(1, Ordering::Relaxed);
                seen.shortest.fetch_min(lived, Ordering::Relaxed);
                seen.longest.fetch_max(lived, Ordering::Relaxed);
            }
        });
    }
    slow
}

/// A head that never ends, until the connection is closed.
async fn dribble(address: SocketAddr) {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("slow ones are accepted");
    let head = b"GET /api/items/17 HTTP/1.1\r\nhost: api.example.com\r\nx-slow: ";
    let (mut pace, mut received) = (interval(DRIBBLE), [0; 512]);
    for byte in head.iter().chain(std::iter::repeat(&b'x')) {
        tokio::select! {
            read = stream.read(&mut received) => match read {
                Ok(0) | Err(_) => return,
                // 408: said before it is closed.
                Ok(_) => continue,
            },
            _ = pace.tick() => if stream.write_all(&[*byte]).await.is_err() {
                return;
            },
        }
    }
}
