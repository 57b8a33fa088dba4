//! Hostile requests, each with its exact answer; the upstream sees none of them, or one clean one.

mod frames;
mod framing;
mod heads;
mod http2;
mod row;
mod tape;
mod targets;

use portcullis_gateway::Running;

use crate::stand::{gateway, issuer, raw};
use row::Row;
use tape::Tape;

/// `/open/` has no guard, `/admin/` has one, `/get/` takes one method. Only the host `a` is served.
async fn guarded(tape: &Tape) -> Running {
    let issuer = issuer().await;
    gateway(&format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        hosts = ["a"]
        header_timeout = "1s"
        [[issuer]]
        url = "{issuer}"
        audiences = ["{audience}"]
        [[route]]
        path = "/open/"
        auth = "none"
        upstream = ["http://{upstream}"]
        [[route]]
        path = "/get/"
        methods = ["GET"]
        auth = "none"
        upstream = ["http://{upstream}"]
        [[route]]
        path = "/admin/"
        upstream = ["http://{upstream}"]
        "#,
        issuer = issuer.issuer(),
        audience = issuer.audience(),
        upstream = tape.address,
    ))
    .await
}

async fn check(rows: Vec<Row>) {
    let tape = Tape::start().await;
    let gateway = guarded(&tape).await;
    for row in rows {
        let got = raw(&gateway, &row.sent).await;
        let came = tape.take().await;
        row.answer.check(row.what, &got, &came);
    }
}

#[tokio::test]
async fn targets_are_read_in_one_way_or_not_at_all() {
    check(targets::rows()).await;
}

#[tokio::test]
async fn heads_say_nothing_but_what_clients_may_say() {
    check(heads::rows()).await;
}

#[tokio::test]
async fn requests_end_where_the_gateway_says() {
    check(framing::rows()).await;
}

#[tokio::test]
async fn http2_is_no_way_round() {
    let tape = Tape::start().await;
    let gateway = guarded(&tape).await;
    for row in http2::rows() {
        let outcome = row.frames.clone().send(gateway.address()).await;
        assert_eq!(outcome, row.outcome, "{}", row.what);
        let came = tape.take().await;
        match (&row.clean, &came[..]) {
            (Some(clean), [one]) => clean.check(row.what, one),
            (None, []) => {}
            _ => panic!("{}: {came:?}", row.what),
        }
    }
}

/// Every table of the documentation is the one that is tested, row by row.
#[test]
fn the_documentation_has_every_row() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hostile-requests.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let head = "| request | what is sent | answer |\n|---|---|---|\n";
    let told = |rows: Vec<Row>| rows.iter().map(|row| row.told() + "\n").collect::<String>();
    let mut tables: Vec<_> = [targets::rows(), heads::rows(), framing::rows()]
        .map(|rows| format!("{head}{}", told(rows)))
        .into();
    let rows: String = http2::rows().iter().map(|row| row.told() + "\n").collect();
    tables.push(format!("| request | answer |\n|---|---|\n{rows}"));
    let lines: usize = tables.iter().map(|table| table.lines().count()).sum();
    for table in tables {
        assert!(
            text.contains(&format!("\n\n{table}\n")),
            "write instead:\n\n{table}"
        );
    }
    let written = text.lines().filter(|line| line.starts_with('|')).count();
    assert_eq!(written, lines, "and no other table");
}
