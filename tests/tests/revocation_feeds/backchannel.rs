//! The receiver of OpenID Connect Back-Channel Logout 1.0: every check of its sections 2.4 to 2.8.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis_auth::{Issuer, LogoutVerifier, LogoutVerifierBuilder, Reason};
use portcullis_core::{SystemClock, UnixTime};
use portcullis_revocation::feeds::{BackchannelLogout, SubjectRule};
use portcullis_testing::{Mode, SigningKey, TestClock, TokenBuilder, forge};
use portcullis_tests::api::{fixed, published};
use serde_json::json;

use crate::stand::{Answer, CLIENT, Mood, Stand, is, post, send, send_by, serve};

pub(crate) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn trusted(stand: &Stand) -> Issuer {
    let issuer = &stand.issuer;
    Issuer::new(issuer.issuer(), fixed(&[&issuer.key()])).audience(CLIENT)
}

fn reader(stand: &Stand) -> LogoutVerifierBuilder {
    LogoutVerifier::builder().issuer(trusted(stand))
}

pub(crate) fn receiver(stand: &Stand) -> BackchannelLogout {
    BackchannelLogout::new(stand.revoker(), reader(stand).build().unwrap())
}

pub(crate) async fn logout(address: SocketAddr, token: &str) -> Answer {
    send(post(address, &[("logout_token", token)])).await
}

#[tokio::test]
async fn a_session_ends_and_no_other() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    for (http2, session) in [(false, "one"), (true, "two")] {
        let [here, there] = [session, "another"].map(|sid| stand.token().session(sid).issue());
        let token = stand.logout().session(session).issue();
        let request = post(address, &[("logout_token", &token)]);
        assert_eq!(send_by(request, http2).await.told(), is(200, ""));
        assert!(stand.is_revoked(&here) && !stand.is_revoked(&there));
        // A later token of the session, too.
        let later = stand.token().session(session).issue();
        assert!(stand.is_revoked(&later));
    }
    let no_subject = stand.logout().session("three").without("sub").issue();
    assert_eq!(logout(address, &no_subject).await.told(), is(200, ""));
    assert!(stand.is_revoked(&stand.token().session("three").issue()));
}

#[tokio::test]
async fn a_subject_without_session_is_out_everywhere() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    let before = UnixTime::from_secs(stand.issuer_now() - 60);
    let old = |subject: &str| stand.token().subject(subject).issued_at(before);
    let [one, two] = ["one", "two"].map(|sid| old("alice").session(sid).issue());
    let bob = old("bob").issue();
    assert_eq!(
        logout(address, &stand.logout().issue()).await.told(),
        is(200, "")
    );
    assert!(stand.is_revoked(&one) && stand.is_revoked(&two));
    assert!(!stand.is_revoked(&bob));
    // And may log in again at once.
    assert!(!stand.is_revoked(&stand.token().issue()));
}

#[tokio::test]
async fn a_session_with_subject_ends_the_session_only_unless_told_otherwise() {
    let stand = Stand::new().await;
    let before = UnixTime::from_secs(stand.issuer_now() - 60);
    let elsewhere = stand.token().issued_at(before).session("elsewhere").issue();
    let both = || stand.logout().session("here").issue();
    let address = serve(receiver(&stand)).await;
    assert_eq!(logout(address, &both()).await.told(), is(200, ""));
    assert!(!stand.is_revoked(&elsewhere));
    let address = serve(receiver(&stand).with_subject_rule(SubjectRule::Always)).await;
    assert_eq!(logout(address, &both()).await.told(), is(200, ""));
    assert!(stand.is_revoked(&elsewhere));
}

