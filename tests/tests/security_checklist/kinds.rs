//! Rows 27 to 29: what kind of token it is. All of it under a valid signature.

use portcullis_auth::{Issuer, JwtVerifier, Reason};
use portcullis_core::Clock;
use portcullis_testing::{SigningKey, TestClock, TokenBuilder};
use serde_json::json;

use crate::stand::{AUDIENCE, ISSUER, Stand, fixed, with_policy};

#[tokio::test]
async fn row_27_another_type_of_token_is_never_an_access_token() {
    let stand = Stand::new();
    let with = |typ: &str| stand.token().typ(typ).sign(&stand.key);
    for typ in [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/JWT",
    ] {
        stand.admits(&with(typ)).await;
    }
    stand
        .admits(&stand.token().without_header("typ").sign(&stand.key))
        .await;
    for typ in [
        "dpop+jwt",
        "DPoP+JWT",
        "logout+jwt",
        "secevent+jwt",
        "kb+jwt",
        "dc+sd-jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "client-authentication+jwt",
        "application/logout+jwt",
        "jose",
        "JWE",
        "at",
        "at+jwt ",
        "",
    ] {
        stand.refuses(&with(typ), Reason::TokenType).await;
    }
    for not_a_name in [json!(null), json!(7), json!(["at+jwt"])] {
        let token = stand.token().header("typ", not_a_name).sign(&stand.key);
        stand.refuses(&token, Reason::Malformed).await;
    }
}

/// What RFC 9068 section 2.2 requires.
fn complete(stand: &Stand) -> TokenBuilder {
    stand.token().client("web").typ("at+jwt")
}

#[tokio::test]
async fn row_27_where_access_tokens_are_required_nothing_else_is_taken() {
    let stand = with_policy(|issuer| issuer.audience(AUDIENCE).access_tokens_only());
    for typ in ["at+jwt", "AT+jwt", "application/at+jwt"] {
        stand
            .admits(&complete(&stand).typ(typ).sign(&stand.key))
            .await;
    }
    for typ in [
        "JWT",
        "jwt",
        "dpop+jwt",
        "logout+jwt",
        "at+jwt2",
        "application/at",
        "",
    ] {
        let token = complete(&stand).typ(typ).sign(&stand.key);
        stand.refuses(&token, Reason::TokenType).await;
    }
    let untyped = complete(&stand).without_header("typ").sign(&stand.key);
    stand.refuses(&untyped, Reason::TokenType).await;
    for (claim, reason) in [
        ("iss", Reason::MissingClaim),
        ("exp", Reason::MissingClaim),
        ("aud", Reason::Audience),
        ("sub", Reason::MissingClaim),
        ("iat", Reason::MissingClaim),
        ("jti", Reason::MissingClaim),
        ("client_id", Reason::MissingClaim),
    ] {
        let token = complete(&stand).without(claim).sign(&stand.key);
        stand.refuses(&token, reason).await;
    }
}

/// An ID token (OpenID Connect Core section 2): for a client to read.
fn id_token(stand: &Stand, aud: &str) -> String {
    let token = stand.token().audience(aud).typ("JWT").without("jti");
    let token = token
        .claim("azp", "web")
        .claim("nonce", "n")
        .claim("at_hash", "h");
    token.auth_time(stand.clock.wall()).sign(&stand.key)
}

#[tokio::test]
async fn row_28_an_id_token_is_no_access_token() {
    let key = SigningKey::es256();
    let issuer = || Issuer::new(ISSUER, fixed(&[&key]));
    // Where client and service share a name, the audience tells nothing.
    for (issuer, reason) in [
        (
            issuer().audience("web").access_tokens_only(),
            Reason::TokenType,
        ),
        (issuer().audience("web").scope_required(), Reason::TokenType),
        (
            issuer().dangerously_any_audience().scope_required(),
            Reason::TokenType,
        ),
        (
            issuer().audience(AUDIENCE).access_tokens_only(),
            Reason::Audience,
        ),
        (
            issuer().audience(AUDIENCE).scope_required(),
            Reason::Audience,
        ),
        (
            issuer().audience(AUDIENCE).clients(["web"]),
            Reason::Audience,
        ),
    ] {
        let stand = Stand::trusting(key.clone(), issuer);
        stand.refuses(&id_token(&stand, "web"), reason).await;
    }
    let stand = Stand::trusting(key.clone(), issuer().audience("web").scope_required());
    let access = stand.token().audience("web").scope("orders:read");
    stand.admits(&access.sign(&key)).await;
}

#[test]
fn row_28_not_to_say_how_they_are_told_apart_is_a_configuration_error() {
    let key = SigningKey::es256();
    let build = |issuer: Issuer<TestClock>| {
        JwtVerifier::builder_with_clock(TestClock::new())
            .issuer(issuer)
            .build()
    };
    let new = || Issuer::new(ISSUER, fixed(&[&key])).audience(AUDIENCE);
    let error = build(new()).expect_err("not told apart").to_string();
    assert!(error.contains("issuer[0].token_type"), "{error}");
    for told in [
        new().access_tokens_only(),
        new().scope_required(),
        new().clients(["web"]),
        new().dangerously_any_token(),
    ] {
        assert!(build(told).is_ok());
    }
}

#[tokio::test]
async fn row_29_a_bound_token_is_refused_as_a_bearer_token() {
    let stand = Stand::new();
    for cnf in [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": SigningKey::es256().jwk()}),
        json!({"unheard-of": true}),
        // What cannot be understood binds no less.
        json!({}),
        json!(null),
        json!([]),
        json!("jkt"),
        json!(false),
    ] {
        let token = stand.token().claim("cnf", &cnf).sign(&stand.key);
        stand.refuses(&token, Reason::Bound).await;
    }
    // An escape does not hide the name.
    let claims = stand
        .token()
        .claim("cnf", json!({"jkt": "x"}))
        .claims()
        .to_string();
    let claims = claims.replace("\"cnf\"", "\"\\u0063nf\"");
    let header = json!({"alg": "ES256", "kid": stand.key.kid()}).to_string();
    let token = stand.key.sign_raw(header.as_bytes(), claims.as_bytes());
    stand.refuses(&token, Reason::Bound).await;
}
