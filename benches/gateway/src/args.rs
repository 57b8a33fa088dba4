//! The arguments.

use std::fmt;
use std::time::Duration;

/// How long to measure, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// How many rounds a group is sampled for.
    pub(crate) rounds: usize,
    /// How long one sample of one case takes.
    pub(crate) sample: Duration,
    /// Requests under way at the same time.
    pub(crate) concurrency: usize,
    /// Connections that do nothing, in the part about crowds.
    pub(crate) idle: usize,
    /// Connections that send their heads byte by byte.
    pub(crate) slow: usize,
    /// Parts whose title contains this text are measured; all of them when empty.
    only: String,
    /// Cases whose name contains this text are measured; all of them when empty.
    case: String,
}

/// The reason why the arguments were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArgsError(String);

const USAGE: &str = "\
arguments:
  --quick          15 rounds of 60 ms samples: for a first look, not for publishing
  --rounds N       rounds per group (101)
  --sample MS      milliseconds per sample (60)
  --concurrency N  requests under way at the same time (32)
  --idle N         idle connections (10000)
  --slow N         slow connections (1000)
  --only TEXT      parts whose title contains TEXT: HTTP/1.1, HTTP/2, idle
  --case TEXT      cases whose name contains TEXT: to profile one";

// === impl Args ===

impl Args {
    /// The arguments of this process.
    pub(crate) fn from_env() -> Result<Self, ArgsError> {
        Self::parse(std::env::args().skip(1))
    }

    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, ArgsError> {
        let mut args = Self::default();
        while let Some(name) = given.next() {
            match name.as_str() {
                "--quick" => {
                    args.rounds = 15;
                    args.sample = Duration::from_millis(60);
                }
                "--rounds" => args.rounds = number(&name, given.next())?,
                "--sample" => {
                    let millis = number(&name, given.next())?;
                    args.sample = Duration::from_millis(millis as u64);
                }
                "--concurrency" => args.concurrency = number(&name, given.next())?,
                "--idle" => args.idle = number(&name, given.next())?,
                "--slow" => args.slow = number(&name, given.next())?,
                "--only" => args.only = text(&name, given.next())?,
                "--case" => args.case = text(&name, given.next())?,
                other => return Err(ArgsError(format!("`{other}` is not known"))),
            }
        }
        Ok(args)
    }

    /// Whether a part of this title is wanted.
    pub(crate) fn wants(&self, title: &str) -> bool {
        title.contains(&self.only)
    }

    /// Whether a case of this name is wanted.
    pub(crate) fn wants_case(&self, name: &str) -> bool {
        name.contains(&self.case)
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            rounds: 101,
            sample: Duration::from_millis(60),
            concurrency: 32,
            idle: 10_000,
            slow: 1_000,
            only: String::new(),
            case: String::new(),
        }
    }
}

fn text(name: &str, text: Option<String>) -> Result<String, ArgsError> {
    text.ok_or_else(|| ArgsError(format!("{name} needs a text")))
}

fn number(name: &str, text: Option<String>) -> Result<usize, ArgsError> {
    text.and_then(|text| text.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| ArgsError(format!("{name} needs a whole number above zero")))
}

// === impl ArgsError ===

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{USAGE}", self.0)
    }
}

impl std::error::Error for ArgsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, ArgsError> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_given_is_the_documented_method() {
        let args = parse("").expect("understood");
        assert_eq!((args.rounds, args.sample.as_millis()), (101, 60));
        assert_eq!(
            (args.concurrency, args.idle, args.slow),
            (32, 10_000, 1_000)
        );
        assert!(args.wants("anything") && args.wants_case("anything"));
    }

    #[test]
    fn later_arguments_refine_quick() {
        let args = parse("--quick --rounds 9 --only HTTP/2").expect("understood");
        assert_eq!((args.rounds, args.sample.as_millis()), (9, 60));
        assert!(args.wants("HTTP/2") && !args.wants("HTTP/1.1"));
    }

    #[test]
    fn unknown_missing_and_zero_are_refused() {
        for line in ["--fast", "--rounds", "--rounds 0", "--sample x", "--case"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
