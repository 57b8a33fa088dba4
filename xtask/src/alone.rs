//! Each crate alone and each of its features alone: what builds only because a neighbour switches something on is
//! found here, and so is what one feature leaves unused.

use std::collections::{BTreeMap, BTreeSet};

use crate::process;
use crate::steps::Ended;
use crate::workspace::{Package, Workspace};

/// Features as one switches them on.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    label: String,
    args: Vec<String>,
}

/// Lints every crate with every choice of its features. Lints rather than a bare check: it costs the same, and warnings
/// are errors here too.
pub(crate) fn check(workspace: &Workspace, packages: &[&Package]) -> Result<Ended, String> {
    let mut failed = Vec::new();
    let mut ran = 0;
    for package in packages {
        for choice in choices(&package.features) {
            let mut clippy = process::cargo(&workspace.root);
            clippy
                .args(["clippy", "--quiet", "--package", &package.name])
                .args(&choice.args);
            ran += 1;
            if process::run(clippy.args(["--", "-D", "warnings"])).is_err() {
                failed.push(format!("  {} with {}", package.name, choice.label));
            }
        }
    }
    if failed.is_empty() {
        return Ok(Ended::Said(format!(
            "{ran} choices of features over {} crates",
            packages.len()
        )));
    }
    Err(format!(
        "{} of {ran} choices of features do not build without a warning:\n{}",
        failed.len(),
        failed.join("\n")
    ))
}

/// The default features, none, and each one alone; two choices that switch on the same are one.
fn choices(features: &BTreeMap<String, Vec<String>>) -> Vec<Choice> {
    let none = || Choice {
        label: "no features".to_owned(),
        args: vec!["--no-default-features".to_owned()],
    };
    let default = Choice {
        label: "its default features".to_owned(),
        args: vec![],
    };
    let single = features
        .keys()
        .filter(|name| *name != "default")
        .map(|name| {
            let args = vec![
                "--no-default-features".to_owned(),
                "--features".to_owned(),
                name.clone(),
            ];
            (
                name.as_str(),
                Choice {
                    label: format!("the feature `{name}` alone"),
                    args,
                },
            )
        });
    let mut seen = BTreeSet::new();
    std::iter::once(("default", default))
        .chain(std::iter::once(("", none())))
        .chain(single)
        .filter(|(name, _)| seen.insert(closure(name, features)))
        .map(|(_, choice)| choice)
        .collect()
}

/// All that one feature switches on. The name `default` stands for its content: it changes nothing by itself.
fn closure<'a>(name: &'a str, features: &'a BTreeMap<String, Vec<String>>) -> BTreeSet<&'a str> {
    let mut on = BTreeSet::new();
    let mut left = vec![name];
    while let Some(name) = left.pop() {
        if on.insert(name) {
            left.extend(features.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    on.remove("default");
    on.remove("");
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(features: &[(&str, &[&str])]) -> Vec<String> {
        let owned = |enables: &[&str]| enables.iter().map(|&name| name.to_owned()).collect();
        let features = features
            .iter()
            .map(|&(name, enables)| (name.to_owned(), owned(enables)))
            .collect();
        choices(&features)
            .into_iter()
            .map(|choice| choice.label)
            .collect()
    }

    #[test]
    fn a_crate_without_features_is_checked_once() {
        assert_eq!(labels(&[]), ["its default features"]);
        assert_eq!(labels(&[("default", &[])]), ["its default features"]);
    }

    #[test]
    fn default_none_and_each_feature_are_checked() {
        assert_eq!(
            labels(&[("default", &["a", "b"]), ("a", &[]), ("b", &["dep:bytes"])]),
            [
                "its default features",
                "no features",
                "the feature `a` alone",
                "the feature `b` alone"
            ]
        );
    }

    #[test]
    fn a_feature_that_is_all_of_default_is_not_checked_again() {
        assert_eq!(
            labels(&[("default", &["a"]), ("a", &["dep:x"])]),
            ["its default features", "no features"]
        );
    }

    #[test]
    fn features_that_need_each_other_end() {
        assert_eq!(
            labels(&[("a", &["b"]), ("b", &["a"])]),
            ["its default features", "the feature `a` alone"]
        );
    }
}
