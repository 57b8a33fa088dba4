//! `Expect: 100-continue`, by hand and by curl.

use std::process::{Command, Stdio};

use crate::stand::{Stand, Upstream, issuer};
use crate::wire::ByHand;

const POLITE: &str =
    "POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";

#[tokio::test]
async fn a_client_is_told_to_go_on_when_the_upstream_is_there() {
    let stand = ByHand::start().await;
    let mut client = stand.client().await;
    client.send(POLITE).await;
    let mut behind = stand.behind().await;
    let head = behind.head().await;
    assert!(!head.contains("expect"), "met here: {head}");
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert_eq!(behind.until("body").await, "body");
    behind
        .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_is_not_told_to_go_on_where_there_is_no_upstream() {
    let stand = Stand::with(
        "[[route]]\npath = \"/gone/\"\nupstream = [\"http://127.0.0.1:1\"]\nauth = \"none\"",
    )
    .await;
    let answer = stand.raw(&POLITE.replace("/up", "/gone/up")).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn a_refused_request_gets_its_answer_without_its_body() {
    let stand = Stand::start().await;
    let answer = stand.raw(&POLITE.replace("/up", "/api/up")).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
    assert_eq!(stand.upstream.calls(), 0);
}

/// Runs curl, and tells the status of its last answer and how much it uploaded.
async fn curl(stand: &Stand, target: &str, more: &[&str]) -> (String, u64) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), vec![b'x'; 3 << 20]).expect("written");
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--output",
            "/dev/null",
            "--max-time",
            "20",
        ])
        .args(["--write-out", "%{http_code} %{size_upload}"])
        .args([
            "--expect100-timeout",
            "15",
            "--header",
            "Expect: 100-continue",
        ])
        .args(more)
        .arg("--upload-file")
        .arg(file.path())
        .arg(stand.url(target))
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("curl runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let (status, sent) = text.split_once(' ').expect("two words");
    (status.to_owned(), sent.parse().expect("a number"))
}

#[tokio::test]
async fn curl_uploads_once_it_may() {
    let upstream =
        Upstream::answering(|received| http::Response::new(received.body.len().to_string().into()))
            .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let begun = std::time::Instant::now();
    let (status, sent) = curl(&stand, "/open/up", &["--http1.1"]).await;
    assert_eq!((&*status, sent), ("200", 3 << 20));
    assert_eq!(stand.upstream.last().body.len(), 3 << 20);
    // It would send the body anyway in the end, without having been told to.
    assert!(begun.elapsed() < std::time::Duration::from_secs(15));
}

#[tokio::test]
async fn curl_sends_nothing_to_who_refuses_it() {
    let stand = Stand::start().await;
    let (status, sent) = curl(&stand, "/api/up", &["--http1.1"]).await;
    assert_eq!((&*status, sent), ("401", 0));
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn curl_uploads_over_http2() {
    let stand = Stand::start().await;
    let token = format!("Authorization: Bearer {}", stand.token());
    let more = ["--http2-prior-knowledge", "--header", &token];
    let (status, sent) = curl(&stand, "/api/up", &more).await;
    assert_eq!((&*status, sent), ("200", 3 << 20));
    assert_eq!(stand.upstream.last().body.len(), 3 << 20);
    let (status, _) = curl(&stand, "/api/up", &["--http2-prior-knowledge"]).await;
    assert_eq!(status, "401");
    assert_eq!(stand.upstream.calls(), 1);
}
