//! The arguments that every benchmark takes.

use std::fmt;
use std::time::Duration;

use crate::Counts;

/// How long to measure, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// How many rounds a group is sampled for.
    pub rounds: usize,
    /// How long one sample of one case takes, roughly.
    pub sample: Duration,
    /// Groups whose title contains this text are measured; all of them when empty.
    pub only: String,
    /// Within a group, the case of this name is measured, or else those whose name contains this
    /// text, together with what they are put round; all of them when empty.
    pub case: String,
    /// What a twin counted; nothing unless it was asked.
    pub counts: Counts,
}

/// The reason why the arguments were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgsError(String);

// === impl Args ===

impl Args {
    /// What is taken, for a person.
    pub const USAGE: &'static str = "\
arguments:
  --quick         5 rounds of 4 ms samples: for a first look, not for publishing
  --rounds N      rounds per group (21)
  --sample MS     milliseconds per sample (12)
  --only TEXT     groups whose title contains TEXT
  --case TEXT     the case named TEXT, or those whose name contains it: to profile one";

    /// The arguments of this process, and what a twin of it counted.
    ///
    /// # Errors
    /// [`ArgsError`] says which one was not understood.
    pub fn from_env() -> Result<Self, ArgsError> {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let mut args = Self::parse(given.iter().cloned())?;
        args.counts = Counts::gather(&given);
        Ok(args)
    }

    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, ArgsError> {
        let mut args = Self::default();
        while let Some(name) = given.next() {
            match name.as_str() {
                "--quick" => {
                    args.rounds = 5;
                    args.sample = Duration::from_millis(4);
                }
                "--rounds" => args.rounds = number(&name, given.next())?,
                "--sample" => {
                    let millis = number(&name, given.next())?;
                    args.sample = Duration::from_millis(millis as u64);
                }
                "--only" => args.only = text(&name, given.next())?,
                "--case" => args.case = text(&name, given.next())?,
                other => return Err(ArgsError(format!("`{other}` is not known"))),
            }
        }
        Ok(args)
    }

    /// Whether a group of this title is wanted.
    #[must_use]
    pub fn wants(&self, title: &str) -> bool {
        title.contains(&self.only)
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            rounds: 21,
            sample: Duration::from_millis(12),
            only: String::new(),
            case: String::new(),
            counts: Counts::default(),
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
        write!(f, "{}\n{}", self.0, Args::USAGE)
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
        let args = parse("").unwrap();
        assert_eq!((args.rounds, args.sample.as_millis()), (21, 12));
        assert!(args.wants("anything"));
    }

    #[test]
    fn later_arguments_refine_quick() {
        let args = parse("--quick --rounds 9 --only RS256").unwrap();
        assert_eq!((args.rounds, args.sample.as_millis()), (9, 4));
        assert!(args.wants("RS256, valid") && !args.wants("ES256, valid"));
    }

    #[test]
    fn unknown_missing_and_zero_are_refused() {
        for line in [
            "--fast",
            "--rounds",
            "--rounds 0",
            "--sample x",
            "--only",
            "--case",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
