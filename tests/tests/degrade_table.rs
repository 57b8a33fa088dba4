//! The table of `docs/degrade.md` is what a policy decides.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis_auth::{Decision, Degrade, Outage};
use portcullis_core::OutageCause;
use portcullis_testing::identity;

const GRACE: Duration = Duration::from_secs(60);

/// Cause, policy, and what happens with a safe and an unsafe method.
fn rows() -> Vec<[String; 4]> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(here.parent().unwrap().join("docs/degrade.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            let cells: Vec<_> = cells
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect();
            cells.try_into().ok()
        })
        .collect()
}

fn policy(name: &str) -> Degrade {
    let allow = Degrade::allow_for(GRACE).unwrap();
    match name {
        "deny" => Degrade::deny(),
        "allow_for" => allow,
        "allow_for, unsafe" => allow.with_unsafe_methods(),
        "anonymous" => Degrade::anonymous(),
        other => panic!("{other} is no policy"),
    }
}

fn decided(policy: &Degrade, outage: &Outage, safe: bool) -> &'static str {
    match policy.decide(outage, safe) {
        Decision::Refuse => "503",
        Decision::Admit(_) => "degraded",
        Decision::Anonymous => "anonymous",
    }
}

#[test]
fn the_documented_table_is_what_is_decided() {
    let mut seen = BTreeSet::new();
    for [cause, name, safe, unsafe_] in rows() {
        let policy = policy(&name);
        let known = OutageCause::ALL
            .into_iter()
            .find(|known| known.as_str() == cause)
            .unwrap();
        let nobody = Outage::new(known);
        let held = |overdue| Outage::new(known).holding(identity("alice").build(), overdue);
        for (said, is_safe) in [(&safe, true), (&unsafe_, false)] {
            let cell = format!("{cause} {name} safe={is_safe}");
            assert_eq!(decided(&policy, &held(GRACE), is_safe), said, "{cell}");
            // The sentences below the table.
            let less = if said == "degraded" { "503" } else { said };
            let late = held(GRACE + Duration::from_nanos(1));
            assert_eq!(decided(&policy, &late, is_safe), less, "{cell}");
            assert_eq!(decided(&policy, &nobody, is_safe), less, "{cell}");
        }
        assert!(seen.insert((cause, name)), "a row is there twice");
    }
    assert_eq!(seen.len(), OutageCause::ALL.len() * 4, "every row is there");
}
