//! `cargo xtask test`: needs, format, lints, tests, doc tests, and how many ran.

use std::process::Command;

use crate::count::{Count, Runner, Tally};
use crate::needs;
use crate::process;
use crate::steps::{Ended, Steps};
use crate::workspace::{Package, Workspace};

/// Runs every step, even after one failed. The last line printed is the tally.
pub(crate) fn run(only: &[String]) -> Result<(), String> {
    let workspace = Workspace::ours()?;
    let packages = workspace.select(only)?;
    let all = only.is_empty();
    let cargo = |words: &[&str], scope: Vec<String>| {
        let mut command = process::cargo(&workspace.root);
        command.args(words).args(scope);
        command
    };
    let scope = || scope(&packages, all, "--workspace");

    let mut steps = Steps::default();
    let mut tally = Tally::default();
    steps.step("needs", needs::ensure);
    steps.step("format", || {
        let mut format = cargo(&["fmt", "--check"], self::scope(&packages, all, "--all"));
        process::run(&mut format).map(|()| Ended::Ok)
    });
    steps.step("clippy", || {
        let mut clippy = cargo(&["clippy", "--all-targets", "--all-features"], scope());
        process::run(clippy.args(["--", "-D", "warnings"])).map(|()| Ended::Ok)
    });
    steps.step("tests", || {
        let (runner, words) = runner();
        let mut tests = cargo(words, scope());
        counted(runner, tests.arg("--all-features"), &mut tally)
    });
    steps.step("doc tests", || {
        // Cargo refuses `--doc` where the only package named has no library.
        let documented: Vec<&Package> = packages
            .iter()
            .copied()
            .filter(|package| package.has_library)
            .collect();
        if documented.is_empty() {
            return Ok(Ended::Skipped("no library among the crates".to_owned()));
        }
        let scope = self::scope(&documented, all, "--workspace");
        counted(
            Runner::Libtest,
            &mut cargo(
                &["test", "--doc", "--no-fail-fast", "--all-features"],
                scope,
            ),
            &mut tally,
        )
    });
    let ended = steps.finish();
    println!("\n{tally}");
    ended
}

/// The arguments that name packages, or all of them by one flag.
fn scope(packages: &[&Package], all: bool, flag: &str) -> Vec<String> {
    if all {
        return vec![flag.to_owned()];
    }
    packages
        .iter()
        .flat_map(|package| ["--package".to_owned(), package.name.clone()])
        .collect()
}

/// nextest where it is installed (a process for each test, and a deadline), else what comes with Rust.
pub(crate) fn runner() -> (Runner, &'static [&'static str]) {
    if process::succeeds("cargo", &["nextest", "--version"]) {
        (
            Runner::Nextest,
            &["nextest", "run", "--no-fail-fast", "--no-tests=pass"],
        )
    } else {
        // `--tests` is every target that has tests; doc tests are a step of their own.
        (Runner::Libtest, &["test", "--tests", "--no-fail-fast"])
    }
}

/// Runs tests, adds their number to the tally, and puts the count of this run into its line of the table.
pub(crate) fn counted(
    runner: Runner,
    command: &mut Command,
    tally: &mut Tally,
) -> Result<Ended, String> {
    let mut count = Count::new(runner);
    let ended = process::run_reading(command, |line| count.read(line));
    let counted = count.finish(ended.is_ok());
    *tally += counted;
    match ended {
        Ok(()) if counted.failed == 0 => Ok(Ended::Said(counted.to_string())),
        // A runner that names failures and still ends well is not to be trusted.
        Ok(()) => Err(format!("{counted}; the runner says that it ended well")),
        // Never the counts alone on a line: that is the closing line's, and there is one.
        Err(error) => Err(format!("{counted}; {error}")),
    }
}
