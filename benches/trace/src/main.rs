//! `cargo xtask bench trace`: what it costs to carry a trace through a service, beside the other crates that do it.

mod case;
mod listen;
mod must;
mod ours;
mod peers;
mod questions;
mod request;
mod service;

use std::process::ExitCode;

use portcullis_bench_harness::{Args, Budgets, Report, Row, describe, versions};

fn main() -> ExitCode {
    let args = match Args::from_env() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("## trace\n\n{}", describe());
    println!(
        "{}\n",
        versions(&[
            "axum-tracing-opentelemetry",
            "metrics",
            "metrics-exporter-prometheus",
            "opentelemetry",
            "opentelemetry_sdk",
            "tower-http",
            "tower-otel",
            "tracing",
            "tracing-opentelemetry",
            "tracing-subscriber",
        ])
    );
    peers::set_up();
    let mut budgets = Budgets::new();
    let quiet = show(questions::quiet(&args));
    let name = "trace, server + client, no subscriber";
    budgets.added(name, row(&quiet, ours::BOTH), 200.0);
    budgets.allocations(name, row(&quiet, ours::BOTH), 4.0);

    show(questions::otel(&args));

    let lines = show(questions::lines(&args));
    let name = "trace, fmt, ratio to the cheapest peer that propagates";
    for (spans, own, peers) in questions::PROPAGATING {
        let name = format!("{name}, spans of {spans}");
        budgets.factor(&name, by_the_cheapest(&lines, own, &peers), 0.6);
    }

    let unsampled = show(questions::unsampled(&args));
    let name = "trace, unsampled with skipping, beyond no subscriber";
    let beyond_nobody = beyond(&unsampled, questions::SKIPPING, questions::QUIET);
    budgets.time(name, beyond_nobody, 150.0);

    let counted = show(questions::counted(&args));
    let name = "trace, metrics on, beyond metrics off, a request";
    let of_requests = beyond(&counted, ours::COUNTED_SERVER, ours::SERVER);
    budgets.time(name, of_requests, 150.0);
    let name = "trace, metrics on, beyond metrics off, a request and its call";
    let of_both = beyond(&counted, ours::COUNTED, ours::BOTH);
    budgets.time(name, of_both, 300.0);
    print!("{budgets}");
    ExitCode::SUCCESS
}

/// What one of ours adds, by what the cheapest of these peers adds.
fn by_the_cheapest(report: &Option<Report>, own: &str, peers: &[&str]) -> Option<(f64, f64)> {
    let own = row(report, own)?;
    let least = |added: fn(&Row) -> f64| {
        let peers = peers.iter().filter_map(|name| row(report, name));
        peers.map(added).fold(f64::INFINITY, f64::min)
    };
    let (peer, peer_median) = (least(|row| row.added), least(|row| row.added_median));
    let ratios = (own.added / peer, own.added_median / peer_median);
    peer.is_finite().then_some(ratios)
}

/// What one takes longer than another.
fn beyond(report: &Option<Report>, one: &str, other: &str) -> Option<(f64, f64)> {
    let (one, other) = (row(report, one)?, row(report, other)?);
    let median = one.added_median - other.added_median;
    Some((one.added - other.added, median))
}

fn row<'r>(report: &'r Option<Report>, name: &str) -> Option<&'r Row> {
    report.as_ref().and_then(|report| report.row(name))
}

fn show(report: Option<Report>) -> Option<Report> {
    if let Some(report) = &report {
        print!("{report}");
    }
    report
}
