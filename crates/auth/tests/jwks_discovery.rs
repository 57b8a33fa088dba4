//! From an issuer to its keys; and what a configuration must not say.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::time::Duration;

use http::StatusCode;
use jwks_support::{HOUR, MINUTE, Rig, SECOND, settle, until};
use portcullis_auth::jwks::{FetchBudget, FetchError, HttpClient, Jwks, JwksLimits, JwksTimes};
use portcullis_testing::{Endpoint, Mode, TestClock};
use tokio::time::sleep;

fn discovering(rig: &mut Rig) -> Jwks<TestClock> {
    let client = rig.http();
    Jwks::builder(rig.issuer.issuer())
        .with_http_client(client)
        .with_clock(rig.clock.clone())
        .build()
        .unwrap()
}

fn requests(rig: &Rig) -> (usize, usize, usize) {
    let count = |endpoint| rig.issuer.requests(endpoint);
    (
        count(Endpoint::OpenIdConfiguration),
        count(Endpoint::AuthorizationServer),
        count(Endpoint::Jwks),
    )
}

fn not_found() -> Mode {
    Mode::Custom(StatusCode::NOT_FOUND, "{}".into())
}

/// Metadata of another make.
fn metadata(issuer: &str, jwks_uri: &str) -> Mode {
    let document = serde_json::json!({ "issuer": issuer, "jwks_uri": jwks_uri });
    Mode::Custom(StatusCode::OK, document.to_string().into())
}

