//! How large the body of a request may be.

use crate::wire::ByHand;

const FIVE: &str = "max_body = \"5B\"";

#[tokio::test]
async fn a_body_that_is_declared_too_large_never_reaches_the_upstream() {
    let stand = ByHand::with("", FIVE).await;
    let mut client = stand.client().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabcdef")
        .await;
    let answer = client.until("body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // The next one is the first that the upstream hears of.
    let (_, _, head) = stand
        .asked("POST /second HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabcde")
        .await;
    assert!(head.starts_with("POST /second "), "{head}");
}

#[tokio::test]
async fn a_body_of_exactly_the_bound_goes_through() {
    let stand = ByHand::with("", FIVE).await;
    for body in [
        "content-length: 5\r\n\r\nabcde",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ] {
        let (mut client, mut behind, _) = stand
            .asked(&format!(
                "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{body}"
            ))
            .await;
        behind
            .until(if body.starts_with('c') {
                "abcde"
            } else {
                "0\r\n\r\n"
            })
            .await;
        behind
            .send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            .await;
        assert!(client.rest().await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_broken_off() {
    let stand = ByHand::with("", FIVE).await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    behind.until("abc\r\n").await;
    client.send("3\r\ndef\r\n0\r\n\r\n").await;
    let answer = client.until("body_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let rest = behind.rest().await;
    assert!(
        !rest.contains("def") && !rest.contains("0\r\n\r\n"),
        "neither more than the bound, nor the end: {rest}"
    );
}

#[tokio::test]
async fn an_answer_that_has_begun_is_cut_off_with_the_body_that_is_too_large() {
    let stand = ByHand::with("", FIVE).await;
    let (mut client, mut behind, _) = stand
        .asked("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    behind.until("abc\r\n").await;
    behind
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        .await;
    client.until("ok\r\n").await;
    client.send("3\r\ndef\r\n").await;
    assert_eq!(client.rest().await, "", "no end");
    assert_eq!(behind.rest().await, "");
}

#[tokio::test]
async fn http2_bodies_have_the_same_bound() {
    let stand = ByHand::with("", FIVE).await;
    let tcp = stand.client().await.into_stream();
    let (mut h2, connection) = h2::client::handshake(tcp).await.unwrap();
    let driven = tokio::spawn(connection);
    let uri = format!("http://{}/", stand.gateway.address());
    for declared in [true, false] {
        let mut request = http::Request::post(&uri);
        if declared {
            request = request.header("content-length", "6");
        }
        let (answer, mut body) = h2.send_request(request.body(()).unwrap(), false).unwrap();
        let sending = async {
            if !declared {
                body.send_data("abc".into(), false).unwrap();
                let mut behind = stand.behind().await;
                behind.until("abc\r\n").await;
                body.send_data("def".into(), true).unwrap();
                let rest = behind.rest().await;
                assert!(
                    !rest.contains("def") && !rest.contains("0\r\n\r\n"),
                    "{rest}"
                );
            }
        };
        let (answer, ()) = tokio::join!(answer, sending);
        assert_eq!(answer.unwrap().status(), 413, "{declared}");
    }
    driven.abort();
}

#[tokio::test]
async fn an_answer_is_not_lost_on_a_client_that_is_still_sending() {
    let stand = ByHand::with("", FIVE).await;
    let mut client = stand.client().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")
        .await;
    // It looks at the answer only when it cannot send, or has sent everything.
    for _ in 0..100 {
        client.try_send(vec![b'x'; 10_000]).await;
        tokio::task::yield_now().await;
    }
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
}
