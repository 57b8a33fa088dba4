//! `cargo xtask ci`: what the project asks of a change beyond `cargo xtask test`.

use crate::process;
use crate::steps::{Ended, Steps};
use crate::workspace::{Package, Workspace};
use crate::{alone, backends, bench, budgets, deny, house, loom};

/// The steps by name, in the order they run: what fails fast comes first.
pub(crate) const STEPS: [&str; 9] = [
    "lock", "house", "budgets", "deny", "docs", "benches", "alone", "backends", "loom",
];

/// Runs the named steps, all of them when none is named, even after one failed.
pub(crate) fn run(only: &[String], wanted: &[String]) -> Result<(), String> {
    let workspace = Workspace::ours()?;
    let packages = workspace.select(only)?;
    let mut steps = Steps::default();
    for name in STEPS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            steps.step(name, || step(name, &workspace, &packages));
        }
    }
    steps.finish()
}

fn step(name: &str, workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    match name {
        "lock" => lock(workspace),
        "house" => house::check(packages),
        "budgets" => budgets::check(workspace, packages),
        "deny" => deny::check(workspace),
        "docs" => docs(workspace, packages),
        "benches" => bench::check(workspace, packages),
        "alone" => alone::check(workspace, packages),
        "backends" => backends::check(workspace, packages),
        "loom" => loom::check(workspace, packages),
        stray => Err(format!("`{stray}` is named among the steps and is none")),
    }
}

/// The committed lock belongs to the manifests.
fn lock(workspace: &Workspace) -> Result<Ended, String> {
    let mut metadata = process::cargo(&workspace.root);
    process::capture(metadata.args(["metadata", "--locked", "--format-version", "1"]))
        .map(|_| Ended::Ok)
}

/// The documentation builds without a warning: no broken link, no link to a private item.
fn docs(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    let mut doc = process::cargo(&workspace.root);
    doc.args(["doc", "--no-deps", "--all-features"])
        .env("RUSTDOCFLAGS", "-D warnings");
    if packages.len() == workspace.packages.len() {
        doc.arg("--workspace");
    } else {
        doc.args(
            packages
                .iter()
                .flat_map(|package| ["--package", &package.name]),
        );
    }
    process::run(&mut doc).map(|()| Ended::Ok)
}
