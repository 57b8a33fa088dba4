//! CORS preflight requests.

use http::{HeaderValue, Method, Request};
use portcullis_auth::{Anonymous, AuthLayer, RequireLayer};
use portcullis_testing::StubVerifier;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use crate::kit::{Inner, request, send, with_method};

fn preflight(names: &[&'static str]) -> Request<()> {
    let mut request = with_method(request(None), Method::OPTIONS);
    for &name in names {
        let value = HeaderValue::from_static("x");
        request.headers_mut().insert(name, value);
    }
    request
}

const BOTH: [&str; 2] = ["origin", "access-control-request-method"];

#[tokio::test]
async fn a_preflight_passes_where_configured_and_is_never_authenticated() {
    let verifier = StubVerifier::new();
    let layer = AuthLayer::new(verifier.clone()).with_preflight();
    let answer = send(&layer, preflight(&BOTH)).await;
    assert_eq!(answer.status, 204);
    assert!(answer.identity().is_none());
    let reached = answer.reached.unwrap();
    assert!(
        reached
            .extensions()
            .get::<Anonymous>()
            .unwrap()
            .is_preflight()
    );

    // Not even where it has a token, which browsers never send with it.
    let mut odd = preflight(&BOTH);
    let bad = HeaderValue::from_static("Bearer whatever");
    odd.headers_mut().insert("authorization", bad);
    let answer = send(&layer, odd).await;
    assert_eq!(answer.status, 204);
    assert!(answer.identity().is_none());
    assert!(answer.reached.unwrap().headers()["authorization"].is_sensitive());
    assert_eq!(verifier.calls(), 0);
}

#[tokio::test]
async fn anything_less_is_no_preflight() {
    let layer = AuthLayer::new(StubVerifier::new());
    let lenient = layer.clone().with_preflight();
    assert_eq!(send(&layer, preflight(&BOTH)).await.status, 401);
    for names in [&[][..], &BOTH[..1], &BOTH[1..]] {
        assert_eq!(
            send(&lenient, preflight(names)).await.status,
            401,
            "{names:?}"
        );
    }
    for method in [Method::GET, Method::POST, Method::HEAD] {
        let get = with_method(preflight(&BOTH), method.clone());
        assert_eq!(send(&lenient, get).await.status, 401, "{method}");
    }
}

#[tokio::test]
async fn a_preflight_passes_what_the_route_requires_too() {
    let stack = |auth: AuthLayer<StubVerifier>| {
        let require = RequireLayer::new().with_scopes(["orders"]).unwrap();
        auth.layer(require.layer(Inner::default()))
    };
    let auth = AuthLayer::new(StubVerifier::new()).optional();
    let with = stack(auth.clone().with_preflight());
    let response = with.oneshot(preflight(&BOTH)).await.unwrap();
    assert_eq!(response.status(), 204);
    let without = stack(auth);
    let response = without.oneshot(preflight(&BOTH)).await.unwrap();
    assert_eq!(response.status(), 401);
}
