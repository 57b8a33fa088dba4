//! What upstreams are told about the caller, and what nobody else can tell them.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::stand::{Stand, send, send_http2};

const NAMES: [&str; 5] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-client",
    "x-auth-scopes",
    "x-auth-degraded",
];

#[tokio::test]
async fn upstream_is_told_who_the_caller_is() {
    let stand = Stand::start().await;
    stand.get("/api/x", &stand.token()).await;
    let headers = stand.upstream.last().headers;
    assert_eq!(headers["x-auth-subject"], "alice");
    assert_eq!(headers["x-auth-issuer"], stand.issuer.issuer());
    assert_eq!(headers["x-auth-client"], "web");
    assert_eq!(headers["x-auth-scopes"], "api:read api:write");
    assert_eq!(headers["x-auth-degraded"], "");
}

#[tokio::test]
async fn subject_of_any_characters_arrives_as_one_safe_value() {
    let stand = Stand::start().await;
    let token = stand
        .issuer
        .token()
        .subject("zo\u{eb}, \"the\" 100%")
        .scope("api:read")
        .issue();
    assert_eq!(stand.get("/api/x", &token).await.status, 200);
    let headers = stand.upstream.last().headers;
    assert_eq!(
        headers["x-auth-subject"],
        "zo%C3%AB%2C%20%22the%22%20100%25"
    );
    assert_eq!(headers["x-auth-scopes"], "api:read");

    let split = stand
        .issuer
        .token()
        .subject("zoe\r\nx-auth-scopes: admin")
        .scope("api:read")
        .issue();
    assert_eq!(
        stand.get("/api/x", &split).await.reason(),
        "malformed_claim"
    );
    assert_eq!(stand.upstream.calls(), 1);
}

#[tokio::test]
async fn no_spelling_of_an_identity_header_survives_on_any_route() {
    let stand = Stand::start().await;
    let token = stand.token();
    for target in ["/api/x", "/mixed/x", "/open/x"] {
        for name in [
            "X-Auth-Subject",
            "x_auth_subject",
            "X-AUTH_Subject",
            "x-auth-new",
            "X_Auth-Scopes",
        ] {
            let request = Request::get(stand.url(target))
                .header("authorization", format!("Bearer {token}"))
                .header(name, "mallory")
                .header(name, "mallory")
                .header("connection", format!("{name}, x-auth-issuer"))
                .body(Full::<Bytes>::default())
                .unwrap();
            assert_eq!(send(request).await.status, 200);
            let headers = stand.upstream.last().headers;
            assert!(
                !headers.values().any(|value| value == "mallory"),
                "{target} {name}"
            );
            for name in NAMES {
                assert_eq!(headers.get_all(name).iter().count(), 1, "{target} {name}");
            }
        }
    }
}

#[tokio::test]
async fn http2_callers_cannot_forge_them_either() {
    let stand = Stand::start().await;
    let request = Request::get(stand.url("/open/x"))
        .header("x-auth-subject", "mallory")
        .header("x_auth_scopes", "admin")
        .body(Full::<Bytes>::default())
        .unwrap();
    assert_eq!(send_http2(request).await.status, 200);
    let headers = stand.upstream.last().headers;
    assert_eq!(headers["x-auth-subject"], "");
    assert!(!headers.contains_key("x_auth_scopes"));
}

#[tokio::test]
async fn address_of_the_client_is_what_the_gateway_saw() {
    let stand = Stand::start().await;
    let request = Request::get(stand.url("/open/x"))
        .header("x-forwarded-for", "1.2.3.4")
        .header("x_forwarded_for", "1.2.3.4")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "admin.example.com")
        .header("x-real-ip", "1.2.3.4")
        .header("forwarded", "for=1.2.3.4")
        .body(Full::<Bytes>::default())
        .unwrap();
    send(request).await;
    let headers = stand.upstream.last().headers;
    let host = stand.gateway.address().to_string();
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-host"], host.as_str());
    assert_eq!(
        headers["forwarded"],
        format!("for=127.0.0.1;host=\"{host}\";proto=http")
    );
    assert!(!headers.contains_key("x-real-ip") && !headers.contains_key("x_forwarded_for"));
    assert_eq!(headers["host"], host.as_str());
}

#[tokio::test]
async fn a_route_that_drops_the_token_drops_nothing_else() {
    let stand = Stand::with(
        "[[route]]\npath = \"/dropped/\"\nupstream = [\"UPSTREAM\"]\nscopes = [\"api:read\"]\ntoken = \"drop\"",
    )
    .await;
    for (target, dropped) in [("/api/x", false), ("/dropped/x", true)] {
        let request = Request::get(stand.url(target))
            .header("authorization", format!("Bearer {}", stand.token()))
            .header("cookie", "session=1")
            .header("x-api-key", "key")
            .body(Full::<Bytes>::default())
            .unwrap();
        assert_eq!(send(request).await.status, 200);
        let headers = stand.upstream.last().headers;
        assert_eq!(headers.contains_key("authorization"), !dropped, "{target}");
        assert_eq!(headers["x-auth-subject"], "alice");
        assert_eq!(
            (&headers["cookie"], &headers["x-api-key"]),
            (&"session=1".parse().unwrap(), &"key".parse().unwrap())
        );
    }
}
