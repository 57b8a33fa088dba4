//! House rules that no tool knows: every member takes the lints of the workspace, every published one has its README.

use std::fs;

use crate::steps::Ended;
use crate::workspace::Package;

/// Checks the folder of every package.
pub(crate) fn check(packages: &[&Package]) -> Result<Ended, String> {
    let mut wrong = Vec::new();
    for package in packages {
        let manifest = package.folder.join("Cargo.toml");
        let manifest = fs::read_to_string(&manifest)
            .map_err(|error| format!("{}: {error}", manifest.display()))?;
        if !takes_workspace_lints(&manifest) {
            wrong.push(format!(
                "{}: Cargo.toml must say `[lints] workspace = true` and no lint of its own",
                package.name
            ));
        }
        let readme = fs::read_to_string(package.folder.join("README.md")).unwrap_or_default();
        if package.public && !readme.contains(&package.name) {
            wrong.push(format!(
                "{}: README.md must stand beside Cargo.toml and name the crate",
                package.name
            ));
        }
    }
    if wrong.is_empty() {
        Ok(Ended::Ok)
    } else {
        Err(wrong.join("\n"))
    }
}

/// Whether the only word on lints is `workspace = true`, so that `unsafe_code = "forbid"` holds in every member.
fn takes_workspace_lints(manifest: &str) -> bool {
    let mut section = "";
    let mut said = Vec::new();
    for line in manifest.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            section = line;
        } else if !line.is_empty() && section.starts_with("[lints") {
            said.push((section, line));
        } else if line.starts_with("lints.") {
            said.push(("[lints]", line.trim_start_matches("lints.")));
        }
    }
    let [("[lints]", line)] = said.as_slice() else {
        return false;
    };
    line.split_once('=')
        .is_some_and(|(key, value)| key.trim() == "workspace" && value.trim() == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_of_the_workspace_are_recognised() {
        assert!(takes_workspace_lints(
            "[package]\nname = \"x\"\n\n[lints]\nworkspace = true # all\n\n[dependencies]\n"
        ));
        assert!(takes_workspace_lints("[lints]\nworkspace=true"));
        assert!(takes_workspace_lints("lints.workspace = true\n[package]"));
    }

    #[test]
    fn missing_or_own_lints_are_refused() {
        for manifest in [
            "[package]\nname = \"x\"",
            "[lints]\n# workspace = true",
            "[lints]\nworkspace = false",
            "[dependencies]\nworkspace = true",
            "[lints]\nworkspace = true\n[lints.rust]\nunsafe_code = \"allow\"",
            "[lints.rust]\nunsafe_code = \"forbid\"",
        ] {
            assert!(!takes_workspace_lints(manifest), "{manifest}");
        }
    }
}
