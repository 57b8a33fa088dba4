//! cargo-deny: licences, sources, duplicates, advisories. The rules are in `deny.toml`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::steps::Ended;
use crate::workspace::Workspace;

/// Its smallest Rust is ours.
const VERSION: &str = "0.20.2";
/// Long enough for a slow line, and no longer: without the database the rest is still checked.
const FETCH_DEADLINE: Duration = Duration::from_secs(60);

/// Checks the whole workspace.
pub(crate) fn check(workspace: &Workspace) -> Result<Ended, String> {
    let program = installed(workspace)?;
    let deny = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(&workspace.root).args(words);
        command
    };
    let kinds = ["bans", "licenses", "sources"];
    // Duplicates are told in short; only an error is worth the tree of what pulled the crate in.
    if process::run(deny(&["check", "--hide-inclusion-graph"]).args(kinds)).is_err() {
        process::run(deny(&["--log-level", "error", "check"]).args(kinds))?;
    }
    // Told apart from a finding: a machine without a way to the database can still run everything else.
    let mut fetch = deny(&["fetch", "db"]);
    if let Err(why) = process::within(fetch.env("GIT_TERMINAL_PROMPT", "0"), FETCH_DEADLINE) {
        println!("{why}");
        return Ok(Ended::Said(
            "advisories skipped: their database could not be fetched".to_owned(),
        ));
    }
    process::run(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(Ended::Ok)
}

/// The program, installed once under the target folder where it is not on the path.
fn installed(workspace: &Workspace) -> Result<PathBuf, String> {
    let tools = workspace.target.join("tools");
    let ours = tools
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if is_current(&ours) {
        return Ok(ours);
    }
    if is_current(Path::new("cargo-deny")) {
        return Ok("cargo-deny".into());
    }
    let mut install = process::cargo(&workspace.root);
    install
        .args([
            "install",
            "--locked",
            "cargo-deny",
            "--version",
            VERSION,
            "--root",
        ])
        .arg(&tools);
    // Unoptimised: it runs for seconds, and an optimised build takes minutes longer than that saves.
    process::run(install.args(["--debug", "--force"]))?;
    Ok(ours)
}

fn is_current(program: &Path) -> bool {
    process::capture(Command::new(program).arg("--version")).is_ok_and(|said| is_version(&said))
}

/// Reads `cargo-deny 0.20.2`.
fn is_version(said: &str) -> bool {
    said.split_whitespace().nth(1) == Some(VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_asked_for_is_taken() {
        assert!(is_version(&format!("cargo-deny {VERSION}\n")));
        assert!(!is_version("cargo-deny 0.1.0"));
        assert!(!is_version(""));
        assert!(!is_current(Path::new("no-such-program-at-all")));
    }
}
