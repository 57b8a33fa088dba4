//! Verdicts and keys.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use portcullis::auth::{AuthLayer, Degrade, Outage, Reason, RequireLayer};
use portcullis::{KeysEvent, KeysOutcome, Observer as _, OutageCause};
use portcullis_testing::{StubVerifier, identity};
use tower::ServiceExt as _;

use crate::Stand;

#[tokio::test]
async fn verdicts_are_counted_by_reason_and_what_passed_without_one_by_cause() {
    let stand = Stand::new();
    let verifier = StubVerifier::new()
        .valid("alice", identity("alice").scopes("read").build())
        .invalid("old", Reason::Expired)
        .indeterminate("lost", Outage::new(OutageCause::KeyUnavailable));
    let needs = RequireLayer::new().with_scopes(["write"]).unwrap();
    let app = Router::new().route("/", get(|| async {})).route(
        "/write",
        get(|| async {}).layer(needs.with_observer(stand.metrics.clone())),
    );
    let strict = AuthLayer::new(verifier);
    let lenient = strict.clone().with_degrade(Degrade::anonymous());
    let (strict, lenient) = (
        app.clone()
            .layer(strict.with_observer(stand.metrics.clone())),
        app.layer(lenient.with_observer(stand.metrics.clone())),
    );
    for (app, path, token, status) in [
        (&strict, "/", "alice", 200),
        (&strict, "/", "alice", 200),
        (&strict, "/write", "alice", 403),
        (&strict, "/", "old", 401),
        (&strict, "/", "lost", 503),
        (&lenient, "/", "lost", 200),
    ] {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{token}");
    }
    let page = stand.page();
    assert_eq!(
        page.of("auth_requests_total"),
        [
            ("{verdict=indeterminate,reason=key_unavailable}", 2.0),
            ("{verdict=insufficient,reason=insufficient_scope}", 1.0),
            ("{verdict=invalid,reason=expired}", 1.0),
            ("{verdict=valid,reason=ok}", 3.0),
        ]
    );
    assert_eq!(
        page.of("auth_degraded_total"),
        [("{cause=key_unavailable}", 1.0)]
    );
}

#[test]
fn keys_have_the_age_that_they_had_at_the_last_attempt() {
    let stand = Stand::new();
    let failed = KeysOutcome::Failed { error: "timeout" };
    let refreshed = KeysOutcome::Refreshed {
        keys: 2,
        dropped: 0,
        changed: true,
    };
    let row = "jwks_age_seconds{issuer=https://idp.example.com}";
    for (outcome, age, expected) in [
        (failed, None, f64::INFINITY),
        (refreshed, None, 0.0),
        (failed, Some(600), 605.0),
        (failed, Some(660), 665.0),
        (refreshed, Some(720), 0.0),
    ] {
        let (took, age) = (Duration::from_secs(5), age.map(Duration::from_secs));
        let event = KeysEvent::new("https://idp.example.com", outcome, took, age);
        stand.metrics.keys(&event);
        assert_eq!(stand.page().get(row), Some(expected));
    }
    assert_eq!(
        stand.page().of("jwks_refresh_total"),
        [("{result=failed}", 3.0), ("{result=refreshed}", 2.0)]
    );
}
