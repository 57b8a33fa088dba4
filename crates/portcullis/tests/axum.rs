//! Extractors and layers in real axum routers.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion")]

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::handler::Handler as _;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::BodyExt as _;
use portcullis::auth::{
    AuthLayer, Challenge, Degrade, Outage, Reason, RequireLayer, ResourceMetadata,
};
use portcullis::axum::{CLAIMS_MISMATCH, Caller, Claims};
use portcullis::{Identity, OutageCause, RequestExt as _};
use portcullis_testing::{StubVerifier, identity};
use tower::ServiceExt as _;

#[derive(serde::Deserialize)]
struct Tenant {
    tenant: String,
}

async fn who(Caller(identity): Caller) -> String {
    identity.subject().unwrap_or("a service").to_owned()
}

async fn who_if_anybody(caller: Option<Caller>) -> String {
    caller.map_or_else(
        || "nobody".into(),
        |caller| caller.subject().unwrap_or("a service").into(),
    )
}

async fn tenant(claims: Claims<Tenant>) -> String {
    claims.tenant.clone()
}

async fn tenant_if_anybody(claims: Option<Claims<Tenant>>) -> String {
    claims.map_or_else(|| "none".into(), |claims| claims.tenant.clone())
}

fn routes() -> Router {
    Router::new()
        .route("/who", get(who).post(who))
        .route("/who-if-anybody", get(who_if_anybody))
        .route("/tenant", get(tenant))
        .route("/tenant-if-anybody", get(tenant_if_anybody))
}

fn verifier() -> StubVerifier {
    StubVerifier::new()
        .valid(
            "alice",
            identity("alice")
                .claim("tenant", "blue")
                .scopes("orders:read")
                .build(),
        )
        .valid("bob", identity("bob").claim("tenant", 7).build())
        .invalid("old", Reason::Expired)
        .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable))
}

fn challenge() -> Challenge {
    Challenge::new().with_realm("orders").unwrap()
}

fn request(path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    request
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (parts.status, parts.headers, text)
}

#[tokio::test]
async fn handlers_get_the_caller_and_the_claims() {
    let app = routes().layer(AuthLayer::new(verifier()));
    for (path, body) in [
        ("/who", "alice"),
        ("/who-if-anybody", "alice"),
        ("/tenant", "blue"),
        ("/tenant-if-anybody", "blue"),
    ] {
        let (status, _, text) = send(&app, request(path, Some("alice"))).await;
        assert_eq!((status.as_u16(), text.as_str()), (200, body), "{path}");
    }
}

#[tokio::test]
async fn the_layer_refuses_before_the_router_is_asked() {
    let app = routes().layer(AuthLayer::new(verifier()).with_challenge(challenge()));
    for (token, status) in [(None, 401), (Some("old"), 401), (Some("lost"), 503)] {
        // Also for a path that does not exist: nobody learns what does.
        for path in ["/who", "/nowhere"] {
            let (answered, headers, _) = send(&app, request(path, token)).await;
            assert_eq!(answered.as_u16(), status, "{token:?} {path}");
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401);
        }
    }
}

#[tokio::test]
async fn an_extractor_refuses_nobody_with_the_answer_of_the_layer() {
    let app = routes().layer(
        AuthLayer::new(verifier())
            .with_challenge(challenge())
            .optional(),
    );
    for path in ["/who", "/tenant"] {
        let (status, headers, text) = send(&app, request(path, None)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer realm=\"orders\"");
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert!(text.contains("\"reason\":\"missing_token\""), "{text}");
    }
    let (status, _, text) = send(&app, request("/who-if-anybody", None)).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "nobody"));
    let (status, _, text) = send(&app, request("/tenant-if-anybody", None)).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "none"));
    // A bad token is not anonymous.
    let (status, ..) = send(&app, request("/who-if-anybody", Some("old"))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_extractor_answers_503_where_a_token_could_not_be_checked() {
    let app = routes().layer(AuthLayer::new(verifier()).with_degrade(Degrade::anonymous()));
    let (status, headers, text) = send(&app, request("/who", Some("lost"))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!headers.contains_key(WWW_AUTHENTICATE));
    assert!(headers.contains_key("retry-after"));
    assert!(text.contains("\"reason\":\"key_unavailable\""), "{text}");
    let (status, _, text) = send(&app, request("/who-if-anybody", Some("lost"))).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "nobody"));
}

#[tokio::test]
async fn a_missing_layer_is_500_for_every_extractor() {
    for path in ["/who", "/who-if-anybody", "/tenant", "/tenant-if-anybody"] {
        let (status, headers, text) = send(&routes(), request(path, Some("alice"))).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(!headers.contains_key(WWW_AUTHENTICATE));
        assert!(text.contains("\"reason\":\"auth_layer_missing\""), "{text}");
    }
}

