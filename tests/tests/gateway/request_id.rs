//! Request ids: on every response, in the log, and sent upstream.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use crate::stand::{Answer, Stand, Upstream, gateway, issuer, send};

fn is_fresh(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn ids(answer: &Answer) -> Vec<&str> {
    let ids = answer.headers.get_all("x-request-id");
    ids.iter().map(|id| id.to_str().expect("text")).collect()
}

#[tokio::test]
async fn upstream_and_client_are_told_the_same_fresh_id() {
    let stand = Stand::start().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = stand.get_bare("/open/x").await;
        let id = ids(&answer).concat();
        assert!(is_fresh(&id), "{id}");
        assert_eq!(stand.upstream.last().headers["x-request-id"], id.as_str());
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn every_refusal_has_an_id() {
    let more = "[[route]]\npath = \"/gone/\"\nupstream = [\"http://127.0.0.1:1\"]\nauth = \"none\"";
    let stand = Stand::with(more).await;
    for (target, status) in [
        ("/api/x", 401),
        ("/nowhere", 404),
        ("/open/%2e%2e/x", 400),
        ("/gone/x", 502),
    ] {
        let answer = stand.get_bare(target).await;
        assert_eq!(answer.status.as_u16(), status);
        assert!(is_fresh(&ids(&answer).concat()), "{target}: {answer:?}");
    }
    let request = Request::get(stand.url("/open/x")).header("host", "me@a");
    let answer = send(request.body(Full::<Bytes>::default()).unwrap()).await;
    assert_eq!(answer.reason(), "bad_host");
    assert!(is_fresh(&ids(&answer).concat()));
}

#[tokio::test]
async fn an_id_of_a_stranger_is_replaced() {
    let stand = Stand::start().await;
    for name in ["x-request-id", "X-Request-ID", "x_request_id"] {
        let request = Request::get(stand.url("/open/x")).header(name, "mine");
        let answer = send(request.body(Full::<Bytes>::default()).unwrap()).await;
        assert!(is_fresh(&ids(&answer).concat()));
        let received = stand.upstream.last().headers;
        assert!(!received.values().any(|value| value == "mine"), "{name}");
    }
}

#[tokio::test]
async fn a_safe_id_of_a_trusted_proxy_is_kept() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n[[route]]\n\
         path = \"/\"\nauth = \"none\"\nupstream = [\"{}\"]",
        upstream.url()
    ))
    .await;
    let longest = "x".repeat(64);
    let longer = "x".repeat(65);
    for (sent, kept) in [
        ("0af7651916cd43dd8448eb211c80319c", true),
        ("web.1-2_3", true),
        (&*longest, true),
        (&*longer, false),
        ("a b", false),
        ("a\"b", false),
        ("a,b", false),
        ("", false),
    ] {
        let request = Request::get(format!("http://{}/x", gateway.address()));
        let request = request.header("x-request-id", sent);
        let answer = send(request.body(Full::<Bytes>::default()).unwrap()).await;
        let id = ids(&answer).concat();
        assert_eq!(id == sent, kept, "{sent}");
        assert!(kept || is_fresh(&id), "{sent}");
        assert_eq!(upstream.last().headers["x-request-id"], id.as_str());
    }
    let twice = Request::get(format!("http://{}/x", gateway.address()))
        .header("x-request-id", "a")
        .header("x-request-id", "b");
    let answer = send(twice.body(Full::<Bytes>::default()).unwrap()).await;
    assert!(is_fresh(&ids(&answer).concat()));
}

#[tokio::test]
async fn an_upstream_cannot_give_the_answer_another_id() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("x-request-id", "theirs")
            .body(Body::empty())
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let answer = stand.get_bare("/open/x").await;
    assert_eq!(ids(&answer).len(), 1);
    assert_eq!(
        stand.upstream.last().headers["x-request-id"],
        ids(&answer)[0]
    );
}
