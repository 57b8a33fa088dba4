//! What this program is when it is started as one of the servers.

mod bare;
mod upstream;

use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::runtime::Builder;

/// The command that makes this program the upstream: an address follows.
pub(crate) const UPSTREAM: &str = "serve-upstream";
/// The command that makes this program the bare proxy library: its address follows, that of the upstream, and `http1`
/// or `http2`.
pub(crate) const BARE: &str = "serve-bare";

pub(crate) fn upstream(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let address = address(arguments.next());
    // One thread: it is no part of the question, and should take little from those that are.
    block_on(Builder::new_current_thread(), upstream::serve(address))
}

pub(crate) fn bare(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (own, upstream) = (address(arguments.next()), address(arguments.next()));
    let http2 = arguments.next().as_deref() == Some("http2");
    // As the gateway has it.
    block_on(
        Builder::new_multi_thread(),
        bare::serve(own, upstream, http2),
    )
}

fn address(argument: Option<String>) -> SocketAddr {
    argument
        .and_then(|text| text.parse().ok())
        .expect("started with an address")
}

fn block_on(mut builder: Builder, server: impl Future<Output = std::io::Result<()>>) -> ExitCode {
    let runtime = builder.enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(server)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
