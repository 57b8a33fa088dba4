//! The log: lines of text or of JSON on standard error, and what the auth layers report in them. (Key
//! sources log by themselves.)

mod lines;

use std::env;
use std::io::{self, IsTerminal as _};

use http::Method;
use portcullis_core::{Observer, VerdictEvent};
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use self::lines::Lines;
pub(crate) use self::lines::Written;
use crate::config::LogFormat;

/// What chooses the lines.
const VARIABLE: &str = "RUST_LOG";

/// Starts to log to standard error: what the variable `RUST_LOG` says, `default` without it.
///
/// Libraries are heard from `info` upward, whatever it says. Below that some show requests as they are,
/// with their paths and queries, and those may hold tokens.
///
/// Lines are written by a thread of their own, and the last of them when what is returned is dropped.
///
/// # Errors
/// If there is no such thread to be had.
pub(crate) fn start(format: LogFormat, default: &str) -> io::Result<Written> {
    let (filter, unreadable) = match env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => match EnvFilter::try_new(text) {
            Ok(filter) => (filter, false),
            Err(_) => (EnvFilter::new(default), true),
        },
        Ok(_) | Err(env::VarError::NotPresent) => (EnvFilter::new(default), false),
        Err(env::VarError::NotUnicode(_)) => (EnvFilter::new(default), true),
    };
    let filter = filter.and(discreet());
    let (lines, written) = Lines::to(io::stderr())?;
    let lines = fmt::layer().with_writer(lines);
    let lines = match format {
        LogFormat::Text => lines
            .with_ansi(io::stderr().is_terminal())
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
    };
    // In a process that logs already this changes nothing.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    if unreadable {
        tracing::warn!(
            target: "portcullis::log",
            default, "RUST_LOG cannot be read, and is not followed"
        );
    }
    Ok(written)
}

/// What may be said at all: anything of ours, and of others what is of `info` and above.
fn discreet() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("portcullis", LevelFilter::TRACE)
}

/// A method as it may be logged: a client may write anything as one, of any length.
pub(crate) fn method(method: &Method) -> &str {
    const LONGEST: usize = 20;
    let text = method.as_str();
    let usual = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
    if text.len() <= LONGEST && text.bytes().all(usual) {
        text
    } else {
        "other"
    }
}

/// Logs what was admitted during an outage, and at `debug` every refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogObserver;

impl Observer for LogObserver {
    fn verdict(&self, event: &VerdictEvent<'_>) {
        if let Some(status) = event.refused {
            tracing::debug!(
                target: "portcullis::auth",
                outcome = event.outcome.as_str(),
                reason = event.reason,
                status = status.as_u16(),
                "refused"
            );
        } else if let Some(cause) = event.degraded() {
            tracing::warn!(
                target: "portcullis::auth",
                cause = cause.as_str(),
                issuer = event.issuer,
                "admitted during an outage"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn only_what_looks_like_a_method_is_logged_as_one() {
        for (written, logged) in [
            ("GET", "GET"),
            ("VERSION-CONTROL", "VERSION-CONTROL"),
            ("get", "other"),
            ("eyJhbGciOiJFUzI1NiJ9", "other"),
            ("AAAAAAAAAAAAAAAAAAAAA", "other"),
        ] {
            let written = Method::from_bytes(written.as_bytes()).unwrap();
            assert_eq!(method(&written), logged);
        }
    }

    #[test]
    fn libraries_are_never_heard_below_info() {
        let discreet = discreet();
        for library in [
            "h2::server",
            "hyper",
            "axum_reverse_proxy::proxy",
            "rustls",
            "",
        ] {
            assert!(discreet.would_enable(library, &Level::INFO), "{library}");
            assert!(!discreet.would_enable(library, &Level::DEBUG), "{library}");
        }
        for ours in [
            "portcullis::access",
            "portcullis::jwks",
            "portcullis_gateway::log",
        ] {
            assert!(discreet.would_enable(ours, &Level::TRACE), "{ours}");
        }
    }
}
