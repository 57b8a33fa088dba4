//! `docs/revocation.md` lists every outcome of the feeds, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Texts in the sources of the feeds that look like an outcome and are none.
const OTHERS: &[&str] = &[
    // what OAuth calls the error
    "invalid_request",
    "temporarily_unavailable",
    // parameters and their values
    "access_token",
    "client_id",
    "client_secret",
    "logout_token",
    "refresh_token",
    "token",
    "token_type_hint",
    // names of the feeds
    "backchannel_logout",
    "rfc7009",
    // fields of the configuration, and of `Debug`
    "count",
    "rule",
    "id",
    "issuer",
    "secret",
];

fn literals(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            literals(&path, found);
            continue;
        }
        if path.ends_with("fuzz.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .take_while(|line| !line.contains("mod tests {"));
        for line in code.filter(|line| !line.trim_start().starts_with("//")) {
            let label = |text: &&str| {
                let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
                !text.is_empty() && text.bytes().all(plain)
            };
            found.extend(
                line.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(label)
                    .map(str::to_owned),
            );
        }
    }
}

#[test]
fn every_outcome_is_documented_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    literals(&root.join("crates/revocation/src/feeds"), &mut found);
    for other in OTHERS {
        assert!(found.remove(*other), "{other} is not there any more");
    }
    let text = fs::read_to_string(root.join("docs/revocation.md")).unwrap();
    let section = text.split("## Outcomes").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<_> = rows
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect();
    assert!(documented.contains("revoked"));
    assert_eq!(found, documented);
}
