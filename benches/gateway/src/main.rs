//! `cargo xtask bench gateway`: the gateway beside the bare proxy library, nginx and no proxy at all; then the gateway
//! with thousands of connections that do nothing, or next to nothing.
//!
//! Everything that serves has a process of its own. This program is all of them: started with the command `run` it *is*
//! the gateway, as it is shipped.

mod args;
mod case;
mod crowd;
mod group;
mod limits;
mod load;
mod nginx;
mod report;
mod serve;
mod server;
mod tokens;

use std::env;
use std::process::ExitCode;

use portcullis_bench_harness::{describe, versions};

use crate::args::Args;
use crate::load::Protocol;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("run") => portcullis_gateway::main(),
        Some(serve::UPSTREAM) => serve::upstream(arguments),
        Some(serve::BARE) => serve::bare(arguments),
        _ => match Args::from_env() {
            Ok(args) => {
                measure(&args);
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
    }
}

fn measure(args: &Args) {
    println!("## gateway\n\n{}", describe());
    println!(
        "{}\n",
        versions(&["axum", "axum-reverse-proxy", "hyper", "hyper-util", "tokio"])
    );
    let files = limits::raise_open_files();
    println!("Files that a process may have open: {files}, for every process alike.\n");
    let mut budgets = String::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        if args.wants(protocol.title()) {
            let report = group::run(args, protocol);
            print!("{report}");
            budgets.push_str(&report.budgets());
        }
    }
    if args.wants(crowd::TITLE) {
        print!("{}", crowd::run(args));
    }
    print!("{budgets}");
}
