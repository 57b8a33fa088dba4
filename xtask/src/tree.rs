//! A dependency tree, read from `cargo tree --prefix depth`.

use std::collections::BTreeSet;

use crate::process;
use crate::workspace::Workspace;

/// Every line of a tree, in order; the first is the package it is the tree of.
#[derive(Debug)]
pub(crate) struct Tree {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    depth: usize,
    name: String,
    version: String,
}

// === impl Tree ===

impl Tree {
    /// What a package is built from, with some choice of features and target.
    pub(crate) fn of(workspace: &Workspace, package: &str, args: &[&str]) -> Result<Self, String> {
        let mut tree = process::cargo(&workspace.root);
        tree.args([
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "depth",
            "--package",
            package,
        ])
        .args(args);
        Self::read(&process::capture(&mut tree)?)
    }

    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let lines: Option<Vec<Line>> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(Line::read)
            .collect();
        match lines {
            Some(lines) if !lines.is_empty() => Ok(Self { lines }),
            _ => Err(format!("cargo tree printed what is no tree:\n{text}")),
        }
    }

    /// How many different packages there are below the first.
    pub(crate) fn dependencies(&self) -> usize {
        let different: BTreeSet<_> = self
            .lines
            .iter()
            .map(|line| (&line.name, &line.version))
            .collect();
        different.len() - 1
    }

    /// What pulled a package in: the names from the first package to the first place where this one stands.
    pub(crate) fn way_to(&self, name: &str) -> Option<Vec<&str>> {
        let mut way: Vec<&str> = Vec::new();
        for line in &self.lines {
            way.truncate(line.depth);
            way.push(&line.name);
            if line.name == name && line.depth > 0 {
                return Some(way);
            }
        }
        None
    }

    /// The direct dependencies, each with the number of packages first met below it, the largest first.
    pub(crate) fn weights(&self) -> Vec<(&str, usize)> {
        let mut seen = BTreeSet::new();
        let mut weights: Vec<(&str, usize)> = Vec::new();
        for line in self.lines.iter().filter(|line| line.depth > 0) {
            if line.depth == 1 {
                weights.push((&line.name, 0));
            }
            if seen.insert((&line.name, &line.version))
                && let Some((_, weight)) = weights.last_mut()
            {
                *weight += 1;
            }
        }
        weights.sort_by_key(|&(name, weight)| (std::cmp::Reverse(weight), name));
        weights
    }
}

// === impl Line ===

impl Line {
    /// Reads `2serde v1.0.229 (*)`: depth and name meet, for no name begins with a digit.
    fn read(line: &str) -> Option<Self> {
        let name_at = line.find(|char: char| !char.is_ascii_digit())?;
        let (depth, rest) = line.split_at(name_at);
        let mut words = rest.split_whitespace();
        Some(Self {
            depth: depth.parse().ok()?,
            name: words.next()?.to_owned(),
            version: words.next()?.strip_prefix('v')?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0portcullis-core v0.1.0 (/w/crates/core)
1bytes v1.12.0
1http v1.5.0
2bytes v1.12.0
2itoa v1.0.1
1pin-project v1.1.13
2pin-project-internal v1.1.13 (proc-macro)
3itoa v0.9.0
1serde_json v1.0.154
2itoa v1.0.1
";

    #[test]
    fn a_package_met_twice_counts_once_and_two_versions_count_twice() {
        assert_eq!(Tree::read(TREE).unwrap().dependencies(), 7);
    }

    #[test]
    fn the_way_to_a_package_names_what_pulled_it_in() {
        let tree = Tree::read(TREE).unwrap();
        assert_eq!(
            tree.way_to("itoa"),
            Some(vec!["portcullis-core", "http", "itoa"])
        );
        assert_eq!(
            tree.way_to("pin-project-internal"),
            Some(vec![
                "portcullis-core",
                "pin-project",
                "pin-project-internal"
            ])
        );
        assert_eq!(tree.way_to("openssl"), None);
        assert_eq!(
            tree.way_to("portcullis-core"),
            None,
            "a package does not pull itself in"
        );
    }

    #[test]
    fn weights_tell_what_a_direct_dependency_brings_first() {
        assert_eq!(
            Tree::read(TREE).unwrap().weights(),
            [
                ("pin-project", 3),
                ("http", 2),
                ("bytes", 1),
                ("serde_json", 1)
            ]
        );
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "warning: nothing\n", "0name\n", "name v1.0.0\n"] {
            assert!(Tree::read(text).is_err(), "{text:?}");
        }
    }
}