#[tokio::test]
async fn claims_of_another_shape_are_403_and_never_shown() {
    let app = routes().layer(AuthLayer::new(verifier()));
    for path in ["/tenant", "/tenant-if-anybody"] {
        let (status, _, text) = send(&app, request(path, Some("bob"))).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            text.contains(CLAIMS_MISMATCH) && !text.contains('7'),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_rejection_speaks_grpc_to_a_grpc_client() {
    let app = routes().layer(AuthLayer::new(verifier()).optional());
    let mut request = request("/who", None);
    *request.method_mut() = Method::POST;
    let grpc = "application/grpc".parse().unwrap();
    request.headers_mut().insert(CONTENT_TYPE, grpc);
    let (status, headers, text) = send(&app, request).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, ""));
    assert_eq!(headers["grpc-status"], "16");
    assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn requirements_go_round_single_routes_and_need_no_second_look_at_the_token() {
    let verifier = verifier();
    let reads = RequireLayer::new().with_scopes(["orders:read"]).unwrap();
    let writes = reads.clone().with_scopes(["orders:write"]).unwrap();
    let app = Router::new()
        .route("/order", get(who))
        .route_layer(writes)
        .route("/orders", get(who).layer(reads))
        .route("/open", get(who_if_anybody))
        .layer(AuthLayer::new(verifier.clone()).optional());
    for (path, token, status) in [
        ("/open", None, 200),
        ("/open", Some("alice"), 200),
        ("/orders", Some("alice"), 200),
        ("/orders", Some("bob"), 403),
        ("/order", Some("alice"), 403),
        ("/order", None, 401),
        ("/nowhere", Some("alice"), 404),
    ] {
        let (answered, ..) = send(&app, request(path, token)).await;
        assert_eq!(answered.as_u16(), status, "{path} {token:?}");
    }
    assert_eq!(verifier.calls(), 5);
    let (_, headers, _) = send(&app, request("/order", Some("alice"))).await;
    assert_eq!(
        headers[WWW_AUTHENTICATE],
        "Bearer error=\"insufficient_scope\", scope=\"orders:read orders:write\""
    );
}

#[tokio::test]
async fn a_layer_round_one_handler_keeps_its_error_type() {
    let guarded = who.layer(AuthLayer::new(verifier()));
    let app: Router = Router::new().route("/", get(guarded));
    let (status, _, text) = send(&app, request("/", Some("alice"))).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, "alice"));
}

#[tokio::test]
async fn the_error_of_the_service_stays_infallible() {
    fn infallible<S: tower::Service<Request<Body>, Error = Infallible>>(service: S) -> S {
        service
    }
    let stack = tower::ServiceBuilder::new()
        .layer(AuthLayer::new(verifier()))
        .layer(RequireLayer::new());
    let service = infallible(tower::Layer::layer(&stack, routes()));
    let answer = service.oneshot(request("/who", Some("alice"))).await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    // One `layer` call for the whole stack.
    let app = routes().layer(stack);
    let (status, ..) = send(&app, request("/who", Some("bob"))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn handlers_without_the_extractors_read_the_request() {
    async fn subject(request: Request<Body>) -> String {
        let identity = request.identity().and_then(Identity::subject);
        identity.unwrap_or("nobody").to_owned()
    }
    async fn extension(Extension(identity): Extension<Identity>) -> String {
        identity.subject().unwrap_or("nobody").to_owned()
    }
    let app: Router = Router::new()
        .route("/request", get(subject))
        .route("/extension", post(extension).get(extension))
        .layer(AuthLayer::new(verifier()));
    for path in ["/request", "/extension"] {
        let (status, _, text) = send(&app, request(path, Some("alice"))).await;
        assert_eq!((status.as_u16(), text.as_str()), (200, "alice"), "{path}");
    }
}

#[tokio::test]
async fn metadata_is_found_where_the_challenge_says() {
    let metadata = ResourceMetadata::new("https://api.example.com/v1")
        .and_then(|metadata| metadata.with_authorization_server("https://idp.example.com"))
        .unwrap()
        .with_max_age(Duration::from_secs(60));
    let challenge = challenge().with_resource_metadata(&metadata.url()).unwrap();
    let path = metadata.well_known_path().to_owned();
    let app = routes()
        .layer(AuthLayer::new(verifier()).with_challenge(challenge))
        .route_service(&path, metadata);

    let (_, headers, _) = send(&app, request("/who", None)).await;
    let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    let url = challenge
        .split("resource_metadata=\"")
        .nth(1)
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap();
    let path = url.strip_prefix("https://api.example.com").unwrap();
    let (status, headers, text) = send(&app, request(path, None)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["resource"], "https://api.example.com/v1");

    let mut head = request(path, None);
    *head.method_mut() = Method::HEAD;
    let (status, headers, empty) = send(&app, head).await;
    assert_eq!((status.as_u16(), empty.as_str()), (200, ""));
    assert_eq!(headers["content-length"], text.len().to_string());
    let mut post = request(path, None);
    *post.method_mut() = Method::POST;
    let (status, headers, _) = send(&app, post).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(headers["allow"], "GET, HEAD");
}
