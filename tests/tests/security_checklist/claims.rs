//! Rows 25 and 26: for whom a token is, and from whom. All of it under a valid signature.

use portcullis_auth::{Issuer, JwtVerifier, Reason};
use portcullis_testing::{SigningKey, TestClock};
use serde_json::{Value, json};

use crate::stand::{AUDIENCE, ISSUER, Stand, fixed};

/// Values of `aud`, and what becomes of each where `AUDIENCE` is asked for.
fn audiences() -> Vec<(Value, Option<Reason>)> {
    let wrong = Some(Reason::Audience);
    let malformed = Some(Reason::MalformedClaim);
    vec![
        (json!(AUDIENCE), None),
        (json!([AUDIENCE]), None),
        (json!(["other", AUDIENCE, "third"]), None),
        (json!("other"), wrong),
        (json!(["other"]), wrong),
        (json!([]), wrong),
        (json!(""), wrong),
        (json!([""]), wrong),
        (json!("*"), wrong),
        (json!(format!("{AUDIENCE}/")), wrong),
        (json!(AUDIENCE.to_uppercase()), wrong),
        (json!(format!(" {AUDIENCE}")), wrong),
        (json!(format!("{AUDIENCE} other")), wrong),
        (json!(&AUDIENCE[..AUDIENCE.len() - 1]), wrong),
        (json!(null), malformed),
        (json!(7), malformed),
        (json!(true), malformed),
        (json!({ AUDIENCE: true }), malformed),
        (json!([AUDIENCE, 7]), malformed),
        (json!([AUDIENCE, null]), malformed),
        (json!([[AUDIENCE]]), malformed),
        (json!([AUDIENCE, "a\u{7}"]), malformed),
    ]
}

#[tokio::test]
async fn row_25_one_audience_of_the_token_must_be_ours() {
    let stand = Stand::new();
    for (aud, refused) in audiences() {
        let token = stand.token().claim("aud", &aud).sign(&stand.key);
        match refused {
            None => drop(stand.admits(&token).await),
            Some(reason) => stand.refuses(&token, reason).await,
        }
    }
    let missing = stand.token().without("aud").sign(&stand.key);
    stand.refuses(&missing, Reason::Audience).await;
}

#[test]
fn row_25_no_audience_is_a_configuration_error() {
    let key = SigningKey::es256();
    let build = |issuer: Issuer<TestClock>| {
        let builder = JwtVerifier::builder_with_clock(TestClock::new());
        builder.issuer(issuer.dangerously_any_token()).build()
    };
    let new = || Issuer::new(ISSUER, fixed(&[&key]));
    let error = build(new()).expect_err("no audience").to_string();
    assert!(error.contains("issuer[0].audience"), "{error}");
    let error = build(new().audience(""))
        .expect_err("an empty one")
        .to_string();
    assert!(error.contains("issuer[0].audience"), "{error}");
    assert!(build(new().dangerously_any_audience()).is_ok());
}

#[tokio::test]
async fn row_26_iss_is_one_string_byte_for_byte() {
    let stand = Stand::new();
    for (iss, reason) in [
        (json!(format!("{ISSUER}/")), Reason::Issuer),
        (json!(ISSUER.to_uppercase()), Reason::Issuer),
        (json!(ISSUER.replace("https", "http")), Reason::Issuer),
        (json!(format!("{ISSUER}:443")), Reason::Issuer),
        (json!(format!("{ISSUER}?")), Reason::Issuer),
        (json!(format!(" {ISSUER}")), Reason::Issuer),
        (json!(&ISSUER[..ISSUER.len() - 1]), Reason::Issuer),
        (json!("https://evil.example.com"), Reason::Issuer),
        (json!(""), Reason::Issuer),
        // Cyrillic i: another string that looks alike.
        (json!(ISSUER.replace("idp", "\u{456}dp")), Reason::Issuer),
        (json!([ISSUER]), Reason::MalformedClaim),
        (json!([ISSUER, ISSUER]), Reason::MalformedClaim),
        (json!(7), Reason::MalformedClaim),
        (json!(null), Reason::MalformedClaim),
        (json!({ "iss": ISSUER }), Reason::MalformedClaim),
        (json!(format!("{ISSUER}\n")), Reason::MalformedClaim),
    ] {
        let token = stand.token().claim("iss", &iss).sign(&stand.key);
        stand.refuses(&token, reason).await;
    }
    let missing = stand.token().without("iss").sign(&stand.key);
    stand.refuses(&missing, Reason::MissingClaim).await;
    stand.admits(&stand.token().sign(&stand.key)).await;
}
