//! The cases of one protocol, sampled in interleaved rounds.

use std::time::Duration;

use portcullis_bench_harness::{median, minimum};

use crate::args::Args;
use crate::case::{self, Case};
use crate::load::{self, Protocol};
use crate::report::{Report, Row};
use crate::server::{Server, processor_time};
use crate::tokens::Tokens;

/// What is remembered of a case while rounds go on.
#[derive(Debug, Default)]
struct Samples {
    /// Nanoseconds per request, of each round.
    nanos: Vec<f64>,
    latencies: Vec<u64>,
    answered: u64,
    /// What the process that is measured has used, and what everybody has: it, the upstream and the load.
    used: Option<(Duration, Duration)>,
}

/// Measures every case.
pub(crate) fn run(args: &Args, protocol: Protocol) -> Report {
    let tokens = Tokens::sign(args.concurrency);
    let upstream = case::start_upstream();
    let cases = case::start(&upstream, protocol, &tokens, |name| args.wants_case(name));
    let mut samples: Vec<Samples> = cases.iter().map(|_| Samples::default()).collect();
    for round in 0..args.rounds {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            if let Ok(server) = &cases[index].server {
                samples[index].take(server, &upstream, protocol, &tokens, args.sample);
            }
        }
    }
    Report {
        protocol,
        rows: cases
            .into_iter()
            .zip(samples)
            .map(|(case, samples)| row(case, samples))
            .collect(),
        method: format!(
            "{} interleaved rounds, samples of {} ms, {} requests at a time",
            args.rounds,
            args.sample.as_millis(),
            args.concurrency,
        ),
    }
}

// === impl Samples ===

impl Samples {
    fn take(
        &mut self,
        server: &Server,
        upstream: &Server,
        protocol: Protocol,
        tokens: &Tokens,
        take: Duration,
    ) {
        let before = used(server, upstream);
        let mut sample = load::sample(server.address(), protocol, &tokens.tokens, take);
        if let (Some(before), Some(after)) = (before, used(server, upstream)) {
            let (own, all) = self.used.unwrap_or_default();
            let more = |after: Duration, before| after.saturating_sub(before);
            self.used = Some((own + more(after.0, before.0), all + more(after.1, before.1)));
        }
        self.answered += sample.answered;
        let requests = sample.requests.max(1) as f64;
        self.nanos.push(sample.took.as_secs_f64() * 1e9 / requests);
        self.latencies.append(&mut sample.latencies);
    }
}

/// What the server has used so far, and what everybody has who has a part in a request.
fn used(server: &Server, upstream: &Server) -> Option<(Duration, Duration)> {
    let own = server.processor_time()?;
    let others = upstream.processor_time()? + processor_time(std::process::id())?;
    Some((own, own + others))
}

fn row(case: Case, mut samples: Samples) -> Row {
    samples.latencies.sort_unstable();
    let each = |used: Duration| used.as_secs_f64() * 1e9 / samples.answered.max(1) as f64;
    Row {
        name: case.name,
        absent: case.server.err(),
        best: 1e9 / minimum(&samples.nanos),
        middle: 1e9 / median(&samples.nanos),
        p50: percentile(&samples.latencies, 50),
        p99: percentile(&samples.latencies, 99),
        processor: samples.used.map(|(own, all)| (each(own), each(all))),
        nanos: samples.nanos,
    }
}

/// The latency that so many of a hundred requests did not exceed, of sorted ones.
pub(crate) fn percentile(sorted: &[u64], hundredths: usize) -> u64 {
    let index = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 50), 50);
        assert_eq!(percentile(&hundred, 99), 99);
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[], 50), 0);
    }
}
