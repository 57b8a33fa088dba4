//! The command line.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use portcullis_core::ConfigError;

#[cfg(feature = "demo")]
use crate::config::LogFormat;
use crate::{Config, ConfigFile, Gateway, StartError, log, signals};

/// A front door that checks access tokens and stays right while the identity provider is broken.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves what the configuration says, until SIGTERM or Ctrl-C. Takes it again on SIGHUP, and when a
    /// file changes.
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

/// How often files are looked at: a change is in use after two to three of these.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    // From the beginning: nobody who asks for a reload too early means to end the process.
    let mut hangups = match signals::Hangups::listen() {
        Ok(hangups) => hangups,
        Err(error) => return failed(&error),
    };
    let file = match ConfigFile::load(path) {
        Ok(file) => file,
        Err(error) => return misconfigured(path, &error),
    };
    log::start(file.config().log.format, "info");
    let mut running = match Gateway::start(file.config().clone()).await {
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
    running.follow(file, LOOK_EVERY);
    let mut end = pin!(signals::end());
    loop {
        tokio::select! {
            ended = &mut end => match ended {
                Ok(()) => break,
                Err(error) => return failed(&error),
            },
            () = hangups.next() => running.take_file(),
        }
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
        Ok(runtime) => {
            let code = runtime.block_on(program);
            // A file system that hangs does not keep the process.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&error),
    }
}
