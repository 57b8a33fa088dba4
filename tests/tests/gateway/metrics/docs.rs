//! The table of `docs/gateway-metrics.md` says what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use portcullis_testing::Mode;
use tokio::net::TcpListener;

use super::{open, scrape};
use crate::revocation::{KEY, Revocable};
use crate::stand::{Stand, gateway};

/// Kind and labels.
type Row = (String, BTreeSet<String>);

fn written() -> BTreeMap<String, Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateway-metrics.md");
    let text = fs::read_to_string(file).expect("the docs");
    let (table, _) = text.split_once("\n## ").expect("chapters");
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| `portcullis_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let labels = cells[3]
            .split(", ")
            .map(|label| label.trim_matches('`').to_owned());
        let labels = labels.filter(|label| label != "–").collect();
        (
            cells[1].trim_matches('`').to_owned(),
            (cells[2].to_owned(), labels),
        )
    };
    let rows: Vec<_> = rows.map(row).collect();
    let count = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().collect();
    assert_eq!(rows.len(), count, "each once");
    rows
}

#[tokio::test]
async fn the_docs_have_every_metric_with_its_labels_and_no_other() {
    let stand = Stand::with(
        "[[route]]\npath = \"/news/\"\nupstream = [\"UPSTREAM\"]\nauth = \"optional\"\n\
         on_idp_outage = \"anonymous\"\n",
    )
    .await;
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    stand.issuer.mode(Mode::Refuse);
    let unknown = stand
        .issuer
        .token()
        .sign(&portcullis_testing::SigningKey::es256());
    assert_eq!(stand.get("/news/x", &unknown).await.status, 200);
    assert_eq!(stand.get_bare("/nowhere").await.status, 404);
    let mut pages = vec![scrape(&stand.gateway).await];
    // And one whose upstream is not there.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let alone = gateway(&open(&upstream, "", "")).await;
    assert_eq!(super::ask(&alone, http::Method::GET, "/").await.status, 502);
    pages.push(scrape(&alone).await);
    // And one that traces.
    let traced = "[trace]\ntrust = \"internal\"\n[trace.timings]\nslow_above = \"1s\"\n";
    let traced = Stand::with(traced).await;
    assert_eq!(traced.get("/api/x", &traced.token()).await.status, 200);
    pages.push(scrape(&traced.gateway).await);
    // And one whose view has no room, so that something is wrong.
    let full = Revocable::with("capacity = 1", "").await;
    pages.push(scrape(&full.gateway).await);
    for session in ["s-1", "s-2"] {
        full.post("/revoke", KEY, &full.session(session)).await;
    }
    let troubled = super::until(&full.gateway, "it is full", |page| {
        !page.families["portcullis_revocation_trouble"]
            .samples
            .is_empty()
    });
    pages.push(troubled.await);

    let mut found = BTreeMap::<String, Row>::new();
    for (name, family) in pages.iter().flat_map(|page| &page.families) {
        let name = match &*family.kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.clone(),
        };
        let row = found.entry(name).or_default();
        row.0.clone_from(&family.kind);
        let labels = family.samples.keys().flat_map(|(_, labels)| labels.keys());
        row.1.extend(labels.filter(|label| *label != "le").cloned());
    }
    assert_eq!(found, written());
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_what_curl_gets() {
    let traced = "[trace]\ntrust = \"internal\"\n[trace.timings]\nslow_above = \"1s\"\n";
    let stand = Stand::with(traced).await;
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    assert_eq!(stand.get_bare("/nowhere").await.status, 404);
    let admin = stand.gateway.admin_address().expect("an admin listener");
    let request = http::Request::get(format!("http://{admin}/metrics"));
    let answer = crate::stand::send(request.body(http_body_util::Full::default()).unwrap()).await;
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let mut page = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut page, &answer.body).expect("written");
    let checked = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(page.reopen().expect("the file"))
        .output()
        .expect("promtool, which `cargo xtask test` installs with Prometheus");
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(checked.status.success() && said.trim().is_empty(), "{said}");
}
