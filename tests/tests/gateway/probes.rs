//! `/livez` and `/readyz`.

use http::Request;
use http_body_util::Full;
use portcullis_testing::Mode;
use portcullis_tests::outage::until_async;
use serde_json::Value;

use crate::stand::{PATIENCE, Stand, Upstream, issuer, send};

async fn ready(stand: &Stand) -> (u16, Value) {
    let admin = stand.gateway.admin_address().expect("an admin listener");
    let answer = send(
        Request::get(format!("http://{admin}/readyz"))
            .body(Full::default())
            .expect("a request"),
    )
    .await;
    let body = serde_json::from_slice(&answer.body).expect("JSON");
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn ready_says_how_the_keys_are() {
    let stand = Stand::start().await;
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    let (status, body) = ready(&stand).await;
    assert_eq!((status, &body["status"]), (200, &"ready".into()));
    assert_eq!(body["issuers"][0]["issuer"], stand.issuer.issuer());
    assert_eq!(body["issuers"][0]["keys"], "fresh");
    assert_eq!(body["issuers"][0]["usable_keys"], 1);
}

#[tokio::test]
async fn an_outage_of_the_issuer_is_degraded_and_still_200() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    let stand = Stand::between(issuer, Upstream::start().await, "").await;
    until_async("the first attempt failed", PATIENCE, || async {
        let (status, body) = ready(&stand).await;
        assert_eq!((status, &body["status"]), (200, &"degraded".into()));
        (body["issuers"][0]["last_error"] == "status").then_some(())
    })
    .await;
}

#[tokio::test]
async fn probes_are_not_on_the_public_listener() {
    let stand = Stand::start().await;
    for target in ["/livez", "/readyz"] {
        assert_eq!(stand.get_bare(target).await.status, 404, "{target}");
    }
    let admin = stand.gateway.admin_address().unwrap();
    for (target, status) in [("/livez", 200), ("/api/x", 404)] {
        let request = Request::get(format!("http://{admin}{target}"))
            .body(Full::default())
            .unwrap();
        assert_eq!(send(request).await.status, status, "{target}");
    }
}
