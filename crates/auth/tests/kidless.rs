//! Tokens without a key id: a rotation must not look like a forgery.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod jwks_support;

use std::time::Duration;

use http::{Request, StatusCode};
use jwks_support::Rig;
use portcullis_auth::{
    Attempt, Gate, Issuer, JwtVerifier, Presented, Reason, Verdict, Verifier as _,
};
use portcullis_core::{Clock as _, Head, Secret};
use portcullis_testing::{Mode, SigningKey, TestClock, TokenBuilder, forge};

fn publish(rig: &Rig, key: &SigningKey) {
    let document = portcullis_testing::jwks([key]).to_string();
    rig.issuer
        .mode(Mode::Custom(StatusCode::OK, document.into()));
}

fn token(rig: &Rig, key: &SigningKey, age: u64) -> String {
    let now = rig.clock.wall();
    TokenBuilder::at(now)
        .issuer(rig.issuer.issuer())
        .audience("here")
        .issued_at(now - Duration::from_secs(age))
        .sign(key)
}

/// Both phases, as a layer goes through them.
async fn judge(verifier: &JwtVerifier<TestClock>, token: &str) -> Verdict {
    let request = Request::new(());
    let gate = Gate::new(Head::of(&request), None);
    match verifier.try_verify(Presented::new(token.as_bytes()), &gate) {
        Attempt::Done(verdict) => verdict,
        Attempt::NeedsIo => verifier.clone().verify(Secret::from(token)).await,
        Attempt::NotAdmitted(refusal) => panic!("{refusal:?}"),
    }
}

async fn rig() -> (Rig, SigningKey, JwtVerifier<TestClock>) {
    let mut rig = Rig::new();
    let first = SigningKey::es256().without_kid();
    publish(&rig, &first);
    let jwks = rig.warm().await;
    let verifier = JwtVerifier::builder_with_clock(rig.clock.clone())
        .issuer(
            Issuer::published(jwks)
                .audience("here")
                .dangerously_any_token(),
        )
        .build()
        .unwrap();
    (rig, first, verifier)
}

#[tokio::test(start_paused = true)]
async fn a_token_under_a_new_key_without_an_id_is_accepted_after_one_fetch() {
    let (rig, first, verifier) = rig().await;
    assert!(matches!(
        judge(&verifier, &token(&rig, &first, 0)).await,
        Verdict::Valid(_)
    ));
    let second = SigningKey::es256().without_kid();
    publish(&rig, &second);
    assert!(matches!(
        judge(&verifier, &token(&rig, &second, 0)).await,
        Verdict::Valid(_)
    ));
    assert_eq!(rig.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn forged_tokens_without_an_id_cost_the_budget_and_never_a_good_token_its_session() {
    let (rig, first, verifier) = rig().await;
    for age in 0..200 {
        let forged = forge::bad_signature(&token(&rig, &first, age));
        match judge(&verifier, &forged).await {
            Verdict::Invalid(reason) => assert_eq!(reason, Reason::Signature),
            Verdict::Indeterminate(outage) => assert!(outage.retry_after.is_some()),
            Verdict::Valid(_) => panic!("forged"),
        }
    }
    assert!(rig.fetches() <= 1 + 2, "{} fetches", rig.fetches());
    assert!(matches!(
        judge(&verifier, &token(&rig, &first, 0)).await,
        Verdict::Valid(_)
    ));
    let second = SigningKey::es256().without_kid();
    publish(&rig, &second);
    let good = token(&rig, &second, 0);
    assert!(!matches!(
        judge(&verifier, &good).await,
        Verdict::Invalid(_)
    ));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(judge(&verifier, &good).await, Verdict::Valid(_)));
}

#[tokio::test(start_paused = true)]
async fn a_forged_token_of_before_the_last_fetch_is_refused_by_its_signature() {
    let (rig, first, verifier) = rig().await;
    let forged = forge::bad_signature(&token(&rig, &first, 600));
    assert!(matches!(
        judge(&verifier, &forged).await,
        Verdict::Invalid(Reason::Signature)
    ));
    assert!(matches!(
        judge(&verifier, &forged).await,
        Verdict::Invalid(Reason::Signature)
    ));
    assert_eq!(rig.fetches(), 2, "one to confirm, and then evidence");
}
