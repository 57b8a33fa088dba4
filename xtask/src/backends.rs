//! Crates that need one of several features, such as a signature backend: their tests with each of them alone. A run
//! with all features tests the preferred one wherever there is a preference.

use crate::count::Tally;
use crate::process;
use crate::steps::Ended;
use crate::test;
use crate::workspace::{Package, Workspace};

/// Runs the tests of every package that needs one of several features, once for each.
pub(crate) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    let mut wrong = Vec::new();
    let mut tally = Tally::default();
    let (runner, words) = test::runner();
    for package in packages {
        for feature in &package.needs_one_of {
            let mut tests = process::cargo(&workspace.root);
            tests
                .args(words)
                .args(["--package", &package.name, "--no-default-features"])
                .args(["--features", feature]);
            let mut ran = Tally::default();
            if let Err(error) = test::counted(runner, &mut tests, &mut ran) {
                wrong.push(format!("{} with `{feature}`: {error}", package.name));
            } else if ran == Tally::default() {
                wrong.push(format!("{} with `{feature}`: no test ran", package.name));
            }
            tally += ran;
        }
    }
    if wrong.is_empty() {
        Ok(Ended::Said(format!("tests: {tally}")))
    } else {
        Err(wrong.join("\n"))
    }
}
