//! The token revocation endpoint.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis_auth::{Issuer, JwtVerifier, RevocableTokens};
use portcullis_core::{Secret, SystemClock};
use portcullis_revocation::feeds::{
    Client, ClientAuthenticator, ClientVerdict, Clients, FeedFuture, TokenRevocation,
};
use portcullis_testing::{FakeIssuer, Mode, SigningKey, forge};
use portcullis_tests::api::published;

use crate::stand::{
    Answer, CLIENT, Mood, PASSWORD, Stand, authenticated, basic, is, post, send, send_by, serve,
};

fn clients(stand: &Stand) -> Clients {
    let issuer = stand.issuer.issuer();
    Clients::new([
        Client::new(issuer, CLIENT, Secret::from(PASSWORD)),
        Client::new(issuer, "other", Secret::from("other")),
        // A client of another issuer that has the name of one here.
        Client::new(
            "https://elsewhere.example.com",
            "twin",
            Secret::from("twin"),
        ),
    ])
    .unwrap()
}

async fn endpoint(stand: &Stand) -> SocketAddr {
    let reader = RevocableTokens::new(stand.verifier.clone());
    serve(TokenRevocation::new(
        stand.revoker(),
        reader,
        clients(stand),
    ))
    .await
}

async fn revoke(address: SocketAddr, token: &str) -> Answer {
    send(authenticated(address, &[("token", token)])).await
}

#[tokio::test]
async fn a_client_revokes_its_own_token_in_either_way_of_authentication() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    for http2 in [false, true] {
        for by_header in [true, false] {
            let [token, other] = [(); 2].map(|()| stand.token().issue());
            let request = if by_header {
                authenticated(address, &[("token", &token)])
            } else {
                let form = [
                    ("token", &*token),
                    ("token_type_hint", "access_token"),
                    ("client_id", CLIENT),
                    ("client_secret", PASSWORD),
                ];
                post(address, &form)
            };
            assert_eq!(send_by(request, http2).await.told(), is(200, ""));
            assert!(stand.is_revoked(&token));
            assert!(!stand.is_revoked(&other));
        }
    }
}

#[tokio::test]
async fn a_token_without_an_id_is_revoked_with_its_twin() {
    let stand = Stand::new().await;
    let issuer = &stand.issuer;
    let trusted = Issuer::new(
        issuer.issuer(),
        portcullis_tests::api::fixed(&[&issuer.key()]),
    );
    let trusted = trusted.audience(issuer.audience()).scope_required();
    let verifier = JwtVerifier::builder().issuer(trusted).build().unwrap();
    let stand = Stand { verifier, ..stand };
    let address = endpoint(&stand).await;
    let token = stand.token().without("jti").issue();
    let twin = forge::es256_high_s_twin(&token);
    assert_eq!(revoke(address, &twin).await.told(), is(200, ""));
    assert!(stand.is_revoked(&token) && stand.is_revoked(&twin));
    assert!(!stand.is_revoked(&stand.token().without("jti").client(CLIENT).acr("x").issue()));
}

#[tokio::test]
async fn only_a_good_token_of_the_client_makes_state() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    let good = stand.token().issue();
    for (token, what) in [
        (stand.token().client("other").issue(), "of another client"),
        (
            stand.token().client("Web").issue(),
            "of a client spelled in another way",
        ),
        (
            stand.token().client("twin").issue(),
            "of a client of that name elsewhere",
        ),
        (
            stand.token().expired(Duration::from_secs(600)).issue(),
            "expired",
        ),
        (
            stand.token().audience("somebody-else").issue(),
            "for somebody else",
        ),
        (
            stand
                .token()
                .issuer("https://elsewhere.example.com")
                .issue(),
            "of another issuer",
        ),
        (
            stand.token().sign(&SigningKey::es256()),
            "by an unknown key",
        ),
        (forge::with_claim(&good, "acr", "gold"), "put together anew"),
        (forge::bad_signature(&good), "forged"),
        (forge::unsigned(&good, "none"), "unsigned"),
        (
            forge::hmac_with_public_key(&good, &stand.issuer.key()),
            "signed with a public key",
        ),
        (stand.logout().issue(), "a logout token"),
        ("opaque".to_owned(), "of nobody"),
        ("a b\u{fc}c".to_owned(), "no token at all"),
    ] {
        // RFC 7009 section 2.2: the client could do nothing about it.
        assert_eq!(revoke(address, &token).await.told(), is(200, ""), "{what}");
        assert_eq!(stand.log.appends(), 0, "{what}");
    }
    let foreign = post(
        address,
        &[
            ("token", &*stand.token().client("twin").issue()),
            ("client_id", "twin"),
            ("client_secret", "twin"),
        ],
    );
    assert_eq!(send(foreign).await.told(), is(200, ""));
    assert_eq!(
        stand.log.appends(),
        0,
        "a client of another issuer with its name"
    );
    assert!(!stand.is_revoked(&good));
    assert_eq!(revoke(address, &good).await.told(), is(200, ""));
    assert_eq!(stand.log.appends(), 1);
    assert!(stand.is_revoked(&good));
}

