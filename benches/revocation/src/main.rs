//! `cargo xtask bench revocation`: the bound, measured. Real servers, real tokens, and what breaks between them.
//!
//! This program is one of the nodes as well: started with the command `node` it is one that can be stopped.

mod args;
mod child;
mod kit;
mod log;
mod node;
mod noise;
mod parts;
#[path = "../../../tests/tests/revocation_bound/race.rs"]
mod race; // included: the tests race in the same way
mod report;

use std::env;
use std::process::ExitCode;

use portcullis_bench_harness::{describe, versions};

use crate::args::Args;
use crate::kit::Kit;
use crate::node::{POLL_DEADLINE, POLL_EVERY, Setup};
use crate::parts::outage::Failure;
use crate::parts::polls::Kind;
use crate::parts::{cut, naive, outage, paused, polls, split};
use crate::report::Budgets;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some(child::NODE) {
        runtime.block_on(child::run(arguments));
        // Its standard input is read by a thread that waits for more.
        runtime.shutdown_background();
        return ExitCode::SUCCESS;
    }
    match Args::from_env() {
        Ok(args) => runtime.block_on(measure(&args)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(args: &Args) -> ExitCode {
    println!("## revocation\n\n{}", describe());
    println!("{}\n", versions(&["redis", "tokio"]));
    println!(
        "P = {} ms ± 20 %, deadline of a poll {} ms, S = {} s, grace {} s\n",
        POLL_EVERY.as_millis(),
        POLL_DEADLINE.as_millis(),
        args.freshness.as_secs(),
        args.grace.as_secs()
    );
    let kit = Kit::new();
    let setup = Setup::new(args.freshness);
    let mut budgets = Budgets::default();
    let begin = |title: &str| {
        let wanted = args.wants(title);
        if wanted {
            println!("{title}");
        }
        wanted
    };
    for kind in Kind::ALL {
        if begin(kind.title()) {
            polls::run(kind, &kit, args.races, &setup, &mut budgets).await;
        }
    }
    if begin(cut::TITLE) {
        cut::run(&kit, args.races, &setup, &mut budgets).await;
    }
    if begin(paused::TITLE) {
        paused::run(&kit, &setup, &mut budgets).await;
    }
    if begin(split::TITLE) {
        split::run(&kit, &setup, &mut budgets).await;
    }
    for failure in [Failure::Down, Failure::Frozen] {
        if begin(outage::TITLE) {
            outage::run(failure, &kit, &setup, args.grace, &mut budgets).await;
        }
        if begin(naive::TITLE) {
            naive::run(failure).await;
        }
    }
    print!("\n{budgets}");
    if budgets.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
