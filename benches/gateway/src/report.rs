//! What is printed.

use std::fmt::{self, Write as _};

use portcullis_bench_harness::median;

use crate::case::{BARE, OPEN, PROTECTED};
use crate::load::Protocol;

/// The rows of one protocol.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) protocol: Protocol,
    pub(crate) rows: Vec<Row>,
    pub(crate) method: String,
}

/// One way to the upstream.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Why it was not measured.
    pub(crate) absent: Option<String>,
    /// Requests per second, in the best round.
    pub(crate) best: f64,
    /// The same, in the middle one.
    pub(crate) middle: f64,
    /// Of all requests of all rounds, in nanoseconds.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    /// Nanoseconds on a processor per request: of the process that is measured, and of it, the upstream and the load.
    pub(crate) processor: Option<(f64, f64)>,
    /// Nanoseconds per request, by round.
    pub(crate) nanos: Vec<f64>,
}

// === impl Report ===

impl Report {
    fn row(&self, name: &str) -> Option<&Row> {
        let row = self.rows.iter().find(|row| row.name == name)?;
        row.absent.is_none().then_some(row)
    }

    /// The budget lines: shares of a throughput, held against the best of the rounds.
    pub(crate) fn budgets(&self) -> String {
        let mut lines = String::new();
        for (name, of, to, limit) in [
            ("open vs bare proxy", OPEN, BARE, 80.0),
            ("protected vs open", PROTECTED, OPEN, 95.0),
        ] {
            let (Some(of), Some(to)) = (self.row(of), self.row(to)) else {
                continue;
            };
            let measured = of.best / to.best * 100.0;
            let verdict = if measured >= limit { "ok" } else { "MISS" };
            let within: Vec<f64> = to
                .nanos
                .iter()
                .zip(&of.nanos)
                .map(|(to, of)| to / of)
                .collect();
            let processor = to
                .processor
                .zip(of.processor)
                .map(|((_, to), (_, of))| format!("; by processor time {:.1}", to / of * 100.0));
            let _ = writeln!(
                lines,
                "budget gateway {name}, {}: {measured:.1} % (median {:.1}{}) ≥ {limit:.0} % {verdict}",
                self.protocol.title(),
                median(&within) * 100.0,
                processor.unwrap_or_default(),
            );
        }
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}, answers of 256 bytes\n", self.protocol.title())?;
        writeln!(
            f,
            "| way | requests/s (best) | requests/s (median) | p50 µs | p99 µs | processor µs per request | with load and upstream |"
        )?;
        writeln!(f, "| --- | --: | --: | --: | --: | --: | --: |")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let absent = self.rows.iter().filter_map(|row| {
            let reason = row.absent.as_ref()?;
            Some(format!(" `{}` {reason}.", row.name))
        });
        writeln!(
            f,
            "\n<sub>{}.{}</sub>\n",
            self.method,
            absent.collect::<String>()
        )
    }
}

// === impl Row ===

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.absent.is_some() {
            return write!(f, "| {} | – | – | – | – | – | – |", self.name);
        }
        let processor = self.processor.map_or("– | –".to_owned(), |(own, all)| {
            format!("{:.1} | {:.1}", own / 1e3, all / 1e3)
        });
        write!(
            f,
            "| {} | {:.0} | {:.0} | {} | {} | {processor} |",
            self.name,
            self.best,
            self.middle,
            self.p50 / 1000,
            self.p99 / 1000,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, nanos: &[f64]) -> Row {
        Row {
            name,
            absent: None,
            best: 1e9 / portcullis_bench_harness::minimum(nanos),
            middle: 1e9 / median(nanos),
            p50: 0,
            p99: 0,
            processor: Some((0.0, median(nanos))),
            nanos: nanos.to_vec(),
        }
    }

    #[test]
    fn shares_are_of_the_best_and_the_median_is_within_rounds() {
        let report = Report {
            protocol: Protocol::Http1,
            rows: vec![
                row(BARE, &[80.0, 100.0, 160.0]),
                row(OPEN, &[100.0, 110.0, 200.0]),
                row(PROTECTED, &[106.0, 120.0, 210.0]),
            ],
            method: String::new(),
        };
        let lines = report.budgets();
        assert!(
            lines.contains("open vs bare proxy, HTTP/1.1: 80.0 % (median 80.0; by processor time 90.9) ≥ 80 % ok"),
            "{lines}"
        );
        assert!(
            lines.contains("protected vs open, HTTP/1.1: 94.3 %"),
            "{lines}"
        );
        assert!(lines.contains("MISS"), "{lines}");
    }

    #[test]
    fn what_was_not_measured_has_no_line() {
        let report = Report {
            protocol: Protocol::Http2,
            rows: vec![row(BARE, &[1.0])],
            method: String::new(),
        };
        assert!(report.budgets().is_empty());
    }
}
