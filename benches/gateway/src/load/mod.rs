//! The load: callers who wait for their answer and ask again.

mod http1;
mod http2;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

pub(crate) use http1::Connection;

/// What callers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A connection each.
    Http1,
    /// Eight on a connection.
    Http2,
}

/// What came of a sample.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Requests that were answered while time was taken.
    pub(crate) requests: u64,
    /// All that were answered.
    pub(crate) answered: u64,
    /// How long time was taken.
    pub(crate) took: Duration,
    /// Of each of the requests, in nanoseconds.
    pub(crate) latencies: Vec<u64>,
}

/// One caller's part in a sample.
#[derive(Debug)]
struct Times {
    from: Instant,
    until: Instant,
    answered: u64,
    latencies: Vec<u64>,
}

/// Before time is taken: connections are made, and tokens seen.
const WARM: Duration = Duration::from_millis(15);

/// The target of every request, whatever the way.
const TARGET: &str = "/api/items/17?page=2";
/// The name that every request asks for.
const HOST: &str = "api.example.com";

/// Loads `address` for as long as `take`, with as many callers as there are tokens, on this thread.
///
/// # Panics
/// If anything but 200 is answered: the figures would say nothing.
pub(crate) fn sample(
    address: SocketAddr,
    protocol: Protocol,
    tokens: &[String],
    take: Duration,
) -> Sample {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    let from = Instant::now() + WARM;
    let until = from + take;
    let callers = runtime.block_on(async {
        match protocol {
            Protocol::Http1 => http1::load(address, tokens, from, until).await,
            Protocol::Http2 => http2::load(address, tokens, from, until).await,
        }
    });
    let latencies: Vec<u64> = callers
        .iter()
        .flat_map(|times| times.latencies.iter().copied())
        .collect();
    Sample {
        requests: latencies.len() as u64,
        answered: callers.iter().map(|times| times.answered).sum(),
        took: take,
        latencies,
    }
}

// === impl Protocol ===

impl Protocol {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// What a proxy speaks to the upstream, as the gateway's configuration names it.
    pub(crate) fn upstream(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

// === impl Times ===

impl Times {
    fn new(from: Instant, until: Instant) -> Self {
        Self {
            from,
            until,
            answered: 0,
            latencies: Vec::new(),
        }
    }

    /// Adds an answer; whether another request is wanted.
    fn add(&mut self, asked: Instant) -> bool {
        let now = Instant::now();
        self.answered += 1;
        if now >= self.from && now < self.until {
            let took = now.duration_since(asked).as_nanos();
            self.latencies.push(u64::try_from(took).unwrap_or(u64::MAX));
        }
        now < self.until
    }
}
