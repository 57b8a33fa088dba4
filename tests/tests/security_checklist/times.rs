//! Rows 22 to 24: when a token is good. All of it under a valid signature.

use std::time::Duration;

use portcullis_auth::{JwtVerifier, Reason};
use portcullis_core::Clock;
use portcullis_testing::{SigningKey, TestClock};
use serde_json::json;

use crate::stand::{AUDIENCE, Stand, fixed, lenient, with_policy};

const LEEWAY: Duration = Duration::from_secs(30);

/// A token whose claim `name` is `text`, JSON or not.
fn raw(stand: &Stand, name: &str, text: &str) -> String {
    let marker = format!("\"{name}\":\"MARKER\"");
    let claims = stand.token().claim(name, "MARKER").claims().to_string();
    let claims = claims.replace(&marker, &format!("\"{name}\":{text}"));
    assert!(!claims.contains("MARKER"), "{claims}");
    let header = json!({"alg": "ES256", "kid": stand.key.kid()}).to_string();
    stand.key.sign_raw(header.as_bytes(), claims.as_bytes())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn row_22_exp_is_a_number_that_is_there() {
    let stand = Stand::new();
    let missing = stand.token().without("exp").sign(&stand.key);
    stand.refuses(&missing, Reason::MissingClaim).await;
    for text in [
        "\"9999999999\"",
        "null",
        "true",
        "[9999999999]",
        "{}",
        "-1",
        "-0.5",
        "-1e300",
    ] {
        stand
            .refuses(&raw(&stand, "exp", text), Reason::MalformedClaim)
            .await;
    }
    // No JSON.
    for text in [
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "1_000",
        "01893456300",
        "",
    ] {
        stand
            .refuses(&raw(&stand, "exp", text), Reason::Malformed)
            .await;
    }
    for text in ["0", "0.0", "1", "1e0", "1893455969"] {
        stand
            .refuses(&raw(&stand, "exp", text), Reason::Expired)
            .await;
    }
}

#[tokio::test]
async fn row_22_a_huge_exp_saturates_and_wraps_nowhere() {
    let stand = Stand::new();
    for text in [
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
        "1e300",
        "1.8e19",
    ] {
        stand.admits(&raw(&stand, "exp", text)).await;
    }
}

#[tokio::test]
async fn row_22_a_token_expires_with_the_second_of_exp_and_leeway() {
    let stand = Stand::new();
    let exp = stand.clock.wall().as_secs() + 60;
    // A fraction is rounded down.
    let tokens = [format!("{exp}"), format!("{exp}.0"), format!("{exp}.999")]
        .map(|text| raw(&stand, "exp", &text));
    stand
        .clock
        .advance_sync(secs(60) + LEEWAY - Duration::from_millis(1));
    for token in &tokens {
        stand.admits(token).await;
    }
    stand.clock.advance_sync(Duration::from_millis(1));
    for token in &tokens {
        // Cached a moment ago.
        stand.refuses(token, Reason::Expired).await;
    }
}

#[tokio::test]
async fn row_22_a_leeway_beyond_five_minutes_is_a_configuration_error() {
    for leeway in [secs(301), secs(u64::MAX), Duration::MAX] {
        let error = JwtVerifier::builder_with_clock(TestClock::new())
            .issuer(lenient(fixed(&[&SigningKey::es256()])).leeway(leeway))
            .build()
            .expect_err("too long");
        assert!(error.to_string().contains("issuer[0].leeway"), "{error}");
    }
}

#[tokio::test]
async fn row_23_a_token_is_not_valid_before_nbf() {
    let stand = Stand::new();
    let now = stand.clock.wall().as_secs();
    let latest = now + LEEWAY.as_secs();
    for text in [
        format!("{now}"),
        "0".into(),
        format!("{latest}"),
        format!("{}.5", latest - 1),
    ] {
        stand.admits(&raw(&stand, "nbf", &text)).await;
    }
    for text in [
        format!("{}", latest + 1),
        // A fraction is rounded up.
        format!("{latest}.001"),
        "18446744073709551615".into(),
        "1e300".into(),
    ] {
        stand
            .refuses(&raw(&stand, "nbf", &text), Reason::NotYetValid)
            .await;
    }
    for text in ["\"0\"", "null", "-1", "[]", "false"] {
        stand
            .refuses(&raw(&stand, "nbf", text), Reason::MalformedClaim)
            .await;
    }
    // It heals by itself: the refusal is not remembered.
    let token = raw(&stand, "nbf", &format!("{}", latest + 1));
    stand.refuses(&token, Reason::NotYetValid).await;
    stand.clock.advance_sync(secs(1));
    stand.admits(&token).await;
}

#[tokio::test]
async fn row_24_iat_is_not_in_the_future() {
    let stand = Stand::new();
    let latest = stand.clock.wall().as_secs() + LEEWAY.as_secs();
    stand
        .admits(&raw(&stand, "iat", &format!("{latest}")))
        .await;
    stand
        .admits(&stand.token().without("iat").sign(&stand.key))
        .await;
    for text in [
        format!("{}", latest + 1),
        "1e300".into(),
        "18446744073709551615".into(),
    ] {
        stand
            .refuses(&raw(&stand, "iat", &text), Reason::IssuedInFuture)
            .await;
    }
    for text in ["\"0\"", "null", "-1", "{}"] {
        stand
            .refuses(&raw(&stand, "iat", text), Reason::MalformedClaim)
            .await;
    }
}

#[tokio::test]
async fn row_24_a_token_is_not_older_than_the_maximum_age() {
    let stand = with_policy(|issuer| {
        issuer
            .audience(AUDIENCE)
            .dangerously_any_token()
            .max_token_age(secs(600))
    });
    let now = stand.clock.wall();
    let issued = |ago: u64| {
        let token = stand.token().issued_at(now - secs(ago));
        token.expires_in(secs(3_600)).sign(&stand.key)
    };
    stand.admits(&issued(0)).await;
    stand.admits(&issued(600 + LEEWAY.as_secs())).await;
    stand
        .refuses(&issued(601 + LEEWAY.as_secs()), Reason::TooOld)
        .await;
    let unknown = stand.token().without("iat").sign(&stand.key);
    stand.refuses(&unknown, Reason::MissingClaim).await;
}
