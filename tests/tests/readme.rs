//! What the README and the other documents say of the project is so.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders in a folder, by name.
fn folders(path: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(path)).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Every document of the project.
fn documents() -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut waiting = ["", "docs", "benches", "crates", "examples"]
        .map(|one| root.join(one))
        .to_vec();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_crate = path.join("Cargo.toml").is_file();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            } else if folder != root && is_crate {
                waiting.push(path);
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

/// Prose and code outside of fences apart: (outside, inside).
fn fenced(text: &str) -> (String, String) {
    let (mut outside, mut inside, mut fence) = (String::new(), String::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
            continue;
        }
        let part = if fence { &mut inside } else { &mut outside };
        part.push_str(line);
        part.push('\n');
    }
    (outside, inside)
}

/// The targets of links in Markdown.
fn links(text: &str) -> Vec<String> {
    let (prose, _) = fenced(text);
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(str::to_owned)
        .collect()
}

/// The anchors of the headings, as renderers name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (prose, _) = fenced(text);
    prose
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| {
            title
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

/// The words that follow `command`, up to the end of the code it stands in.
fn said_after<'t>(text: &'t str, command: &str) -> Vec<Vec<&'t str>> {
    text.split(command)
        .skip(1)
        .filter_map(|rest| rest.split(['`', '\n', '#']).next())
        .map(|rest| rest.split_whitespace().collect())
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_link_between_files_leads_somewhere() {
    let mut followed = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let shown = format!("{}: {link}", document.display());
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap().join(path)
            };
            assert!(target.exists(), "{shown}");
            if !anchor.is_empty() {
                let target = fs::read_to_string(target).unwrap();
                assert!(anchors(&target).contains(anchor), "{shown}");
            }
            followed += 1;
        }
    }
    assert!(followed > 30, "{followed}");
}

#[test]
fn every_document_of_docs_is_linked_from_the_readme() {
    let links = links(&read("README.md"));
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(links.contains(&format!("docs/{name}")), "{name}");
    }
}

#[test]
fn every_xtask_command_in_the_documents_exists() {
    let alias = read(".cargo/config.toml");
    assert!(alias.contains("xtask = \"run --quiet --package xtask --\""));
    let arguments = read("xtask/src/args.rs");
    let help = arguments.split("HELP: &str").nth(1).unwrap();
    let help = help.split("\";").next().unwrap();
    let commands: BTreeSet<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for command in ["test", "ci", "bench"] {
        assert!(commands.contains(command), "{commands:?}");
        // What the help says is what is read.
        assert!(arguments.contains(&format!("Some(\"{command}\") =>")));
    }
    let steps = read("xtask/src/ci.rs");
    let steps = steps.split("STEPS: [").nth(1).unwrap();
    let steps = steps.split("];").next().unwrap();

    let mut said = BTreeSet::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for words in said_after(&text, "cargo xtask ") {
            let shown = format!("{}: {words:?}", document.display());
            assert!(commands.contains(words[0]), "{shown}");
            let plain = |word: &str| {
                word.chars()
                    .all(|one| one.is_ascii_lowercase() || one == '-')
            };
            match words[..] {
                ["ci", step, ..] if plain(step) && !step.starts_with('-') => {
                    assert!(steps.contains(&format!("\"{step}\"")), "{shown}");
                }
                ["bench", name, ..] if plain(name) && !name.starts_with('-') => {
                    let benches = root().join("benches");
                    let sources = [
                        benches.join("src/bin").join(name).join("main.rs"),
                        benches.join(name).join("src/main.rs"),
                    ];
                    assert!(sources.iter().any(|main| main.is_file()), "{shown}");
                }
                _ => {}
            }
            said.insert(words[0].to_owned());
        }
    }
    for command in ["test", "ci", "bench"] {
        assert!(said.contains(command), "{command} is documented");
    }
}

