//! The members of the workspace, from `cargo metadata`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process;

/// A workspace as cargo sees it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// In the order of their names.
    pub(crate) packages: Vec<Package>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Features of which it needs one to build: `needs-one-of` in `[package.metadata.portcullis]`.
    pub(crate) needs_one_of: Vec<String>,
    /// Whether it may be published; what may not is the project's own (tests, commands).
    pub(crate) public: bool,
    pub(crate) has_library: bool,
    pub(crate) binaries: Vec<String>,
}

// === impl Workspace ===

impl Workspace {
    /// The workspace that this program belongs to.
    pub(crate) fn ours() -> Result<Self, String> {
        // Set by `cargo run`; a program started by hand takes the folder it is in.
        let start =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(env::current_dir, |dir| Ok(dir.into()));
        Self::at(&start.map_err(|error| format!("no current folder: {error}"))?)
    }

    /// The workspace that a folder belongs to.
    pub(crate) fn at(folder: &Path) -> Result<Self, String> {
        let mut metadata = process::cargo(folder);
        let metadata =
            process::capture(metadata.args(["metadata", "--no-deps", "--format-version", "1"]))?;
        Self::read(&metadata)
    }

    fn read(metadata: &str) -> Result<Self, String> {
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
        let mut packages = list(&metadata, "packages")?
            .iter()
            .map(Package::read)
            .collect::<Result<Vec<_>, _>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            packages,
        })
    }

    /// The members that are meant by `-p` arguments; all of them without one.
    pub(crate) fn select(&self, only: &[String]) -> Result<Vec<&Package>, String> {
        if only.is_empty() {
            return Ok(self.packages.iter().collect());
        }
        only.iter().map(|wanted| self.find(wanted)).collect()
    }

    fn find(&self, wanted: &str) -> Result<&Package, String> {
        let prefixed = format!("portcullis-{wanted}");
        let named = |name: &str| self.packages.iter().find(|package| package.name == name);
        named(wanted).or_else(|| named(&prefixed)).ok_or_else(|| {
            let names: Vec<_> = self
                .packages
                .iter()
                .map(|package| package.name.as_str())
                .collect();
            format!(
                "there is no crate `{wanted}`; these are: {}",
                names.join(", ")
            )
        })
    }
}

// === impl Package ===

impl Package {
    fn read(package: &Value) -> Result<Self, String> {
        let manifest = PathBuf::from(text(package, "manifest_path")?);
        let features = package["features"].as_object().into_iter().flatten();
        let mut has_library = false;
        let mut binaries = Vec::new();
        for target in list(package, "targets")? {
            let kinds = list(target, "kind")?;
            // A library may be of several kinds (`lib`, `rlib`, `proc-macro`); no binary is among them.
            has_library |= kinds
                .iter()
                .filter_map(Value::as_str)
                .any(|kind| kind.contains("lib") || kind == "proc-macro");
            if kinds.iter().any(|kind| kind == "bin") {
                binaries.push(text(target, "name")?.to_owned());
            }
        }
        Ok(Self {
            name: text(package, "name")?.to_owned(),
            folder: manifest.parent().unwrap_or(&manifest).to_owned(),
            features: features
                .map(|(name, enables)| (name.clone(), strings(enables)))
                .collect(),
            needs_one_of: strings(&package["metadata"]["portcullis"]["needs-one-of"]),
            // `publish` is null for every registry, else the list of those allowed.
            public: package["publish"]
                .as_array()
                .is_none_or(|registries| !registries.is_empty()),
            has_library,
            binaries,
        })
    }
}

fn list<'a>(value: &'a Value, field: &str) -> Result<&'a Vec<Value>, String> {
    value[field]
        .as_array()
        .ok_or_else(|| format!("cargo metadata has no list `{field}`"))
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value[field]
        .as_str()
        .ok_or_else(|| format!("cargo metadata has no text `{field}`"))
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/w", "target_directory": "/w/target",
        "packages": [
            {"name": "xtask", "manifest_path": "/w/xtask/Cargo.toml", "publish": [], "features": {},
             "targets": [{"name": "xtask", "kind": ["bin"]}]},
            {"name": "portcullis-core", "manifest_path": "/w/crates/core/Cargo.toml", "publish": null,
             "features": {"default": ["json"], "json": ["dep:serde_json"]},
             "metadata": {"portcullis": {"needs-one-of": ["json", "toml"]}},
             "targets": [{"name": "portcullis_core", "kind": ["lib"]}, {"name": "loom", "kind": ["test"]}]}
        ]
    }"#;

    #[test]
    fn members_are_read_in_the_order_of_their_names() {
        let workspace = Workspace::read(METADATA).unwrap();
        assert_eq!(
            (workspace.root.as_path(), workspace.target.as_path()),
            (Path::new("/w"), Path::new("/w/target"))
        );
        let [core, xtask] = workspace.packages.as_slice() else {
            panic!("{workspace:?}")
        };
        assert_eq!(
            (core.name.as_str(), core.folder.as_path()),
            ("portcullis-core", Path::new("/w/crates/core"))
        );
        assert!(core.public && core.has_library && core.binaries.is_empty());
        assert_eq!(core.features["default"], ["json"]);
        assert_eq!(core.needs_one_of, ["json", "toml"]);
        assert!(xtask.needs_one_of.is_empty());
        assert!(!xtask.public && !xtask.has_library);
        assert_eq!(xtask.binaries, ["xtask"]);
    }

    #[test]
    fn folder_names_select_too_and_strays_are_refused() {
        let workspace = Workspace::read(METADATA).unwrap();
        let select = |name: &str| workspace.select(&[name.to_owned()]);
        assert_eq!(select("core").unwrap()[0].name, "portcullis-core");
        assert_eq!(
            select("portcullis-core").unwrap()[0].name,
            "portcullis-core"
        );
        assert_eq!(select("xtask").unwrap()[0].name, "xtask");
        assert!(
            select("auht")
                .unwrap_err()
                .contains("portcullis-core, xtask")
        );
        assert_eq!(workspace.select(&[]).unwrap().len(), 2);
    }

    #[test]
    fn other_text_is_an_error_that_names_what_is_missing() {
        assert!(
            Workspace::read("error: no manifest")
                .unwrap_err()
                .contains("no JSON")
        );
        assert!(Workspace::read("{}").unwrap_err().contains("packages"));
        assert!(
            Workspace::read(r#"{"packages": [{}]}"#)
                .unwrap_err()
                .contains("manifest_path")
        );
    }

    #[test]
    fn our_own_workspace_is_read() {
        let ours = Workspace::ours().unwrap();
        assert_eq!(
            ours.select(&["xtask".to_owned()]).unwrap()[0].binaries,
            ["xtask"]
        );
    }
}
