//! `cargo xtask bench auth`: what it costs to know who calls, beside the other crates that do it.

mod groups;
mod ours;
mod peers;
mod revoked;
mod setup;
mod tokens;

use std::process::ExitCode;

use portcullis_bench_harness::{Args, Budgets, Report, describe, versions};
use portcullis_testing::Algorithm;

use groups::Presented;
use setup::SIGNATURE;
use tokens::{Kit, POOL};

fn main() -> ExitCode {
    let args = match Args::from_env() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("## auth\n\n{}", describe());
    println!(
        "{}\n",
        versions(&[
            "aws-lc-rs",
            "axum-jwt-auth",
            "jsonwebtoken",
            "jwt-authorizer",
            "oauth-resource-server",
            "tower-oauth2-resource-server",
        ])
    );
    let mut budgets = Budgets::new();
    rs256(&args, &mut budgets);
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let kit = Kit::new(algorithm);
        for threads in [1, 2] {
            show(groups::run(&args, &kit, &Presented::OneToken, threads));
        }
        show(groups::run(&args, &kit, &Presented::Forged, 1));
        show(groups::run(&args, &kit, &Presented::ForgedAgain, 1));
    }
    print!("{budgets}");
    ExitCode::SUCCESS
}

/// The algorithm that most issuers use, and the one that budgets are about.
fn rs256(args: &Args, budgets: &mut Budgets) {
    let kit = Kit::new(Algorithm::Rs256);
    let bytes = kit.token.len();
    assert!(
        (700..=900).contains(&bytes),
        "a token of the usual size, not of {bytes} bytes"
    );
    println!("RS256 tokens of {bytes} bytes, {POOL} of them in the pool\n");
    for threads in [1, 2] {
        let measure = |presented: &Presented| show(groups::run(args, &kit, presented, threads));
        let one = measure(&Presented::OneToken);
        let many = measure(&Presented::Pool);
        measure(&Presented::Forged);
        let again = measure(&Presented::ForgedAgain);
        let nothing = measure(&Presented::Nothing);
        let garbage = measure(&Presented::Garbage);
        let long = measure(&Presented::LongGarbage);
        if threads == 1 {
            let mut line = |name: &str, report: &Option<Report>, limit: f64, allocations: f64| {
                let ours = report.as_ref().and_then(|report| report.row(ours::NAME));
                budgets.added(name, ours, limit);
                budgets.allocations(name, ours, allocations);
            };
            line("auth, cached, one token", &one, 250.0, 3.0);
            line("auth, cached, 10 000 tokens", &many, 650.0, 3.0);
            line("auth, no token", &nothing, 120.0, 4.0);
            line("auth, garbage, a word", &garbage, 120.0, 4.0);
            line("auth, garbage, three long parts", &long, 120.0, 4.0);
            line("auth, same forged token again", &again, 300.0, 4.0);
            watched(budgets, one.as_ref());
            not_cached(budgets, many.as_ref());
        }
    }
}

/// What a view of revocations adds to a cached verdict.
fn watched(budgets: &mut Budgets, report: Option<&Report>) {
    let row = |name| report.and_then(|report| report.row(name));
    let (with, without) = (row(ours::WATCHED), row(ours::NAME));
    let more = with.zip(without).map(|(with, without)| {
        let least = with.minimum - without.minimum;
        (least, with.median - without.median)
    });
    budgets.time(
        "auth, cached, one token, a view of revocations more",
        more,
        25.0,
    );
    let same = without.and_then(|row| row.allocations).unwrap_or_default();
    budgets.allocations("auth, cached, one token, with a view", with, same);
}

/// The signature check may cost what it costs; the budget is what we add to it.
fn not_cached(budgets: &mut Budgets, report: Option<&Report>) {
    let unseen = report.and_then(|report| report.row(ours::UNSEEN));
    let check = report.and_then(|report| report.row(SIGNATURE));
    let beyond = unseen.zip(check).map(|(unseen, check)| {
        let least = unseen.added - check.minimum;
        (least, unseen.added_median - check.median)
    });
    budgets.time(
        "auth, RS256 not cached, beyond the signature check",
        beyond,
        2000.0,
    );
    budgets.allocations("auth, RS256 not cached", unseen, 12.0);
}

fn show(report: Option<Report>) -> Option<Report> {
    if let Some(report) = &report {
        print!("{report}");
    }
    report
}
