//! `docs/metrics.md` says what is there, and Prometheus likes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use portcullis::metrics::{
    DURATION_BUCKETS, FAMILIES, Family, MetricsObserver, Naming, STAGE_BUCKETS,
};
use portcullis::{
    CircuitEvent, CircuitEventKind, KeysEvent, KeysOutcome, Observer as _, VerdictEvent,
    VerdictOutcome,
};

use crate::Stand;
use crate::promtool;
use crate::requests::{app, whole};

fn text() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    fs::read_to_string(file).unwrap()
}

/// The cells of the rows of a chapter's first table, without its head.
fn rows(chapter: &str) -> Vec<Vec<String>> {
    let text = text();
    let (_, rest) = text.split_once(&format!("\n## {chapter}\n")).unwrap();
    let table = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = table.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

fn code(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

fn labels(cell: &str) -> Vec<String> {
    cell.split(", ").map(code).collect()
}

fn unit(family: &Family) -> &'static str {
    match family.unit.as_str() {
        "count" => "–",
        unit => unit,
    }
}

#[test]
fn the_docs_have_every_family_and_no_other() {
    let written = rows("What there is");
    let known: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    let names: Vec<_> = written.iter().map(|cells| code(&cells[0])).collect();
    assert_eq!(names, known, "in the order of the table");
    for (cells, family) in written.iter().zip(FAMILIES) {
        assert_eq!(cells[1], family.kind.as_str(), "{}", family.name);
        assert_eq!(labels(&cells[2]), family.labels, "{}", family.name);
        assert_eq!(cells[3], unit(family), "{}", family.name);
        assert!(!cells[4].is_empty() && family.help.ends_with('.'));
    }
}

#[test]
fn the_docs_have_the_names_of_the_conventions() {
    let found = rows("Names of OpenTelemetry").into_iter();
    let found = found.map(|cells| (code(&cells[0]), code(&cells[1]), labels(&cells[2])));
    let found: Vec<_> = found.collect();
    let named = FAMILIES.iter().filter_map(|family| {
        let semconv = family.semconv?;
        let labels = semconv.labels.iter().map(|label| (*label).to_owned());
        Some((
            family.name.to_owned(),
            semconv.name.to_owned(),
            labels.collect(),
        ))
    });
    assert_eq!(found, named.collect::<Vec<_>>());
}

#[test]
fn the_docs_have_the_buckets() {
    let list = |buckets: &[f64]| {
        let bounds: Vec<_> = buckets.iter().map(f64::to_string).collect();
        bounds.join(" ")
    };
    for buckets in [DURATION_BUCKETS, STAGE_BUCKETS] {
        assert!(text().contains(&list(buckets)), "{}", list(buckets));
    }
}

/// Families and labels that an expression names.
fn named(expression: &str) -> Vec<(&str, Vec<&str>)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(is_name) {
        rest = &rest[at..];
        let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let mut labels = Vec::new();
        if let Some(matchers) = rest.strip_prefix('{') {
            let (matchers, after) = matchers.split_once('}').unwrap();
            rest = after;
            labels.extend(
                matchers
                    .split(", ")
                    .map(|one| one.split('=').next().unwrap()),
            );
        }
        if word.contains('_') && word != "histogram_quantile" {
            found.push((word, labels));
        }
    }
    found
}

#[test]
fn what_the_docs_would_be_woken_by_is_there_and_prometheus_understands_it() {
    let alerts = rows("What to be woken by").into_iter();
    let alerts = alerts.map(|cells| code(cells[1].split(" for a ").next().unwrap()));
    let alerts: Vec<_> = alerts.map(|asked| asked.replace("\\|", "|")).collect();
    assert!(alerts.len() >= 10);
    for (word, labels) in alerts.iter().flat_map(|asked| named(asked)) {
        let parts = ["_bucket", "_count", "_sum"].iter();
        let name = parts.fold(word, |name, part| name.strip_suffix(part).unwrap_or(name));
        let family = FAMILIES.iter().find(|family| family.name == name);
        let family = family.unwrap_or_else(|| panic!("there is no {word}"));
        for label in labels {
            assert!(family.labels.contains(&label), "{word} has no {label}");
        }
    }
    let (good, said) = promtool::check_rules(&alerts);
    assert!(good, "{said}");
}

/// Reports one of everything.
async fn everything(stand: &Stand) {
    let app = app(&stand.metrics);
    for path in ["/users/1", "/broken", "/x"] {
        whole(&app, "GET", path).await;
    }
    let metrics = &stand.metrics;
    metrics.verdict(&VerdictEvent::new(VerdictOutcome::Absent, "missing_token"));
    let failed = KeysOutcome::Failed { error: "timeout" };
    metrics.keys(&KeysEvent::new("https://idp", failed, Duration::ZERO, None));
    for kind in [
        CircuitEventKind::WouldOpen { cause: "slow_rate" },
        CircuitEventKind::Overflowed,
    ] {
        metrics.circuit(&CircuitEvent::new("idp", kind));
    }
}

#[tokio::test]
async fn every_family_is_described_once_and_has_the_labels_of_the_table() {
    let stand = Stand::new();
    everything(&stand).await;
    let page = stand.handle.render();
    let mut found = BTreeMap::<&str, BTreeSet<&str>>::new();
    for family in FAMILIES {
        let help = format!("# HELP {} {}\n", family.name, family.help);
        let rows: Vec<_> = page
            .lines()
            .filter(|row| {
                let rest = row.strip_prefix(family.name);
                rest.is_some_and(|rest| ["{", "_bucket{"].iter().any(|next| rest.starts_with(next)))
            })
            .collect();
        assert!(
            page.matches(&help).count() == usize::from(!rows.is_empty()),
            "{help}"
        );
        for row in rows {
            let (_, labels) = row.split_once('{').unwrap();
            let names = labels
                .split("\",")
                .filter_map(|label| Some(label.split_once('=')?.0));
            let names: Vec<_> = names.filter(|name| *name != "le").collect();
            assert_eq!(names, family.labels, "{row}");
            found.entry(family.name).or_default().extend(names);
        }
    }
    // All but gRPC, calls, and moves, which have their tests.
    assert!(found.len() >= FAMILIES.len() - 4, "{found:?}");
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    for naming in [Naming::Prometheus, Naming::Semconv] {
        let stand = Stand::with(MetricsObserver::builder().with_naming(naming));
        everything(&stand).await;
        let (good, said) = promtool::check_metrics(&stand.handle.render());
        assert!(good && said.is_empty(), "{said}");
    }
    let (good, said) = promtool::check_metrics("# TYPE requests counter\nrequests 1\n");
    assert!(!good && said.contains("_total"), "it looks: {said}");
}
