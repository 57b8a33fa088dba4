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
        for choice in choices(&package.features, &package.needs_one_of) {
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

/// The default features, none, and each one alone; two choices that switch on the same are one. Where one of several
/// features is needed to build at all, there is no choice of none, and the others stand beside the first of those.
fn choices(features: &BTreeMap<String, Vec<String>>, needs_one_of: &[String]) -> Vec<Choice> {
    let default = Choice {
        label: "its default features".to_owned(),
        args: vec![],
    };
    let none = Choice {
        label: "no features".to_owned(),
        args: vec!["--no-default-features".to_owned()],
    };
    let single = features.keys().filter(|name| *name != "default");
    let single = single.map(|name| {
        let mut on = closure([name.as_str()], features);
        let lacking = !needs_one_of.iter().any(|need| on.contains(need.as_str()));
        let need = needs_one_of.first().filter(|_| lacking);
        let (label, list) = match need {
            Some(need) => (
                format!("the feature `{name}` beside `{need}`"),
                format!("{name},{need}"),
            ),
            None => (format!("the feature `{name}` alone"), name.clone()),
        };
        on.extend(closure(need.map(String::as_str), features));
        let args = ["--no-default-features", "--features", &list];
        let args = args.map(str::to_owned).to_vec();
        (on, Choice { label, args })
    });
    let mut seen = BTreeSet::new();
    std::iter::once((closure(["default"], features), default))
        .chain(needs_one_of.is_empty().then_some((BTreeSet::new(), none)))
        .chain(single)
        .filter_map(|(on, choice)| seen.insert(on).then_some(choice))
        .collect()
}

/// All that some features switch on. The name `default` stands for its content: it changes nothing by itself.
fn closure<'a>(
    names: impl IntoIterator<Item = &'a str>,
    features: &'a BTreeMap<String, Vec<String>>,
) -> BTreeSet<&'a str> {
    let mut on = BTreeSet::new();
    let mut left: Vec<_> = names.into_iter().collect();
    while let Some(name) = left.pop() {
        if on.insert(name) {
            left.extend(features.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    on.remove("default");
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(features: &[(&str, &[&str])]) -> Vec<String> {
        labels_needing(features, &[])
    }

    fn labels_needing(features: &[(&str, &[&str])], needs_one_of: &[&str]) -> Vec<String> {
        let owned =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        let features = features
            .iter()
            .map(|&(name, enables)| (name.to_owned(), owned(enables)))
            .collect();
        choices(&features, &owned(needs_one_of))
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
    #[test]
    fn what_needs_one_of_several_features_always_has_one() {
        let features: &[(&str, &[&str])] = &[
            ("default", &["fast"]),
            ("fast", &["dep:c"]),
            ("slow", &["dep:rust"]),
            ("extra", &["dep:x"]),
            ("bundle", &["extra", "slow"]),
        ];
        assert_eq!(
            labels_needing(features, &["fast", "slow"]),
            [
                "its default features",
                "the feature `bundle` alone",
                "the feature `extra` beside `fast`",
                "the feature `slow` alone",
            ]
        );
    }
}