#[test]
fn every_package_that_a_command_of_the_documents_runs_exists() {
    let packages: BTreeSet<String> = ["crates", "examples"]
        .into_iter()
        .flat_map(|group| {
            folders(group)
                .into_iter()
                .map(move |one| format!("{group}/{one}"))
        })
        .map(|folder| name_of(&folder))
        .collect();
    let mut ran = BTreeSet::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for words in said_after(&text, "cargo run ") {
            let package = words.iter().skip_while(|word| **word != "-p").nth(1);
            let Some(package) = package else {
                continue;
            };
            let shown = format!("{}: {words:?}", document.display());
            assert!(packages.contains(*package), "{shown}");
            ran.insert((*package).to_owned());
        }
    }
    for package in ["portcullis-gateway", "axum-api", "tonic-greeter"] {
        assert!(ran.contains(package), "{package} is not in {ran:?}");
    }
    let gateway = read("crates/gateway/Cargo.toml");
    assert!(gateway.contains("[[bin]]\nname = \"portcullis\"\n"));
    assert!(
        gateway.contains("default = [\"demo\"]"),
        "`demo` is there without a flag"
    );
}

/// The name of the package in a folder.
fn name_of(folder: &str) -> String {
    let manifest = read(format!("{folder}/Cargo.toml"));
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "));
    name.unwrap().trim_matches('"').to_owned()
}

#[test]
fn the_table_of_crates_has_every_crate_under_its_name() {
    let text = read("README.md");
    let table = text.split("\n## The crates\n").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let listed: BTreeSet<(String, String)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| [`")?.split_once("`](crates/"))
        .map(|(name, rest)| (rest.split(')').next().unwrap().to_owned(), name.to_owned()))
        .collect();
    let there: BTreeSet<(String, String)> = folders("crates")
        .into_iter()
        .map(|folder| (folder.clone(), name_of(&format!("crates/{folder}"))))
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn the_lines_of_the_readme_are_lines_of_the_example() {
    let text = read("README.md");
    let block = text.split("```rust,ignore\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let example = one_line(&read("examples/axum-api/src/main.rs"));
    let passages: Vec<_> = block.split("\n\n").map(one_line).collect();
    let mut rest = &*example;
    for passage in &passages {
        // In the order of the example, too.
        let at = rest.find(&**passage);
        let at = at.unwrap_or_else(|| panic!("not in the example:\n{passage}"));
        rest = &rest[at + passage.len()..];
    }
    let lines = block.lines().filter(|line| !line.is_empty()).count();
    assert_eq!(lines, 10, "\"Ten lines\"");
    assert_eq!(text.matches("```rust").count(), 1, "and no other code");
}

#[test]
fn the_small_print_is_that_of_the_manifest() {
    let (text, manifest) = (read("README.md"), read("Cargo.toml"));
    let quoted = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim_matches([' ', '=', '"']).to_owned()
    };
    let rust = quoted("rust-version");
    assert!(
        text.contains(&format!("**Rust** {rust} or newer")),
        "{rust}"
    );
    assert_eq!(quoted("license"), "MIT OR Apache-2.0");
    let facade = read("crates/portcullis/Cargo.toml");
    assert!(facade.contains("\nrust-crypto = ["));
}

#[test]
fn the_arrows_between_crates_are_those_of_the_manifests() {
    let text = read("docs/architecture.md");
    let table = text.split("\n## Arrows\n").nth(1).unwrap();
    let names = |text: &str| -> BTreeSet<String> {
        let odd = text.split('`').skip(1).step_by(2);
        odd.map(str::to_owned).collect()
    };
    let mut documented = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let (name, needs) = line.trim_matches('|').split_once(" | ").unwrap();
        documented.insert((names(name).pop_first().unwrap(), names(needs)));
    }
    let there: BTreeSet<_> = folders("crates")
        .into_iter()
        .map(|folder| {
            let manifest = read(format!("crates/{folder}/Cargo.toml"));
            let needs = manifest.split("\n[dependencies]\n").nth(1).unwrap();
            let needs = needs.split("\n[").next().unwrap();
            let needs = needs
                .lines()
                .filter(|line| line.starts_with("portcullis"))
                .filter_map(|line| line.split(['.', ' ', '=']).next())
                .map(str::to_owned);
            (name_of(&format!("crates/{folder}")), needs.collect())
        })
        .collect();
    assert_eq!(documented, there);
}