#[tokio::test]
async fn who_is_not_the_client_gets_401_and_learns_nothing_of_the_token() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    let good = stand.token().issue();
    let mut answers = Vec::new();
    for token in [&good, "opaque", ""] {
        for (line, form) in [
            (None, vec![]),
            (None, vec![("client_id", CLIENT)]),
            (
                None,
                vec![("client_id", CLIENT), ("client_secret", "wrong")],
            ),
            (
                None,
                vec![("client_id", "nobody"), ("client_secret", PASSWORD)],
            ),
            (Some(basic(CLIENT, "wrong")), vec![]),
            (Some(basic("nobody", PASSWORD)), vec![]),
            (Some(basic("other", PASSWORD)), vec![]),
            (Some(basic(CLIENT, "")), vec![]),
            (Some("Basic not-base64!".to_owned()), vec![]),
            (Some(format!("Bearer {good}")), vec![]),
        ] {
            let mut form = form;
            form.push(("token", token));
            let mut request = post(address, &form);
            if let Some(line) = line {
                let line = line.parse().unwrap();
                request.headers_mut().insert("authorization", line);
            }
            let answer = send(request).await;
            assert_eq!(answer.told(), is(401, "invalid_client"), "{form:?}");
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Basic realm="), "{challenge}");
            answers.push(answer.body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer to all of them");
    assert_eq!(stand.log.appends(), 0);
}

#[tokio::test]
async fn two_ways_of_authentication_at_once_are_400() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    let token = stand.token().issue();
    let both = authenticated(
        address,
        &[
            ("token", &token),
            ("client_id", CLIENT),
            ("client_secret", PASSWORD),
        ],
    );
    let two = authenticated(address, &[("token", &token), ("client_id", "other")]);
    let mut twice = authenticated(address, &[("token", &token)]);
    let line = basic(CLIENT, PASSWORD).parse().unwrap();
    twice.headers_mut().append("authorization", line);
    for request in [both, two, twice] {
        assert_eq!(send(request).await.told(), is(400, "invalid_request"));
    }
    assert_eq!(stand.log.appends(), 0);
}

#[tokio::test]
async fn a_refresh_token_that_nobody_knows_here_is_not_said_to_be_revoked() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    let hinted = |token: &str, hint: &str| {
        send(authenticated(
            address,
            &[("token", token), ("token_type_hint", hint)],
        ))
    };
    let unsupported = is(400, "unsupported_token_type");
    assert_eq!(hinted("r-4711", "refresh_token").await.told(), unsupported);
    // RFC 7009 section 2.2: an unknown hint does not influence the answer.
    for hint in ["access_token", "something", ""] {
        assert_eq!(hinted("r-4711", hint).await.told(), is(200, ""), "{hint}");
    }
    // A hint is a hint: a good access token is revoked whatever it says.
    let token = stand.token().issue();
    assert_eq!(hinted(&token, "refresh_token").await.told(), is(200, ""));
    assert!(stand.is_revoked(&token));
}

#[tokio::test]
async fn nothing_is_200_unless_it_is_durable() {
    let stand = Stand::new().await;
    let address = endpoint(&stand).await;
    let token = stand.token().issue();
    for mood in [Mood::Down, Mood::NotDurable, Mood::DoneInSilence] {
        stand.log.set(mood);
        let told = revoke(address, &token).await.told();
        assert_eq!(told, is(503, "temporarily_unavailable"), "{mood:?}");
    }
    stand.log.set(Mood::Well);
    assert_eq!(revoke(address, &token).await.told(), is(200, ""));
    assert!(stand.is_revoked(&token));
}

#[tokio::test]
async fn a_token_whose_key_cannot_be_fetched_is_503_and_not_200() {
    let issuer = FakeIssuer::builder().without_sockets();
    let stand = Stand::with(issuer).await;
    stand.issuer.mode(Mode::Error500);
    let trusted = Issuer::published(published(&stand.issuer, &SystemClock))
        .audience(stand.issuer.audience())
        .access_tokens_only();
    let verifier = JwtVerifier::builder().issuer(trusted).build().unwrap();
    let stand = Stand { verifier, ..stand };
    let address = endpoint(&stand).await;
    let told = revoke(address, &stand.token().issue()).await.told();
    assert_eq!(told, is(503, "temporarily_unavailable"));
    assert_eq!(stand.log.appends(), 0);
}

struct Unreachable;

impl ClientAuthenticator for Unreachable {
    fn authenticate<'a>(&'a self, _: &'a str, _: &'a Secret) -> FeedFuture<'a, ClientVerdict> {
        let retry_after = Some(Duration::from_secs(7));
        Box::pin(async move { ClientVerdict::Unavailable { retry_after } })
    }
}

struct Silent;

impl ClientAuthenticator for Silent {
    fn authenticate<'a>(&'a self, _: &'a str, _: &'a Secret) -> FeedFuture<'a, ClientVerdict> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn clients_that_cannot_be_looked_up_are_503_and_not_401() {
    let stand = Stand::new().await;
    let token = stand.token().issue();
    let reader = || RevocableTokens::new(stand.verifier.clone());
    let down = serve(TokenRevocation::new(stand.revoker(), reader(), Unreachable)).await;
    let answer = revoke(down, &token).await;
    assert_eq!(answer.told(), is(503, "temporarily_unavailable"));
    assert_eq!(answer.headers["retry-after"], "7");
    let silent = TokenRevocation::new(stand.revoker(), reader(), Silent);
    let silent = serve(silent.with_deadline(Duration::from_millis(50))).await;
    let told = revoke(silent, &token).await.told();
    assert_eq!(told, is(503, "temporarily_unavailable"));
    assert_eq!(stand.log.appends(), 0);
}
