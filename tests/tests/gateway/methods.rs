//! Routes by method.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::stand::{Answer, Stand, Upstream, send};

/// Reads and writes go different ways; under `/items/secret/` there is only one.
fn routes(readers: &Upstream, writers: &Upstream) -> String {
    format!(
        r#"
        [[route]]
        path = "/items/"
        methods = ["GET"]
        upstream = ["{}"]
        auth = "none"
        [[route]]
        path = "/items/"
        methods = ["POST", "DELETE"]
        upstream = ["{}"]
        scopes = ["items:write"]
        [[route]]
        path = "/items/secret/"
        methods = ["GET"]
        upstream = ["UPSTREAM"]
        "#,
        readers.url(),
        writers.url()
    )
}

async fn ask(stand: &Stand, method: &str, target: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(stand.url(target))
        .body(Full::<Bytes>::default())
        .expect("a request");
    send(request).await
}

#[tokio::test]
async fn a_route_takes_the_methods_it_lists() {
    let (readers, writers) = (Upstream::start().await, Upstream::start().await);
    let stand = Stand::with(&routes(&readers, &writers)).await;
    assert_eq!(ask(&stand, "GET", "/items/1").await.status, 200);
    assert_eq!((readers.calls(), writers.calls()), (1, 0));
    // The other route, with its own guard.
    let refused = ask(&stand, "POST", "/items/1").await;
    assert_eq!((refused.status.as_u16(), writers.calls()), (401, 0));
    let token = stand.issuer.token().scope("items:write").issue();
    let request = Request::delete(stand.url("/items/1"))
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<Bytes>::default())
        .expect("a request");
    assert_eq!(send(request).await.status, 200);
    assert_eq!(writers.last().method, Method::DELETE);
}

#[tokio::test]
async fn a_method_of_no_route_is_405_with_those_that_are() {
    let (readers, writers) = (Upstream::start().await, Upstream::start().await);
    let stand = Stand::with(&routes(&readers, &writers)).await;
    for method in ["PUT", "OPTIONS", "TRACE", "PROPFIND"] {
        let answer = ask(&stand, method, "/items/1").await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (405, "method_not_allowed"),
            "{method}"
        );
        assert_eq!(answer.header("allow"), "GET, POST, DELETE, HEAD");
    }
    assert_eq!((readers.calls(), writers.calls()), (0, 0));
}

#[tokio::test]
async fn head_follows_get() {
    let (readers, writers) = (Upstream::start().await, Upstream::start().await);
    let stand = Stand::with(&routes(&readers, &writers)).await;
    let answer = ask(&stand, "HEAD", "/items/1").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(
        answer.header("content-length"),
        "5",
        "of what GET would bring"
    );
    assert_eq!(readers.last().method, Method::HEAD);
}

#[tokio::test]
async fn a_shorter_route_does_not_take_what_a_longer_one_refuses() {
    let (readers, writers) = (Upstream::start().await, Upstream::start().await);
    let stand = Stand::with(&routes(&readers, &writers)).await;
    let token = stand.issuer.token().scope("items:write").issue();
    let request = Request::post(stand.url("/items/secret/1"))
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<Bytes>::default())
        .expect("a request");
    let answer = send(request).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), "GET, HEAD");
    assert_eq!((writers.calls(), stand.upstream.calls()), (0, 0));
}

#[tokio::test]
async fn trace_goes_nowhere() {
    let stand = Stand::start().await;
    let answer = ask(&stand, "TRACE", "/open/x").await;
    assert_eq!(answer.status, 405);
    assert!(!answer.header("allow").contains("TRACE"), "{answer:?}");
    assert_eq!(stand.upstream.calls(), 0);
}