/// A bad token is 400, makes no state, and is told from others in the log by this label.
async fn assert_bad(stand: &Stand, cases: Vec<(String, &str, Reason)>) {
    use portcullis_revocation::feeds::{LogoutReader as _, LogoutReading};
    let reader = reader(stand).build().unwrap();
    let address = serve(receiver(stand)).await;
    for (token, what, reason) in cases {
        let told = logout(address, &token).await.told();
        assert_eq!(told, is(400, "invalid_request"), "{what}");
        match reader.read(&token.into()).await {
            LogoutReading::Bad(fault) => assert_eq!(fault.label, reason.as_str(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(stand.log.appends(), 0);
    // The stand is good for something: the same with nothing wrong.
    let good = stand.logout().session("s").issue();
    assert_eq!(logout(address, &good).await.told(), is(200, ""));
}

#[tokio::test]
async fn a_logout_token_that_fails_any_check_of_its_signature_is_refused() {
    let stand = Stand::new().await;
    let good = stand.logout().session("s").issue();
    let key = stand.issuer.key();
    let other = stand.issuer.token().issue();
    let signed_by = |key: &SigningKey| stand.logout().session("s").sign(key);
    let cases = vec![
        (
            forge::bad_signature(&good),
            "one bit off",
            Reason::Signature,
        ),
        (
            forge::with_claim(&good, "sid", "another"),
            "changed",
            Reason::Signature,
        ),
        (
            forge::with_signature_of(&good, &other),
            "the signature of another token",
            Reason::Signature,
        ),
        (
            forge::unsigned(&good, "none"),
            "alg none",
            Reason::Malformed,
        ),
        (
            forge::unsigned(&good, "nOnE"),
            "alg nOnE",
            Reason::Malformed,
        ),
        (
            forge::with_header(&good, "alg", "none"),
            "alg none, signed",
            Reason::Algorithm,
        ),
        (
            forge::hmac_with_public_key(&good, &key),
            "HMAC with the public key",
            Reason::Algorithm,
        ),
        (
            signed_by(&SigningKey::es256()),
            "an unknown key",
            Reason::UnknownKey,
        ),
        (
            forge::with_header(&good, "crit", json!(["exp"])),
            "crit",
            Reason::UnsupportedHeader,
        ),
        ("opaque".to_owned(), "no JWT", Reason::Malformed),
        (format!("{good}."), "four parts", Reason::Malformed),
    ];
    assert_bad(&stand, cases).await;
}

#[tokio::test]
async fn a_logout_token_that_fails_any_check_of_its_claims_is_refused() {
    let stand = Stand::new().await;
    let now = stand.issuer_now();
    let at = UnixTime::from_secs;
    let token = || stand.logout().session("s");
    let with = |name: &str, value: serde_json::Value| token().claim(name, value);
    let minute = Duration::from_secs(60);
    let cases: Vec<(TokenBuilder, &str, Reason)> = vec![
        (
            token().issuer("https://elsewhere.example.com"),
            "iss",
            Reason::Issuer,
        ),
        (token().without("iss"), "no iss", Reason::MissingClaim),
        (
            token().audience("somebody-else"),
            "aud of another client",
            Reason::Audience,
        ),
        (
            token().audience(stand.issuer.audience()),
            "aud of the API",
            Reason::Audience,
        ),
        (token().without("aud"), "no aud", Reason::Audience),
        (token().audiences([]), "empty aud", Reason::Audience),
        (token().without("iat"), "no iat", Reason::MissingClaim),
        (
            token().issued_at(at(now + 120)),
            "iat ahead",
            Reason::IssuedInFuture,
        ),
        (
            token().issued_at(at(now - 700)),
            "iat long ago",
            Reason::TooOld,
        ),
        (
            with("iat", json!("now")),
            "iat as text",
            Reason::MalformedClaim,
        ),
        (token().without("exp"), "no exp", Reason::MissingClaim),
        (token().expired(minute), "exp past", Reason::Expired),
        (
            token().not_before(at(now + 120)),
            "nbf ahead",
            Reason::NotYetValid,
        ),
        (token().without("jti"), "no jti", Reason::MissingClaim),
        (token().token_id(""), "empty jti", Reason::MalformedClaim),
        (
            with("jti", json!(7)),
            "jti as number",
            Reason::MalformedClaim,
        ),
        (
            token().without("sid").without("sub"),
            "neither sid nor sub",
            Reason::MissingClaim,
        ),
        (token().session(""), "empty sid", Reason::MalformedClaim),
        (token().subject(""), "empty sub", Reason::MalformedClaim),
        (
            with("sid", json!(["s"])),
            "sid as list",
            Reason::MalformedClaim,
        ),
        (with("sub", json!(null)), "sub null", Reason::MalformedClaim),
        (with("nonce", json!("n")), "nonce", Reason::TokenType),
        (with("nonce", json!(null)), "nonce null", Reason::TokenType),
        (with("at_hash", json!("h")), "at_hash", Reason::TokenType),
        (token().without("events"), "no events", Reason::TokenType),
        (with("events", json!({})), "empty events", Reason::TokenType),
        (
            with("events", json!(null)),
            "events null",
            Reason::TokenType,
        ),
        (
            with("events", json!([EVENT])),
            "events as list",
            Reason::TokenType,
        ),
        (
            with("events", json!(EVENT)),
            "events as text",
            Reason::TokenType,
        ),
        (
            with("events", json!({"https://schemas.example.com/other": {}})),
            "another event",
            Reason::TokenType,
        ),
        (
            with("events", json!({format!("{EVENT}/"): {}})),
            "nearly the event",
            Reason::TokenType,
        ),
        (
            with("events", json!({EVENT: null})),
            "event null",
            Reason::MalformedClaim,
        ),
        (
            with("events", json!({EVENT: true})),
            "event true",
            Reason::MalformedClaim,
        ),
        (
            with("events", json!({EVENT: []})),
            "event as list",
            Reason::MalformedClaim,
        ),
        (
            with("events", json!({EVENT: "{}"})),
            "event as text",
            Reason::MalformedClaim,
        ),
        (with("cnf", json!({"jkt": "k"})), "bound", Reason::Bound),
    ];
    let cases = cases
        .into_iter()
        .map(|(token, what, reason)| (token.issue(), what, reason))
        .collect();
    assert_bad(&stand, cases).await;
}

#[tokio::test]
async fn what_the_specification_lets_be_is_let_be() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    let token = || stand.logout().session("s");
    for (token, what) in [
        (
            token().audiences(["somebody-else", CLIENT]),
            "several audiences",
        ),
        (
            token().typ("application/logout+jwt"),
            "the long form of the type",
        ),
        (token().typ("LOGOUT+JWT"), "its letter case"),
        (
            token().claim(
                "events",
                json!({EVENT: {"x": 1}, "https://e.example.com": 7}),
            ),
            "more events",
        ),
        (
            token().claim("anything", json!([{}])),
            "a claim that nobody knows",
        ),
        (
            token().expires_in(Duration::from_secs(30 * 86_400)),
            "a long life",
        ),
    ] {
        assert_eq!(
            logout(address, &token.issue()).await.told(),
            is(200, ""),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_token_without_the_type_is_taken_only_if_told() {
    let stand = Stand::new().await;
    let strict = serve(receiver(&stand)).await;
    let lenient = reader(&stand).untyped_too().build().unwrap();
    let lenient = serve(BackchannelLogout::new(stand.revoker(), lenient)).await;
    for typ in [None, Some("JWT"), Some("logout+jwt")] {
        let token = stand.logout().session("s");
        let token = match typ {
            Some(typ) => token.typ(typ),
            None => token.without_header("typ"),
        };
        let token = token.issue();
        let fits = typ == Some("logout+jwt");
        let expected = if fits {
            is(200, "")
        } else {
            is(400, "invalid_request")
        };
        assert_eq!(logout(strict, &token).await.told(), expected, "{typ:?}");
        assert_eq!(logout(lenient, &token).await.told(), is(200, ""), "{typ:?}");
    }
    for typ in ["at+jwt", "secevent+jwt", "dpop+jwt", "logout"] {
        let token = stand.logout().session("s").typ(typ).issue();
        let told = logout(lenient, &token).await.told();
        assert_eq!(told, is(400, "invalid_request"), "{typ}");
    }
}

#[tokio::test]
async fn a_token_is_taken_once() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    let token = stand.logout().session("s").token_id("j").issue();
    assert_eq!(logout(address, &token).await.told(), is(200, ""));
    let replay = logout(address, &token).await;
    assert_eq!(replay.told(), is(400, "invalid_request"));
    assert_eq!(stand.log.appends(), 1);
    // It is the `jti` that counts, not the bytes.
    let twin = forge::es256_high_s_twin(&token);
    assert_eq!(
        logout(address, &twin).await.told(),
        is(400, "invalid_request")
    );
    let same = stand.logout().session("t").token_id("j").issue();
    assert_eq!(
        logout(address, &same).await.told(),
        is(400, "invalid_request")
    );
    assert_eq!(stand.log.appends(), 1);
}

#[tokio::test]
async fn a_token_that_got_503_may_come_again_and_is_one_order() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    for mood in [Mood::Down, Mood::NotDurable, Mood::DoneInSilence] {
        let subject = format!("alice-{mood:?}");
        let token = stand.logout().subject(&subject).issue();
        stand.log.set(mood);
        let told = logout(address, &token).await.told();
        assert_eq!(told, is(503, "temporarily_unavailable"), "{mood:?}");
        stand.log.set(Mood::Well);
        assert_eq!(
            logout(address, &token).await.told(),
            is(200, ""),
            "{mood:?}"
        );
        assert_eq!(
            logout(address, &token).await.told(),
            is(400, "invalid_request")
        );
    }
    // So what was done in silence is not done anew, later.
    assert_eq!(stand.log.orders(), 3);
    assert!(stand.log.appends() > 3);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_the_token_usable() {
    let stand = Stand::new().await;
    let address = serve(receiver(&stand)).await;
    let token = stand.logout().session("s").issue();
    stand.log.set(Mood::DoneInSilence);
    let before = stand.log.appends();
    let hangs_up = tokio::spawn({
        let token = token.clone();
        async move { logout(address, &token).await.status }
    });
    let reached = async {
        while stand.log.appends() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::stand::DEADLINE, reached)
        .await
        .unwrap();
    // The same while the first is under way is not a replay.
    let told = logout(address, &token).await.told();
    assert_eq!(told, is(503, "temporarily_unavailable"));
    hangs_up.abort();
    stand.log.set(Mood::Well);
    let done = async {
        while logout(address, &token).await.status == 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::stand::DEADLINE, done)
        .await
        .unwrap();
    assert!(stand.is_revoked(&stand.token().session("s").issue()));
}

#[tokio::test]
async fn a_full_memory_takes_nothing_until_it_has_room_again() {
    let stand = Stand::new().await;
    let clock = TestClock::new();
    clock.jump_wall(UnixTime::from_secs(stand.issuer_now()));
    let reader = reader(&stand).build().unwrap();
    let receiver = BackchannelLogout::with_clock(stand.revoker(), reader, clock.clone());
    let address = serve(receiver.with_memory(2)).await;
    let [one, two, three] = ["1", "2", "3"].map(|sid| stand.logout().session(sid).issue());
    assert_eq!(logout(address, &one).await.told(), is(200, ""));
    assert_eq!(logout(address, &two).await.told(), is(200, ""));
    assert_eq!(
        logout(address, &three).await.told(),
        is(503, "temporarily_unavailable")
    );
    // Those that are remembered are still told.
    assert_eq!(
        logout(address, &one).await.told(),
        is(400, "invalid_request")
    );
    // When the first two would be refused for their age anyway.
    clock.advance_sync(Duration::from_secs(120 + 31));
    assert_eq!(logout(address, &three).await.told(), is(200, ""));
}

#[tokio::test]
async fn an_issuer_whose_keys_cannot_be_had_is_503_and_not_400() {
    let stand = Stand::new().await;
    stand.issuer.mode(Mode::Error500);
    let issuer = Issuer::published(published(&stand.issuer, &SystemClock)).audience(CLIENT);
    let reader = LogoutVerifier::builder().issuer(issuer).build().unwrap();
    let address = serve(BackchannelLogout::new(stand.revoker(), reader)).await;
    let token = stand.logout().session("s").issue();
    let told = logout(address, &token).await.told();
    assert_eq!(told, is(503, "temporarily_unavailable"));
    assert_eq!(stand.log.appends(), 0);
}

#[tokio::test]
async fn keys_that_are_published_are_found_by_discovery() {
    let stand = Stand::new().await;
    let issuer = Issuer::published(published(&stand.issuer, &SystemClock)).audience(CLIENT);
    let reader = LogoutVerifier::builder().issuer(issuer).build().unwrap();
    let address = serve(BackchannelLogout::new(stand.revoker(), reader)).await;
    let token = stand.logout().session("s").issue();
    assert_eq!(logout(address, &token).await.told(), is(200, ""));
    let unknown = stand.logout().session("t").sign(&SigningKey::es256());
    let status = logout(address, &unknown).await.status.as_u16();
    assert!(
        matches!(status, 400 | 503),
        "{status}: never 200 for an unknown key"
    );
    assert!(!stand.is_revoked(&stand.token().session("t").issue()));
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let key = SigningKey::es256();
    let issuer = |name: &str| Issuer::new(name, fixed::<SystemClock>(&[&key]));
    let error = LogoutVerifier::builder()
        .issuer(issuer("https://a.example.com").dangerously_any_audience())
        .issuer(
            issuer("https://b.example.com")
                .audience(CLIENT)
                .access_tokens_only(),
        )
        .issuer(issuer("https://c.example.com").clients([CLIENT]))
        .issuer(
            issuer("https://d.example.com")
                .audience(CLIENT)
                .max_token_age(Duration::from_secs(3_601)),
        )
        .issuer(issuer("https://e.example.com"))
        .build()
        .unwrap_err();
    let paths: Vec<_> = error.problems().map(|one| one.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "issuer[0].audience",
            "issuer[1].token_type",
            "issuer[2].token_type",
            "issuer[3].max_token_age",
            "issuer[4].audience",
        ]
    );
    assert!(LogoutVerifier::builder().build().is_err());
}
