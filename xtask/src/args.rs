//! The command line.

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
Usage: cargo xtask COMMAND

  test [-p CRATE]...            install what tests need, then format check, clippy, tests, doc tests;
                                the last line says how many ran
  ci [-p CRATE]... [STEP]...    what the project asks of a change beyond its tests; steps:
                                lock, house, budgets, deny, docs, benches, alone, backends, loom
                                (all, when none is named)
  bench [NAME [ARGS]...]        run a benchmark, or list them
  help                          this text

CRATE is a package name, or a folder of crates/: `-p core` is `-p portcullis-core`.
";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test(Vec<String>),
    Ci {
        only: Vec<String>,
        steps: Vec<String>,
    },
    Bench {
        name: Option<String>,
        args: Vec<String>,
    },
}

/// Reads the arguments that follow `cargo xtask`.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        None | Some("help" | "--help" | "-h") => Ok(Command::Help),
        Some("test") => {
            let (only, rest) = packages(args)?;
            match rest.first() {
                Some(stray) => Err(format!("`cargo xtask test` does not know `{stray}`")),
                None => Ok(Command::Test(only)),
            }
        }
        Some("ci") => {
            let (only, steps) = packages(args)?;
            match steps
                .iter()
                .find(|step| !crate::ci::STEPS.contains(&step.as_str()))
            {
                Some(stray) => Err(format!(
                    "`{stray}` is no step of `cargo xtask ci`; these are: {}",
                    crate::ci::STEPS.join(", ")
                )),
                None => Ok(Command::Ci { only, steps }),
            }
        }
        Some("bench") => {
            let name = args.next();
            // Both `bench auth --quick` and `bench auth -- --quick` hand over `--quick`.
            let args = args
                .enumerate()
                .filter(|(at, arg)| *at != 0 || arg != "--")
                .map(|(_, arg)| arg)
                .collect();
            Ok(Command::Bench { name, args })
        }
        Some(stray) => Err(format!("there is no command `{stray}`")),
    }
}

/// Splits `-p NAME` and `-pNAME` from the rest.
fn packages(args: impl Iterator<Item = String>) -> Result<(Vec<String>, Vec<String>), String> {
    let (mut only, mut rest) = (Vec::new(), Vec::new());
    let mut args = args;
    while let Some(arg) = args.next() {
        if arg == "-p" || arg == "--package" {
            only.push(
                args.next()
                    .ok_or_else(|| format!("`{arg}` wants the name of a crate"))?,
            );
        } else if let Some(name) = arg.strip_prefix("--package=").or_else(|| short(&arg)) {
            only.push(name.to_owned());
        } else {
            rest.push(arg);
        }
    }
    Ok((only, rest))
}

fn short(arg: &str) -> Option<&str> {
    arg.strip_prefix("-p").filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn nothing_said_is_a_cry_for_help() {
        assert_eq!(line(""), Ok(Command::Help));
        assert_eq!(line("--help"), Ok(Command::Help));
    }

    #[test]
    fn help_names_the_steps_in_their_order() {
        assert!(HELP.contains(&crate::ci::STEPS.join(", ")));
    }

    #[test]
    fn packages_are_collected_in_every_spelling() {
        assert_eq!(
            line("test -p core -pauth --package portcullis --package=xtask"),
            Ok(Command::Test(owned(&[
                "core",
                "auth",
                "portcullis",
                "xtask"
            ])))
        );
    }

    #[test]
    fn steps_of_ci_are_told_from_packages() {
        assert_eq!(
            line("ci -p core budgets docs"),
            Ok(Command::Ci {
                only: owned(&["core"]),
                steps: owned(&["budgets", "docs"])
            })
        );
    }

    #[test]
    fn unknown_words_are_refused_by_name() {
        for (said, stray) in [
            ("test fast", "fast"),
            ("ci lunch", "lunch"),
            ("deploy", "deploy"),
            ("test -p", "-p"),
        ] {
            let refused = line(said).unwrap_err();
            assert!(refused.contains(stray), "{said}: {refused}");
        }
    }

    #[test]
    fn arguments_of_a_benchmark_are_handed_over() {
        let expected = Command::Bench {
            name: Some("auth".to_owned()),
            args: owned(&["--quick", "--", "x"]),
        };
        assert_eq!(line("bench auth --quick -- x"), Ok(expected));
        let expected = Command::Bench {
            name: Some("auth".to_owned()),
            args: owned(&["--quick"]),
        };
        assert_eq!(line("bench auth -- --quick"), Ok(expected));
        assert_eq!(
            line("bench"),
            Ok(Command::Bench {
                name: None,
                args: vec![]
            })
        );
    }
}
