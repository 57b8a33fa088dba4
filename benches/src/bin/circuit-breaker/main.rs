//! `cargo xtask bench circuit-breaker`: what a circuit costs, beside the other crates that do it.

mod imbalance;
mod ours;
mod peers;
mod questions;
mod service;
#[path = "../../../../crates/circuit-breaker/tests/imbalance/simulation.rs"]
#[allow(dead_code)] // some is for the tests
mod simulation;

use std::process::ExitCode;

use portcullis_bench_harness::{Args, Budgets, Report, Row, describe, versions};

use crate::questions::{CLOCK, RECORDS};
use crate::service::{Fails, Form, Must};

const ONE: Form = Form::Threads(1);
const TWO: Form = Form::Threads(2);
const NEVER: Must = Must::Pass(Fails::Never);

fn main() -> ExitCode {
    let args = match Args::from_env() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("## circuit-breaker\n\n{}", describe());
    println!(
        "{}\n",
        versions(&[
            "failsafe",
            "recloser",
            "tokio",
            "tower",
            "tower-resilience-circuitbreaker",
        ])
    );
    let mut budgets = Budgets::new();
    alone(&args, &mut budgets);
    together(&args, &mut budgets);
    imbalance::run(&args, &mut budgets);
    print!("{budgets}");
    ExitCode::SUCCESS
}

/// One thread.
fn alone(args: &Args, budgets: &mut Budgets) {
    let closed = show(questions::usual(args, ONE, NEVER));
    let name = "breaker, closed, nothing fails";
    budgets.added(name, row(&closed, ours::NAME), 15.0);
    budgets.allocations(name, row(&closed, ours::NAME), 0.0);

    let failing = show(questions::usual(args, ONE, Must::Pass(Fails::Hundredth)));
    let name = "breaker, closed, 1 % fails";
    budgets.added(name, row(&failing, ours::NAME), 60.0);
    budgets.allocations(name, row(&failing, ours::NAME), 0.0);

    let slow = show(questions::slow(args, ONE));
    let name = "breaker, closed, slow calls on";
    beyond_the_clock(budgets, name, &slow, ours::SLOW, 2.0, 20.0);
    for records in RECORDS {
        let timed = show(questions::timed(args, records));
        for (set, name) in [(ours::TIME, ""), (ours::MINUTE, ", slow calls on")] {
            let name = format!("breaker, time window with {records} calls{name}");
            beyond_the_clock(budgets, &name, &timed, set, 2.0, 20.0);
        }
    }
    let open = show(questions::usual(args, ONE, Must::BeRefused));
    beyond_the_clock(budgets, "breaker, open", &open, ours::NAME, 1.0, 12.0);
}

/// Many at once.
fn together(args: &Args, budgets: &mut Budgets) {
    // More samples, for it is about the worst of them.
    let longer = Args {
        rounds: args.rounds * 4,
        ..args.clone()
    };
    let two = show(questions::usual(&longer, TWO, NEVER));
    let name = "breaker, 2 threads on one circuit";
    budgets.added(name, row(&two, ours::NAME), 110.0);
    budgets.worst(name, row(&two, ours::NAME), 1000.0);
    budgets.allocations(name, row(&two, ours::NAME), 0.0);
    show(questions::usual(args, TWO, Must::Pass(Fails::Hundredth)));
    show(questions::usual(args, TWO, Must::BeRefused));

    let tasks = show(questions::usual(args, Form::Tasks, NEVER));
    let name = "breaker, 64 tasks on two workers";
    budgets.added(name, row(&tasks, ours::NAME), 80.0);
    budgets.allocations(name, row(&tasks, ours::NAME), 0.0);
}

/// What a row adds beyond so many clock reads, as they were measured beside it, against `limit` nanoseconds.
fn beyond_the_clock(
    budgets: &mut Budgets,
    name: &str,
    report: &Option<Report>,
    set: &str,
    reads: f64,
    limit: f64,
) {
    let (own, clock) = (row(report, set), row(report, CLOCK));
    let beyond = own.zip(clock).map(|(own, clock)| {
        let least = own.added - reads * clock.minimum;
        (least, own.added_median - reads * clock.median)
    });
    let reads = if reads > 1.0 {
        "two clock reads"
    } else {
        "one clock read"
    };
    budgets.time(&format!("{name}, beyond {reads}"), beyond, limit);
    budgets.allocations(name, own, 0.0);
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
