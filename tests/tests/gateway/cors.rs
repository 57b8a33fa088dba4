//! What scripts of other origins may do, and what they can read of a refusal.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;

use crate::stand::{Answer, Stand, Upstream, issuer, send};

const APP: &str = "https://app.example.com";

const CORS: &str = r#"
    [[route]]
    path = "/gone/"
    upstream = ["http://127.0.0.1:1"]
    auth = "none"
    [[route]]
    path = "/read/"
    methods = ["GET"]
    upstream = ["UPSTREAM"]
    auth = "none"
    [cors]
    origins = ["https://app.example.com", "https://other.example.com"]
    methods = ["GET", "PUT"]
    headers = ["authorization", "x-question"]
    expose = ["x-answer"]
    max_age = "10m"
"#;

fn request(stand: &Stand, method: Method, target: &str, origin: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(stand.url(target))
        .header("origin", origin)
}

async fn preflight(stand: &Stand, target: &str, origin: &str) -> Answer {
    let request = request(stand, Method::OPTIONS, target, origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,x-question");
    send(request.body(Full::<Bytes>::default()).expect("a request")).await
}

async fn get(stand: &Stand, target: &str, origin: &str) -> Answer {
    let request = request(stand, Method::GET, target, origin);
    send(request.body(Full::<Bytes>::default()).expect("a request")).await
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token_and_goes_no_further() {
    let stand = Stand::with(CORS).await;
    for target in ["/api/x", "/open/x", "/read/x", "/nowhere"] {
        let answer = preflight(&stand, target, APP).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("access-control-allow-origin"), APP);
        assert_eq!(answer.header("access-control-allow-methods"), "GET,PUT");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            "authorization,x-question"
        );
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").to_lowercase().contains("origin"));
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
    let stranger = preflight(&stand, "/api/x", "https://evil.example").await;
    assert_eq!(stranger.header("access-control-allow-origin"), "");
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn a_script_can_read_why_it_was_refused() {
    let stand = Stand::with(CORS).await;
    for (target, status) in [
        ("/api/x", 401),
        ("/nowhere", 404),
        ("/open/%2e%2e/x", 400),
        ("/gone/x", 502),
    ] {
        let answer = get(&stand, target, APP).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            APP,
            "{target}"
        );
        let exposed = answer.header("access-control-expose-headers");
        for name in [
            "www-authenticate",
            "retry-after",
            "x-request-id",
            "x-answer",
        ] {
            assert!(
                exposed.split(',').any(|other| other.trim() == name),
                "{exposed}"
            );
        }
    }
    let put = request(&stand, Method::PUT, "/read/x", APP);
    let answer = send(put.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    // Scopes that are missing, and an issuer that is down.
    let token = stand.issuer.token().scope("other").issue();
    let forbidden = request(&stand, Method::GET, "/api/x", APP)
        .header("authorization", format!("Bearer {token}"));
    let forbidden = send(forbidden.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(forbidden.status, 403);
    assert_eq!(forbidden.header("access-control-allow-origin"), APP);
}

#[tokio::test]
async fn an_outage_is_readable_too() {
    let issuer = issuer().await;
    issuer.mode(portcullis_testing::Mode::Error500);
    let stand = Stand::between(issuer, Upstream::start().await, CORS).await;
    let token = stand.token();
    let request = request(&stand, Method::GET, "/api/x", APP)
        .header("authorization", format!("Bearer {token}"));
    let answer = send(request.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(answer.status, 503);
    assert_ne!(answer.header("retry-after"), "");
    assert_eq!(answer.header("access-control-allow-origin"), APP);
}

#[tokio::test]
async fn other_origins_get_answers_that_no_browser_shows() {
    let stand = Stand::with(CORS).await;
    let answer = get(&stand, "/open/x", "https://evil.example").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(answer.header("vary").to_lowercase().contains("origin"));
}

#[tokio::test]
async fn what_an_upstream_says_of_cors_is_replaced() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-credentials", "true")
            .header("access-control-expose-headers", "x-secret")
            .header("vary", "accept")
            .header("x-answer", "42")
            .body(Body::empty())
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, CORS).await;
    for origin in [APP, "https://evil.example"] {
        let answer = get(&stand, "/open/x", origin).await;
        let origins: Vec<_> = answer
            .headers
            .get_all("access-control-allow-origin")
            .iter()
            .collect();
        let expected: &[&str] = if origin == APP { &[APP] } else { &[] };
        assert_eq!(origins, expected);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(
            !answer
                .header("access-control-expose-headers")
                .contains("x-secret")
        );
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["accept", "origin"], "both count");
        assert_eq!(answer.header("x-answer"), "42");
    }
}

#[tokio::test]
async fn options_that_is_no_preflight_goes_its_way() {
    let stand = Stand::with(CORS).await;
    let plain = request(&stand, Method::OPTIONS, "/open/x", APP);
    let answer = send(plain.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    assert_eq!(stand.upstream.last().method, Method::OPTIONS);
    // And a guard sees what it is.
    let plain = request(&stand, Method::OPTIONS, "/read/x", APP);
    let answer = send(plain.body(Full::<Bytes>::default()).expect("a request")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(stand.upstream.calls(), 1);
}

#[tokio::test]
async fn without_a_section_upstreams_speak_for_themselves() {
    let upstream = Upstream::answering(|_| {
        Response::builder()
            .header("access-control-allow-origin", "*")
            .body(Body::empty())
            .expect("a response")
    })
    .await;
    let stand = Stand::between(issuer().await, upstream, "").await;
    let answer = preflight(&stand, "/open/x", APP).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(stand.upstream.last().method, Method::OPTIONS);
}
