//! `Expect: 100-continue`, by hand. (By curl: `curl.rs`.)

use crate::stand::Stand;
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
