//! What Prometheus' own tool says.

use std::fs;
use std::process::Command;

/// Whether a page is as it should be, and what is not.
pub(crate) fn check_metrics(page: &str) -> (bool, String) {
    let file = written(page);
    run(Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(file.reopen().unwrap()))
}

/// Whether expressions can be those of alerts, and which cannot.
pub(crate) fn check_rules(expressions: &[String]) -> (bool, String) {
    let rule = |(at, asked)| serde_json::json!({ "alert": format!("A{at}"), "expr": asked });
    let rules: Vec<_> = expressions.iter().enumerate().map(rule).collect();
    // What is JSON is YAML.
    let rules = serde_json::json!({ "groups": [{ "name": "docs", "rules": rules }] });
    let file = written(&rules.to_string());
    run(Command::new("promtool")
        .args(["check", "rules"])
        .arg(file.path()))
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

/// # Panics
/// If there is no promtool.
fn run(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .expect("promtool, which `cargo xtask test` installs with Prometheus");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}
