//! `docs/reasons.md` lists every label that the code has, no other, and the answer to each.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Request, Response};
use portcullis_auth::{Anonymous, AuthLayer, Outage, Reason, RequireLayer, Shortfall, Verdict};
use portcullis_core::OutageCause;
use portcullis_testing::{IdentityBuilder, StubVerifier, identity};
use tower::{Layer, ServiceExt as _};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// The rows of the tables that begin with a label, by the heading above them.
fn documented() -> BTreeMap<String, Vec<Vec<String>>> {
    let text = fs::read_to_string(root().join("docs/reasons.md")).unwrap();
    let mut sections: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        } else if line.starts_with("| `") {
            let cells = line.trim_matches('|').split(" | ");
            let cells = cells.map(|cell| cell.trim().trim_matches('`').to_owned());
            let rows = sections.entry(heading.clone()).or_default();
            rows.push(cells.collect());
        }
    }
    sections
}

fn labels(rows: &[Vec<String>]) -> BTreeSet<&str> {
    let labels: BTreeSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(labels.len(), rows.len(), "a label is there twice");
    labels
}

/// The labels that sources give to refusals by their text.
fn written(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            written(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.to_str().unwrap().contains("tests.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<_> = text
                .lines()
                .take_while(|line| !line.contains("mod tests {"))
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let code = code.join(" ");
            if !code.contains("Refusal::builder(") {
                continue;
            }
            // `of` is what a table of refusals calls it.
            for call in [" of(", "Refusal::builder("]
                .iter()
                .flat_map(|call| code.split(call).skip(1))
            {
                let Some((_, argument)) = call.split_once(',') else {
                    continue;
                };
                if let Some(label) = argument.trim_start().strip_prefix('"') {
                    found.insert(label.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
}

#[test]
fn every_label_is_documented_and_no_other() {
    let sections = documented();
    let expected: [(&str, BTreeSet<&str>); 4] = [
        (
            "Bad tokens",
            Reason::ALL.iter().map(|reason| reason.as_str()).collect(),
        ),
        ("No token", [Anonymous::new().refusal().reason()].into()),
        (
            "Not found out",
            OutageCause::ALL.map(OutageCause::as_str).into(),
        ),
        (
            "Not enough for this route",
            Shortfall::ALL
                .into_iter()
                .filter(|shortfall| *shortfall != Shortfall::TokenAge)
                .map(Shortfall::as_str)
                .chain([portcullis::axum::CLAIMS_MISMATCH])
                .collect(),
        ),
    ];
    let mut named = BTreeSet::new();
    for (section, expected) in expected {
        assert_eq!(labels(&sections[section]), expected, "{section}");
        named.extend(expected);
    }
    assert!(named.contains(Shortfall::TokenAge.as_str()));

    // Labels that are written where they are used.
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let sources = entry.unwrap().path().join("src");
        if sources.is_dir() {
            written(&sources, &mut found);
        }
    }
    assert!(found.len() > 2, "the search finds something: {found:?}");
    let documented: BTreeSet<_> = labels(&sections["The gateway"]);
    let others: BTreeSet<_> = found
        .iter()
        .map(String::as_str)
        .filter(|label| !named.contains(label))
        .collect();
    assert_eq!(documented, others, "The gateway");
}

#[test]
fn every_label_of_a_failed_fetch_is_documented_and_no_other() {
    let source = root().join("crates/auth/src/jwks/error.rs");
    let source = fs::read_to_string(source).unwrap();
    let body = source.split("fn as_str(self)").nth(1).unwrap();
    let body = body.split("\n    }\n").next().unwrap();
    let written: BTreeSet<_> = body.split('"').skip(1).step_by(2).collect();
    assert!(written.contains("timeout"), "{written:?}");
    let sections = documented();
    let section = &sections["Why keys could not be fetched"];
    assert_eq!(labels(section), written);
}

/// Reason, HTTP status and gRPC status of an answer.
struct Asked {
    reason: String,
    http: String,
    grpc: String,
}

async fn ask<L, B>(layer: &L, request: impl Fn() -> Request<()>) -> Asked
where
    L: Layer<Inner>,
    L::Service: tower_service::Service<Request<()>, Response = Response<B>>,
    <L::Service as tower_service::Service<Request<()>>>::Error: std::fmt::Debug,
    B: http_body::Body<Data = bytes::Bytes>,
    B::Error: std::fmt::Debug,
{
    use http_body_util::BodyExt as _;
    let http = layer.layer(inner()).oneshot(request()).await.unwrap();
    let status = http.status().as_u16().to_string();
    let body = http.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();

    let mut call = request();
    let content_type = HeaderValue::from_static("application/grpc");
    call.headers_mut().insert("content-type", content_type);
    let grpc = layer.layer(inner()).oneshot(call).await.unwrap();
    Asked {
        reason: problem["reason"].as_str().unwrap().to_owned(),
        http: status,
        grpc: grpc.headers()["grpc-status"].to_str().unwrap().to_owned(),
    }
}

type Inner = tower::util::BoxCloneService<
    Request<()>,
    Response<http_body_util::Empty<bytes::Bytes>>,
    std::convert::Infallible,
>;

fn inner() -> Inner {
    let service = tower::service_fn(|_| async { Ok(Response::new(http_body_util::Empty::new())) });
    tower::util::BoxCloneService::new(service)
}

fn token() -> Request<()> {
    let mut request = Request::new(());
    let value = HeaderValue::from_static("Bearer token");
    request.headers_mut().insert("authorization", value);
    request
}

fn by(caller: &IdentityBuilder) -> Request<()> {
    let mut request = Request::new(());
    let caller = caller.clone().build();
    caller.attach(request.extensions_mut());
    request
}

#[tokio::test]
async fn the_answers_are_those_that_are_documented() {
    let sections = documented();
    let rows: BTreeMap<&str, (&str, &str)> = sections
        .values()
        .flatten()
        .filter(|row| row.len() == 5)
        .map(|row| (row[0].as_str(), (row[1].as_str(), row[2].as_str())))
        .collect();

    let mut answers = Vec::new();
    let judged = |verdict| {
        let verifier = StubVerifier::new();
        verifier.set("token", verdict);
        AuthLayer::new(verifier)
    };
    for reason in Reason::ALL {
        answers.push(ask(&judged(Verdict::Invalid(*reason)), token).await);
    }
    for cause in OutageCause::ALL {
        let outage = Verdict::Indeterminate(Outage::new(cause));
        answers.push(ask(&judged(outage), token).await);
    }
    let auth = AuthLayer::new(StubVerifier::new());
    answers.push(ask(&auth, || Request::new(())).await);

    let alice = identity("alice");
    let second = std::time::Duration::from_secs(1);
    let new = RequireLayer::new;
    answers.push(ask(&new(), || Request::new(())).await);
    for require in [
        new().with_roles(["clerk"]),
        new().with_scopes(["orders"]),
        new().with_acr(["gold"]),
        new().with_max_auth_age(second),
        new().with_max_token_age(second),
    ] {
        answers.push(ask(&require.unwrap(), || by(&alice)).await);
    }

    let mut seen = BTreeSet::new();
    for answer in &answers {
        let documented = rows[answer.reason.as_str()];
        let actual = (answer.http.as_str(), answer.grpc.as_str());
        assert_eq!(actual, documented, "{}", answer.reason);
        seen.insert(answer.reason.as_str());
    }
    // What is left is the facade's and the gateway's, tested where they are.
    let left: BTreeSet<_> = rows
        .keys()
        .copied()
        .filter(|row| !seen.contains(row))
        .collect();
    let mut elsewhere = labels(&sections["The gateway"]);
    elsewhere.insert(portcullis::axum::CLAIMS_MISMATCH);
    assert_eq!(left, elsewhere);
}
