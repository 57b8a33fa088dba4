//! `cargo xtask bench single-flight`: coalescing, beside the other crates that do it.

mod alone;
mod burst;
mod together;

use std::process::ExitCode;

use portcullis_bench_harness::{Args, Budgets, Report, describe, versions};

/// Ours, as it is called in every table.
const OURS: &str = "portcullis-single-flight";
/// The least that sharing one future costs; it has no keys, no bounds and no deadline.
const SHARED: &str = "futures Shared, bare";
const ASYNC_SINGLEFLIGHT: &str = "async_singleflight";
const MOKA: &str = "moka try_get_with";
const COALESCE: &str = "tower-resilience-coalesce";

fn main() -> ExitCode {
    let args = match Args::from_env() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("## single-flight\n\n{}", describe());
    println!(
        "{}\n",
        versions(&[
            "async_singleflight",
            "futures-util",
            "moka",
            "tokio",
            "tower-resilience-coalesce",
        ])
    );
    let mut budgets = Budgets::new();
    for threads in [1, 2] {
        if let Some(report) = alone::run(&args, threads) {
            print!("{report}");
            if threads == 1 {
                let ours = report.row(OURS);
                budgets.added("single flight, alone", ours, 90.0);
                budgets.allocations("single flight, alone", ours, 2.0);
            }
        }
    }
    for waiters in [64, 1024] {
        for form in [burst::Form::OneTask, burst::Form::Tasks] {
            if let Some(report) = burst::run(&args, form, waiters) {
                print!("{report}");
                let name = format!("single flight, {waiters} waiters {form} over a bare Shared");
                budgets.factor(&name, factor(&report), 3.0);
            }
        }
    }
    print!("{budgets}");
    ExitCode::SUCCESS
}

/// Ours over the bare shared future: by the least and by the median of the rounds.
fn factor(report: &Report) -> Option<(f64, f64)> {
    let (ours, shared) = (report.row(OURS)?, report.row(SHARED)?);
    Some((ours.minimum / shared.minimum, ours.median / shared.median))
}
