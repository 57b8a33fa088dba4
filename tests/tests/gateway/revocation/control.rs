//! The control listener.

use http::Request;
use http_body_util::Full;
use portcullis_testing::Mode;
use serde_json::{Value, json};

use super::{KEY, Revocable, readiness};
use crate::stand::{Answer, send};

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[tokio::test]
async fn what_is_revoked_is_refused_at_once_and_what_is_lifted_passes_again() {
    let stand = Revocable::start().await;
    let (mine, other) = (stand.token("s-1"), stand.token("s-2"));
    assert_eq!(stand.get(&mine).await.status, 200);
    let session = stand.session("s-1");
    let answer = stand.post("/revoke", KEY, &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        body(&answer),
        json!({ "durable": true, "replicas": 0, "required": 0 })
    );
    let refused = stand.get(&mine).await;
    assert_eq!(
        (refused.status.as_u16(), refused.reason()),
        (401, "revoked".into())
    );
    assert_eq!(
        stand.get(&other).await.status,
        200,
        "nobody else is thrown out"
    );
    for (session, found) in [("s-1", "revoked"), ("s-2", "not_revoked")] {
        let asked = json!({ "issuer": stand.issuer.issuer(), "session": session });
        let answer = stand.post("/session", KEY, &asked).await;
        assert_eq!(body(&answer), json!({ "session": found }));
    }
    assert_eq!(stand.post("/lift", KEY, &session).await.status, 200);
    assert_eq!(stand.get(&mine).await.status, 200);
}

#[tokio::test]
async fn a_token_needs_the_scope_and_the_key_works_while_the_issuer_is_down() {
    let stand = Revocable::start().await;
    let granted = |scope: &str| stand.issuer.token().client("ops").scope(scope).issue();
    let session = stand.session("s-1");
    let (may, may_not) = (granted("gateway:revoke"), granted("api:read"));
    let answer = stand.post("/revoke", &may, &session).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = stand.post("/revoke", &may_not, &session).await;
    assert_eq!(
        (answer.status.as_u16(), answer.reason()),
        (403, "insufficient_scope".into())
    );
    for nobody in ["", "nonsense", &KEY[1..], &format!("{KEY}x")] {
        let answer = stand.post("/revoke", nobody, &session).await;
        assert_eq!(
            (answer.status.as_u16(), answer.reason()),
            (401, "not_authorized".into())
        );
    }
    // A token of the client that is thrown out does not throw out others.
    let client = json!({ "issuer": stand.issuer.issuer(), "token": "ops-1" });
    let thrown = stand
        .issuer
        .token()
        .token_id("ops-1")
        .scope("gateway:revoke")
        .issue();
    assert_eq!(stand.post("/revoke", &thrown, &session).await.status, 200);
    assert_eq!(stand.post("/revoke", KEY, &client).await.status, 200);
    assert_eq!(stand.post("/revoke", &thrown, &session).await.status, 401);

    stand.issuer.mode(Mode::Refuse);
    stand.issuer.rotate();
    let unknown = granted("gateway:revoke");
    let answer = stand.post("/revoke", &unknown, &session).await;
    assert_eq!(
        (answer.status.as_u16(), answer.reason()),
        (503, "token_undecided".into())
    );
    assert_eq!(stand.post("/revoke", KEY, &session).await.status, 200);
}

#[tokio::test]
async fn only_json_by_post_to_an_address_or_a_known_name_is_heard() {
    let stand = Revocable::start().await;
    let control = stand.gateway.control_address().expect("a control listener");
    let ask = async |method: &str, path: &str, host: &str, kind: &str, body: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{control}{path}"))
            .header("host", host)
            .header("content-type", kind)
            .header("authorization", format!("Bearer {KEY}"));
        let answer = send(request.body(Full::from(body)).expect("a request")).await;
        (answer.status.as_u16(), answer.reason())
    };
    let (good, json) = (stand.session("s").to_string(), "application/json");
    let large = format!("{good}{}", " ".repeat(40 << 10));
    for (method, path, host, kind, body, refused) in [
        (
            "POST",
            "/revoke",
            "rebound.example",
            json,
            &good,
            (421, "unknown_host"),
        ),
        (
            "GET",
            "/revoke",
            "127.0.0.1",
            json,
            &good,
            (405, "method_not_allowed"),
        ),
        ("POST", "/", "127.0.0.1", json, &good, (404, "no_route")),
        (
            "POST",
            "/revoke",
            "127.0.0.1",
            "text/plain",
            &good,
            (400, "unclear_request"),
        ),
        (
            "POST",
            "/revoke",
            "[::1]:80",
            json,
            &"{}".to_owned(),
            (400, "unclear_request"),
        ),
        (
            "POST",
            "/lift",
            "localhost",
            json,
            &large,
            (413, "body_too_large"),
        ),
    ] {
        let (status, reason) = ask(method, path, host, kind, body.clone()).await;
        assert_eq!((status, &*reason), refused, "{method} {path} {host} {kind}");
    }
    assert_eq!(readiness(&stand.gateway).await.1["entries"], 0);
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn strangers_who_flood_are_limited_and_the_key_is_not() {
    let stand = Revocable::start().await;
    let session = stand.session("s-1");
    let mut limited = 0;
    for _ in 0..100 {
        let answer = stand.post("/revoke", "guess", &session).await;
        limited += usize::from(answer.status == 429);
    }
    assert!(limited > 0);
    assert_eq!(stand.post("/revoke", KEY, &session).await.status, 200);
}

#[tokio::test]
async fn readiness_tells_the_view_and_its_bound() {
    let stand = Revocable::with("max_age = \"3s\"", "freshness = \"1s\"").await;
    assert_eq!(
        stand.post("/revoke", KEY, &stand.session("s")).await.status,
        200
    );
    let (status, told) = readiness(&stand.gateway).await;
    assert_eq!(status, "ready", "{told}");
    assert_eq!(
        (&told["store"], &told["synced"], &told["entries"]),
        (&json!("memory"), &json!(true), &json!(1))
    );
    assert_eq!(told["bound_seconds"], json!(3.0));
    assert!(told["age_seconds"].as_f64().expect("an age") < 3.0);
}
