//! The arguments.

use std::fmt;
use std::time::Duration;

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// How old a view may be: S.
    pub(crate) freshness: Duration,
    /// What a route allows beyond it: d.
    pub(crate) grace: Duration,
    /// How many revocations race requests in each part that counts races.
    pub(crate) races: usize,
    /// Parts whose title contains this text are measured; all of them when empty.
    only: String,
}

/// The reason why the arguments were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArgsError(String);

const USAGE: &str = "\
arguments:
  --defaults     S = 15 s and a grace of 15 s, as services have it; minutes more than S = 2 s and 2 s
  --races N      revocations in each part that must have a thousand of them (1600)
  --only TEXT    parts whose title contains TEXT: polls, pages, leeway, hints, cut, paused, split, outage, naive";

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
                "--defaults" => {
                    args.freshness = Duration::from_secs(15);
                    args.grace = Duration::from_secs(15);
                }
                "--races" => args.races = number(&name, given.next())?,
                "--only" => {
                    let missing = || ArgsError(format!("{name} needs a text"));
                    args.only = given.next().ok_or_else(missing)?;
                }
                other => return Err(ArgsError(format!("`{other}` is not known"))),
            }
        }
        Ok(args)
    }

    /// Whether a part of this title is wanted.
    pub(crate) fn wants(&self, title: &str) -> bool {
        title.contains(&self.only)
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            freshness: Duration::from_secs(2),
            grace: Duration::from_secs(2),
            races: 1600,
            only: String::new(),
        }
    }
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
        assert_eq!((args.freshness.as_secs(), args.races), (2, 1600));
        assert!(args.wants("anything"));
    }

    #[test]
    fn unknown_missing_and_zero_are_refused() {
        for line in ["--fast", "--races", "--races 0", "--only"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
