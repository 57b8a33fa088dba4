//! The command line.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use portcullis_core::ConfigError;

#[cfg(feature = "demo")]
use crate::config::LogFormat;
use crate::{Config, Gateway, StartError, log, signals};

/// A front door that checks access tokens and stays right while the identity provider is broken.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves what the configuration says, until SIGTERM or Ctrl-C.
    Run {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Checks the configuration and says what it would do; nothing is started or asked.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Starts an issuer, an upstream and the gateway in one process, and prints what to try.
    #[cfg(feature = "demo")]
    Demo(crate::demo::Ports),
}

/// Something could not be started, or did not end well.
const FAILED: u8 = 1;
/// The configuration is wrong; clap says the same of a wrong command line.
const MISCONFIGURED: u8 = 2;

/// Runs the program `portcullis`.
///
/// | exit code | meaning |
/// |---|---|
/// | 0 | all is well; `run` ended because it was asked to, and every request was answered |
/// | 1 | something could not be started, or requests were cut off at the end |
/// | 2 | the configuration or the command line is wrong |
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Check { config } => check(&config),
        Command::Run { config } => block_on(run(&config)),
        #[cfg(feature = "demo")]
        Command::Demo(ports) => {
            log::start(LogFormat::Text, "warn");
            block_on(crate::demo::run(ports))
        }
    }
}

fn check(path: &Path) -> ExitCode {
    match Config::load(path).and_then(|config| config.check().map(|()| config)) {
        Ok(config) => {
            // A reader that went away is no fault of the configuration.
            let _ = write!(io::stdout(), "{}", config.summary());
            ExitCode::SUCCESS
        }
        Err(error) => misconfigured(path, &error),
    }
}

async fn run(path: &Path) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return misconfigured(path, &error),
    };
    log::start(config.log.format, "info");
    let running = match Gateway::start(config).await {
        Ok(running) => running,
        Err(StartError::Config(error)) => return misconfigured(path, &error),
        Err(error) => return failed(&error),
    };
    tracing::info!(
        target: "portcullis::gateway",
        listen = %running.address(),
        admin = running.admin_address().map(tracing::field::display),
        "ready"
    );
    if let Err(error) = signals::end().await {
        return failed(&error);
    }
    tracing::info!(target: "portcullis::gateway", "shutting down");
    if running.shut_down().await {
        ExitCode::SUCCESS
    } else {
        tracing::warn!(target: "portcullis::gateway", "requests were cut off");
        ExitCode::from(FAILED)
    }
}

fn misconfigured(path: &Path, error: &ConfigError) -> ExitCode {
    let count = error.problems().count();
    let word = if count == 1 { "problem" } else { "problems" };
    eprintln!("{}: {count} {word}", path.display());
    for problem in error.problems() {
        eprintln!("  {problem}");
    }
    ExitCode::from(MISCONFIGURED)
}

pub(crate) fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("portcullis: {error}");
    ExitCode::from(FAILED)
}

fn block_on(program: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(program),
        Err(error) => failed(&error),
    }
}
