//! Loom models: every interleaving of the lock-free parts, for each crate that has a `tests/loom.rs`.

use std::env;

use crate::count::{Runner, Tally};
use crate::process;
use crate::steps::Ended;
use crate::test;
use crate::workspace::{Package, Workspace};

/// Runs the models of every package that has some.
pub(crate) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    let mut wrong = Vec::new();
    let mut tally = Tally::default();
    let modelled = packages
        .iter()
        .filter(|package| package.folder.join("tests/loom.rs").is_file());
    for package in modelled {
        let mut models = process::cargo(&workspace.root);
        models.args([
            "test",
            "--release",
            "--test",
            "loom",
            "--package",
            &package.name,
        ]);
        // The one place where RUSTFLAGS is set, and so a target folder of its own: it would rebuild everything else.
        models.env("RUSTFLAGS", with_cfg(env::var("RUSTFLAGS").ok().as_deref()));
        models.env("CARGO_TARGET_DIR", workspace.target.join("loom"));
        // What is shipped is built slowly to run fast; a model only has to be built.
        models
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        let mut ran = Tally::default();
        if let Err(error) = test::counted(Runner::Libtest, &mut models, &mut ran) {
            wrong.push(format!("{}: {error}", package.name));
        } else if ran == Tally::default() {
            wrong.push(format!("{}: no model in tests/loom.rs ran", package.name));
        }
        tally += ran;
    }
    if wrong.is_empty() {
        Ok(Ended::Said(format!("models: {tally}")))
    } else {
        Err(wrong.join("\n"))
    }
}

fn with_cfg(flags: Option<&str>) -> String {
    format!("{} --cfg portcullis_loom", flags.unwrap_or_default())
        .trim_start()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_set_are_kept() {
        assert_eq!(with_cfg(None), "--cfg portcullis_loom");
        assert_eq!(
            with_cfg(Some("-C debuginfo=0")),
            "-C debuginfo=0 --cfg portcullis_loom"
        );
    }
}