#[tokio::test(start_paused = true)]
async fn an_issuer_is_all_that_is_needed() {
    let mut rig = Rig::new();
    let jwks = discovering(&mut rig);
    settle().await;
    assert!(jwks.status().is_healthy());
    assert_eq!(requests(&rig), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_authorization_server_without_openid_is_found_too() {
    let mut rig = Rig::new();
    rig.issuer
        .mode_at(Endpoint::OpenIdConfiguration, not_found());
    let jwks = discovering(&mut rig);
    settle().await;
    assert!(jwks.status().is_healthy());
    assert_eq!(requests(&rig), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn metadata_is_read_once_a_day() {
    let mut rig = Rig::new();
    let jwks = discovering(&mut rig);
    sleep(23 * HOUR).await;
    let (oidc, _, keys) = requests(&rig);
    assert!(oidc == 1 && keys > 90, "{oidc} {keys}");
    sleep(2 * HOUR).await;
    assert_eq!(requests(&rig).0, 2);
    assert!(jwks.status().is_healthy());
}

#[tokio::test(start_paused = true)]
async fn keys_that_moved_are_found_after_a_failure() {
    let mut rig = Rig::new();
    let name = rig.issuer.issuer().to_owned();
    // They were elsewhere: that is another host, which fails here.
    rig.issuer.mode_at(
        Endpoint::OpenIdConfiguration,
        metadata(&name, &format!("{name}/old")),
    );
    let jwks = discovering(&mut rig);
    settle().await;
    assert_eq!(jwks.status().last_error, Some(FetchError::Status(404)));
    rig.issuer.mode(Mode::Ok);
    until(30 * SECOND, || jwks.status().is_healthy()).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_that_is_gone_does_not_take_the_keys_away() {
    for mode in [Mode::Error500, Mode::Hang, Mode::Garbage, not_found()] {
        let mut rig = Rig::new();
        let jwks = discovering(&mut rig);
        settle().await;
        // Everything fails for a while, so that the metadata is to be read again; then it alone fails.
        rig.issuer.mode(Mode::Refuse);
        sleep(30 * MINUTE).await;
        assert!(!jwks.status().is_healthy());
        rig.issuer.mode(Mode::Ok);
        rig.issuer
            .mode_at(Endpoint::OpenIdConfiguration, mode.clone());
        rig.issuer
            .mode_at(Endpoint::AuthorizationServer, mode.clone());
        until(30 * SECOND, || jwks.status().is_healthy()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bad_metadata_is_refused_by_name() {
    let name = Rig::new().issuer.issuer().to_owned();
    let keys = format!("{name}/jwks");
    for (mode, error) in [
        (
            metadata("https://evil.example", &keys),
            FetchError::IssuerMismatch,
        ),
        (
            metadata(&format!("{name}/"), &keys),
            FetchError::IssuerMismatch,
        ),
        (
            metadata(&name, "http://idp.example.com/jwks"),
            FetchError::JwksUri,
        ),
        (
            metadata(&name, "https://u:p@idp.example.com/jwks"),
            FetchError::JwksUri,
        ),
        (metadata(&name, "/jwks"), FetchError::JwksUri),
        (Mode::Garbage, FetchError::NotJson),
        (Mode::Oversize, FetchError::TooLarge),
        (Mode::Hang, FetchError::Timeout),
        (Mode::Error500, FetchError::Status(500)),
        (not_found(), FetchError::Status(404)),
    ] {
        let mut rig = Rig::new();
        rig.issuer
            .mode_at(Endpoint::OpenIdConfiguration, mode.clone());
        rig.issuer
            .mode_at(Endpoint::AuthorizationServer, not_found());
        let jwks = discovering(&mut rig);
        until(6 * SECOND, || jwks.status().last_error.is_some()).await;
        assert_eq!(jwks.status().last_error, Some(error), "{mode:?}");
        assert_eq!(requests(&rig).2, 0, "the keys are not asked for");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_under_another_name_needs_the_name() {
    let mut rig = Rig::new();
    let name = rig.issuer.issuer().to_owned();
    let other = "https://idp.example.com/{tenantid}/v2.0";
    rig.issuer.mode_at(
        Endpoint::OpenIdConfiguration,
        metadata(other, &format!("{name}/jwks")),
    );
    let client = rig.http();
    let jwks = Jwks::builder(name)
        .with_metadata_issuer(other)
        .with_http_client(client)
        .build()
        .unwrap();
    settle().await;
    assert!(jwks.status().is_healthy());
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let mut limits = JwksLimits::default();
    (limits.max_bytes, limits.max_keys, limits.max_waiters) = (0, 0, 0);
    let mut times = JwksTimes::default();
    times.attempt = Duration::ZERO;
    times.hard = Duration::MAX;
    times.soft_min = 7 * HOUR;
    times.retry_max = SECOND / 2;
    let rig = Rig::new();
    let error = Jwks::builder("https://id.example")
        .with_jwks_url("http://user:hunter2@id.example/jwks")
        .with_http_client(HttpClient::new(tower::service_fn(
            |_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
                Err::<http::Response<http_body_util::Full<bytes::Bytes>>, _>(std::io::Error::other(
                    "",
                ))
            },
        )))
        .with_limits(limits)
        .with_times(times)
        .with_clock(rig.clock)
        .with_fetch_budget(FetchBudget::new(Duration::ZERO, 0))
        .build()
        .unwrap_err();
    let paths: Vec<_> = error
        .problems()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "limits.max_bytes",
            "limits.max_keys",
            "limits.max_waiters",
            "times.attempt",
            "times.hard",
            "times.soft_max",
            "times.retry_max",
            "fetch_budget.burst",
            "fetch_budget.period",
            "jwks_url",
        ]
    );
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn plain_http_off_this_machine_must_be_allowed_by_name() {
    for (url, allowed) in [
        ("http://id.example/jwks", false),
        ("http://127.0.0.1:1/jwks", true),
        ("https://id.example/jwks", true),
    ] {
        let mut rig = Rig::new();
        let builder = rig.builder().with_jwks_url(url);
        let result = builder.build();
        assert_eq!(result.is_ok(), allowed, "{url}");
        let mut rig = Rig::new();
        assert!(
            rig.builder()
                .with_jwks_url(url)
                .dangerously_allow_http()
                .build()
                .is_ok()
        );
    }
}

#[cfg(not(feature = "client"))]
#[test]
fn without_a_client_one_must_be_given() {
    let error = Jwks::builder("https://id.example").build().unwrap_err();
    assert!(
        error.to_string().contains("http_client: is missing"),
        "{error}"
    );
}
