//! `cargo xtask bench NAME`: a benchmark from `benches/`, which is a workspace of its own; and the step of `ci` that
//! keeps it in order.

use crate::process;
use crate::steps::Ended;
use crate::workspace::{Package, Workspace};

/// Runs a benchmark with its arguments; lists them all when none is named.
pub(crate) fn run(name: Option<&str>, args: &[String]) -> Result<(), String> {
    let ours = Workspace::ours()?;
    let folder = ours.root.join("benches");
    if !folder.join("Cargo.toml").is_file() {
        return Err("there are no benchmarks yet: benches/Cargo.toml is missing".to_owned());
    }
    let benches = Workspace::at(&folder)?;
    let known: Vec<(&Package, &str)> = benches
        .packages
        .iter()
        .flat_map(|package| {
            package
                .binaries
                .iter()
                .map(move |name| (package, name.as_str()))
        })
        .collect();
    let listed = || {
        known
            .iter()
            .map(|(_, name)| format!("  {name}\n"))
            .collect::<String>()
    };
    let Some(name) = name else {
        print!(
            "Benchmarks, each run with `cargo xtask bench NAME`:\n{}",
            listed()
        );
        return Ok(());
    };
    let (package, name) = known
        .iter()
        .find(|(_, known)| *known == name)
        .ok_or_else(|| {
            format!(
                "there is no benchmark `{name}`; these are:\n{}",
                listed().trim_end()
            )
        })?;
    let mut bench = process::cargo(&ours.root);
    bench
        .args([
            "run",
            "--release",
            "--manifest-path",
            "benches/Cargo.toml",
            // Of this package only: the features of its neighbours' dependencies are not switched on for it.
            "--package",
            &package.name,
            "--bin",
            name,
            "--",
        ])
        .args(args);
    process::run(&mut bench)
}

/// Checks format, lock and lints. No other step sees what is outside of the workspace, and an API that is measured
/// there changes before somebody measures again. Lints rather than the lock alone, for nothing is optimised: a minute
/// from nothing, most of it for the peers.
pub(crate) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    if packages.len() < workspace.packages.len() {
        return Ok(Ended::Skipped("part of no crate".to_owned()));
    }
    let cargo = |words: &[&str]| {
        let mut command = process::cargo(&workspace.root.join("benches"));
        command.args(words);
        command
    };
    process::run(&mut cargo(&["fmt", "--check"]))?;
    process::run(&mut cargo(&[
        "clippy",
        "--locked",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Ended::Ok)
}
