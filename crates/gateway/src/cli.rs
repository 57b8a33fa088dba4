//! The command line.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use http::{Method, Uri};
use portcullis_core::ConfigError;

#[cfg(feature = "demo")]
use crate::config::LogFormat;
use crate::explain::{self, Asked, Outcome};
use crate::signals::{Ends, Hangups};
use crate::{Config, ConfigFile, Gateway, StartError, descriptors, diagnose, log};

/// A front door that checks access tokens and stays right while the identity provider is broken.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = EXIT_CODES)]
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
    /// Checks the configuration and says what it would do; asks nobody, unless --online.
    ///
    /// Every problem of the file is listed with its path and a remedy. With --online, a right file is
    /// followed to every issuer (metadata, keys) and every upstream, by DNS, TCP, TLS, HTTP and content,
    /// and the step that breaks is told with a remedy.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Goes to every issuer and upstream, too.
        #[arg(long)]
        online: bool,
    },
    /// Says whether the token on standard input would pass, and why not.
    ///
    /// Fetches the keys of its issuer, as `run` does. Shows algorithm, key id, issuer and times of the
    /// token, and nothing else of it: neither the token nor whose it is.
    ///
    /// Example: portcullis explain --config gateway.toml --path /api/orders --method POST < token
    Explain {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Says what a request for this path would be answered, too; what follows a `?` is not looked at.
        #[arg(long, value_name = "PATH", value_parser = path)]
        path: Option<Uri>,
        /// The method of that request.
        #[arg(long, value_name = "METHOD", default_value = "GET", requires = "path")]
        method: Method,
    },
    /// Starts an issuer, an upstream and the gateway in one process, and prints what to try.
    #[cfg(feature = "demo")]
    Demo(crate::demo::Ports),
}

/// Something could not be started or reached, or did not end well.
const FAILED: u8 = 1;
/// The configuration is wrong; clap says the same of a wrong command line.
const MISCONFIGURED: u8 = 2;
/// The token, or the request with it, would be refused.
const REFUSED: u8 = 3;

/// How often files are looked at: a change is in use after two to three of these.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well; run: ended when asked to, explain: the token would pass
  1  run: could not start, or requests were cut off at the end
     check --online: something cannot be reached, or is not as it must be
     explain: no verdict, for the keys cannot be had
  2  the configuration or the command line is wrong
  3  explain: the token would be refused";

/// Runs the program `portcullis`.
///
/// | exit code | meaning |
/// |---|---|
/// | 0 | all is well; `run` ended because it was asked to, and every request was answered; the token of `explain` would pass |
/// | 1 | something could not be started, or requests were cut off at the end; `check --online` found something broken; `explain` could not find out |
/// | 2 | the configuration or the command line is wrong |
/// | 3 | the token of `explain` would be refused |
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Check { config, online } => check(&config, online),
        Command::Explain {
            config,
            path,
            method,
        } => {
            let asked = path.map(|path| Asked { method, path });
            explain(&config, asked.as_ref())
        }
        Command::Run { config } => block_on(run(&config)),
        #[cfg(feature = "demo")]
        Command::Demo(ports) => {
            let _written = match log::start(LogFormat::Text, "warn") {
                Ok(written) => written,
                Err(error) => return failed(&error),
            };
            block_on(crate::demo::run(ports))
        }
    }
}

fn check(path: &Path, online: bool) -> ExitCode {
    let config = match Config::load(path).and_then(|config| config.check().map(|()| config)) {
        Ok(config) => config,
        Err(error) => return misconfigured(path, &error),
    };
    // A reader that went away is no fault of the configuration.
    let _ = write!(io::stdout(), "{}", config.summary());
    if !online {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stdout());
    block_on(async {
        match diagnose::online(&config, &mut io::stdout()).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(FAILED),
            Err(error) => misconfigured(path, &error),
        }
    })
}

fn explain(path: &Path, asked: Option<&Asked>) -> ExitCode {
    let config = match Config::load(path).and_then(|config| config.check().map(|()| config)) {
        Ok(config) => config,
        Err(error) => return misconfigured(path, &error),
    };
    let token = match explain::token() {
        Ok(token) if !token.is_empty() => token,
        Ok(_) => {
            eprintln!("portcullis: no token came on standard input");
            return ExitCode::from(MISCONFIGURED);
        }
        Err(error) => return failed(&error),
    };
    block_on(async {
        match explain::explain(&config, token, asked).await {
            Ok((told, outcome)) => {
                let _ = write!(io::stdout(), "{told}");
                match outcome {
                    Outcome::Passes => ExitCode::SUCCESS,
                    Outcome::Refused => ExitCode::from(REFUSED),
                    Outcome::Unknown => ExitCode::from(FAILED),
                }
            }
            Err(error) => misconfigured(path, &error),
        }
    })
}

/// The path of a request, without its query.
fn path(text: &str) -> Result<Uri, String> {
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    match path.parse::<Uri>() {
        Ok(uri) if path.starts_with('/') => Ok(uri),
        _ => Err("write the path as it is requested, such as /api/orders".to_owned()),
    }
}

async fn run(path: &Path) -> ExitCode {
    // From the beginning: nobody who asks for a reload too early means to end the process.
    let (mut hangups, mut ends) = match (Hangups::listen(), Ends::listen()) {
        (Ok(hangups), Ok(ends)) => (hangups, ends),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let file = match ConfigFile::load(path) {
        Ok(file) => file,
        Err(error) => return misconfigured(path, &error),
    };
    let _written = match log::start(file.config().log.format, "info") {
        Ok(written) => written,
        Err(error) => return failed(&error),
    };
    descriptors::raise();
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
    loop {
        tokio::select! {
            ended = ends.next() => match ended {
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
