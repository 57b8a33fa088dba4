//! The issuer is down, and what that does to requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis_testing::{Mode, SigningKey};
use portcullis_tests::outage::until_async;

use crate::stand::{Stand, Upstream, issuer, send};

/// Within this time keys come back after their issuer did.
const HEALED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn known_keys_go_on_and_unknown_ones_are_503_in_every_failure_of_the_issuer() {
    for mode in [
        Mode::Refuse,
        Mode::Reset,
        Mode::Error500,
        Mode::Hang,
        Mode::Garbage,
    ] {
        let stand = Stand::start().await;
        assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
        stand.issuer.mode(mode.clone());
        assert_eq!(
            stand.get("/api/x", &stand.token()).await.status,
            200,
            "{mode:?}"
        );
        assert_eq!(stand.get_bare("/open/x").await.status, 200);

        let unknown = stand
            .issuer
            .token()
            .scope("api:read")
            .sign(&SigningKey::es256());
        let begun = Instant::now();
        let answer = stand.get("/api/x", &unknown).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (503, "key_unavailable"),
            "{mode:?}"
        );
        assert!(
            answer
                .header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds > 0)
        );
        assert_eq!(answer.header("www-authenticate"), "");
        // The deadline of the slow path is 2 s; the rest is for a slow machine.
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{mode:?}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn started_during_an_outage_it_answers_503_and_heals_by_itself() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    let stand = Stand::between(issuer, Upstream::start().await, "").await;
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 503);
    assert_eq!(stand.get_bare("/open/x").await.status, 200);
    stand.issuer.mode(Mode::Ok);
    until_async("healed", HEALED, || async {
        let status = stand.get("/api/x", &stand.token()).await.status;
        assert_ne!(status, 401, "a good token");
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_rotation_is_followed_without_a_false_401() {
    let stand = Stand::start().await;
    let old = stand.token();
    assert_eq!(stand.get("/api/x", &old).await.status, 200);
    stand.issuer.rotate();
    assert_eq!(stand.get("/api/x", &stand.token()).await.status, 200);
    assert_eq!(
        stand.get("/api/x", &old).await.status,
        200,
        "still published"
    );
}

#[tokio::test]
async fn anonymous_during_an_outage_is_for_safe_methods_on_routes_that_say_so() {
    let issuer = issuer().await;
    issuer.mode(Mode::Error500);
    let stand = Stand::between(
        issuer,
        Upstream::start().await,
        "[[route]]\npath = \"/news/\"\nupstream = [\"UPSTREAM\"]\non_idp_outage = \"anonymous\"",
    )
    .await;
    let token = stand.token();
    assert_eq!(stand.get("/news/x", &token).await.status, 200);
    assert_eq!(stand.upstream.last().headers["x-auth-subject"], "");
    let post = Request::post(stand.url("/news/x"))
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<Bytes>::default())
        .unwrap();
    assert_eq!(send(post).await.status, 503);
    assert_eq!(
        stand.get_bare("/news/x").await.status,
        401,
        "no token is no outage"
    );
    assert_eq!(
        stand.get("/api/x", &token).await.status,
        503,
        "other routes deny"
    );
}

const GRACE: &str = r#"
    [[route]]
    path = "/grace/"
    upstream = ["UPSTREAM"]
    on_idp_outage = { allow_for = "60s" }
"#;

#[tokio::test]
async fn a_key_that_left_the_set_is_no_matter_of_grace() {
    for (mode, status, reason) in [
        (Mode::Ok, 401, "unknown_key"),
        (Mode::Error500, 503, "key_unavailable"),
    ] {
        let stand = Stand::with(GRACE).await;
        let token = stand.token();
        assert_eq!(stand.get("/grace/x", &token).await.status, 200);
        stand.issuer.rotate_and_drop_old();
        assert_eq!(stand.get("/grace/x", &stand.token()).await.status, 200);
        stand.issuer.mode(mode);
        let answer = stand.get("/grace/x", &token).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.reason()),
            (status, reason)
        );
        assert_eq!(stand.upstream.calls(), 2);
    }
}
