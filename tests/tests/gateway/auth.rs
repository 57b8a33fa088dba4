//! Who gets in, by route.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis_testing::{Endpoint, SigningKey};

use crate::stand::{Stand, send_http2};

#[tokio::test]
async fn good_token_with_the_scope_is_forwarded() {
    let stand = Stand::start().await;
    let answer = stand.get("/api/orders", &stand.token()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "hello");
    assert_eq!(stand.upstream.calls(), 1);
}

#[tokio::test]
async fn missing_and_bad_tokens_are_refused_and_never_reach_the_upstream() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token().subject("alice").scope("api:read");
    let expired = good().expired(Duration::from_secs(600)).issue();
    let elsewhere = good().audience("https://elsewhere.example.com").issue();
    let stranger = good().issuer("https://stranger.example.com").issue();
    let forged = good().sign(&SigningKey::es256().with_kid(stand.issuer.key().kid().unwrap()));
    for (token, reason) in [
        (&*expired, "expired"),
        (&*elsewhere, "wrong_audience"),
        (&*stranger, "issuer_not_trusted"),
        (&*forged, "bad_signature"),
        ("garbage", "malformed_token"),
    ] {
        let answer = stand.get("/api/orders", token).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (401, reason));
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer error=\"invalid_token\""),
            "{challenge}"
        );
    }
    let missing = stand.get_bare("/api/orders").await;
    assert_eq!(
        (missing.status.as_u16(), missing.header("www-authenticate")),
        (401, "Bearer")
    );
    assert_eq!(stand.upstream.calls(), 0);
}

#[tokio::test]
async fn token_without_the_scope_of_the_route_is_forbidden() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().scope("profile").issue();
    let answer = stand.get("/api/orders", &token).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.reason()),
        (403, "insufficient_scope")
    );
    assert!(
        answer
            .header("www-authenticate")
            .contains("scope=\"api:read\"")
    );
    assert_eq!(stand.upstream.calls(), 0);
    assert_eq!(
        stand.get("/mixed/orders", &token).await.status,
        200,
        "other routes do not ask for it"
    );
}

#[tokio::test]
async fn id_token_is_not_taken_for_an_access_token() {
    let stand = Stand::start().await;
    let id_token = stand
        .issuer
        .token()
        .subject("alice")
        .typ("JWT")
        .claim("nonce", "n")
        .issue();
    assert_eq!(stand.get("/mixed/x", &id_token).await.status, 401);
}

#[tokio::test]
async fn optional_route_lets_nobody_in_and_still_refuses_bad_tokens() {
    let stand = Stand::start().await;
    assert_eq!(stand.get_bare("/mixed/x").await.status, 200);
    assert_eq!(stand.upstream.last().headers["x-auth-subject"], "");
    assert_eq!(stand.get("/mixed/x", &stand.token()).await.status, 200);
    assert_eq!(stand.upstream.last().headers["x-auth-subject"], "alice");
    assert_eq!(stand.get("/mixed/x", "garbage").await.status, 401);
    assert_eq!(stand.upstream.calls(), 2);
}

#[tokio::test]
async fn open_route_does_not_look_at_tokens() {
    let stand = Stand::start().await;
    for token in ["garbage", &stand.token()] {
        assert_eq!(stand.get("/open/x", token).await.status, 200);
        assert_eq!(stand.upstream.last().headers["x-auth-subject"], "");
        let forwarded = stand.upstream.last().headers["authorization"].clone();
        assert_eq!(forwarded, format!("Bearer {token}"));
    }
}

#[tokio::test]
async fn grpc_callers_are_refused_in_trailers() {
    let stand = Stand::start().await;
    let request = Request::post(stand.url("/api/Greeter/Hello"))
        .header("content-type", "application/grpc")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = send_http2(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("grpc-status"), "16");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn all_routes_share_one_set_of_keys() {
    let stand = Stand::start().await;
    for target in ["/api/x", "/mixed/x"] {
        assert_eq!(stand.get(target, &stand.token()).await.status, 200);
    }
    assert_eq!(stand.issuer.requests(Endpoint::Jwks), 1);
}
