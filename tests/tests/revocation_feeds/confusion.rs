//! One kind of token is never taken for another (RFC 8725 sections 2.7 and 3.11).

use portcullis_auth::{Attempt, Issuer, JwtVerifier, Reason, Verdict};
use portcullis_testing::TokenBuilder;
use portcullis_tests::api::fixed;
use serde_json::json;

use crate::backchannel::{EVENT, logout, receiver};
use crate::stand::{CLIENT, Stand, is, serve};

#[tokio::test]
async fn neither_an_id_token_nor_an_access_token_is_a_logout_token() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    // For the client, as ID tokens are.
    let base = || stand.issuer.token().audience(CLIENT).session("s");
    let id_token = |token: TokenBuilder| token.typ("JWT").claim("nonce", "n").without("client_id");
    let event = json!({ EVENT: {} });
    for (token, what) in [
        (base(), "an access token"),
        (base().typ("JWT"), "an access token without its type"),
        (id_token(base()), "an ID token"),
        (
            id_token(base()).typ("logout+jwt"),
            "an ID token with the type",
        ),
        (
            id_token(base()).claim("events", &event),
            "an ID token with the event",
        ),
        (
            id_token(base()).typ("logout+jwt").claim("events", &event),
            "an ID token with both",
        ),
        (
            base().claim("events", &event),
            "an access token with the event",
        ),
        (base().typ("logout+jwt"), "an access token with the type"),
    ] {
        let told = logout(address, &token.issue()).await.told();
        assert_eq!(told, is(400, "invalid_request"), "{what}");
    }
    assert_eq!(stand.log.appends(), 0);
}

#[tokio::test]
async fn a_logout_token_is_never_an_access_token_whatever_the_rule() {
    let stand = Stand::new().await;
    let issuer = || {
        let issuer = &stand.issuer;
        Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
    };
    let rules = [
        issuer().audience(CLIENT).access_tokens_only(),
        issuer().audience(CLIENT).scope_required(),
        issuer().audience(CLIENT).dangerously_any_token(),
        issuer().audience(CLIENT).clients([CLIENT]),
        issuer().dangerously_any_audience().dangerously_any_token(),
    ];
    let full = || {
        // Everything that an access token could have, and the event.
        let token = stand.logout().session("s").client(CLIENT);
        token.scope("api:read").claim("azp", CLIENT)
    };
    for (position, rule) in rules.into_iter().enumerate() {
        let verifier = JwtVerifier::builder().issuer(rule).build().unwrap();
        for typ in [Some("logout+jwt"), Some("JWT"), Some("at+jwt"), None] {
            let token = match typ {
                Some(typ) => full().typ(typ),
                None => full().without_header("typ"),
            };
            match verifier.explain(&token.issue()) {
                Attempt::Done(Verdict::Invalid(Reason::TokenType)) => {}
                other => panic!("rule {position}, type {typ:?}: {other:?}"),
            }
        }
    }
}
