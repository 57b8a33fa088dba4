//! Orders: once, whatever the log does.
#![allow(clippy::unwrap_used, reason = "unwrap in a test is an assertion")]

mod common;

use std::time::Duration;

use common::{ISSUER, Mood, Moody, builder, check, token};
use portcullis_core::{Clock, UnixTime};
use portcullis_revocation::log::LogError;
use portcullis_revocation::{
    Check, Confirmation, Kind, Order, Revocation, RevokeError, Target, TokenFacts, opaque_hash,
    signing_input_hash,
};
use portcullis_testing::TestClock;
use tokio::time::{Instant, sleep};

async fn node(clock: &TestClock) -> (Moody, Revocation) {
    let log = Moody::new(clock);
    let node = builder(log.clone(), clock).start().unwrap();
    sleep(Duration::from_secs(2)).await;
    (log, node)
}

#[tokio::test(start_paused = true)]
async fn every_target_ends_the_token_it_names_and_no_other() {
    let clock = TestClock::following_tokio();
    let (hash, opaque) = (
        signing_input_hash("head.body.sig").unwrap(),
        opaque_hash("opaque"),
    );
    let everything = Confirmation::of("everything").unwrap();
    for (target, kind) in [
        (Target::token(ISSUER, "jti"), Kind::Token),
        (Target::jwt(ISSUER, "head.body.twin").unwrap(), Kind::Token),
        (Target::opaque(ISSUER, "opaque"), Kind::Token),
        (Target::session(ISSUER, "sid"), Kind::Session),
        (Target::subject(ISSUER, "sub"), Kind::Subject),
        (Target::client(ISSUER, "client"), Kind::Client),
        (Target::key(ISSUER, "kid"), Kind::Key),
        (Target::tenant(ISSUER, "tenant"), Kind::Tenant),
        (Target::everything(everything), Kind::Everything),
    ] {
        let (_, node) = node(&clock).await;
        let view = node.view();
        let mut facts = TokenFacts::new(ISSUER);
        facts.jti = Some("jti");
        facts.signing_input_hash = Some(&hash);
        facts.opaque_hash = Some(&opaque);
        facts.session = Some("sid");
        facts.subject = Some("sub");
        facts.client = Some("client");
        facts.key_id = Some("kid");
        facts.tenant = Some("tenant");
        facts.issued_at = Some(clock.wall() - Duration::from_secs(60));
        facts.expires_at = Some(clock.wall() + Duration::from_secs(60));
        let ids = view.token_ids(&facts);
        let mut elsewhere = facts;
        elsewhere.issuer = "https://another.example.com";
        let elsewhere = view.token_ids(&elsewhere);
        assert_eq!(check(&view, &clock, &ids), Check::Clear);
        let ack = node.revoker().revoke(target.clone()).await.unwrap();
        assert!(ack.is_durable());
        assert_eq!(check(&view, &clock, &ids), Check::Revoked(kind), "{kind}");
        let all = kind == Kind::Everything;
        let clear = check(&view, &clock, &elsewhere) == Check::Clear;
        assert_eq!(clear, !all, "{kind} of another issuer");
        node.revoker().lift(target).await.unwrap();
        assert_eq!(check(&view, &clock, &ids), Check::Clear, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn out_everywhere_and_in_again_at_once_is_in() {
    let clock = TestClock::following_tokio();
    let (_, node) = node(&clock).await;
    let view = node.view();
    sleep(Duration::from_millis(700)).await;
    let issued = |at: UnixTime, ahead: i64, told: bool| {
        let mut facts = TokenFacts::new(ISSUER);
        facts.subject = Some("alice");
        // Whole seconds by the issuer's clock.
        let by_issuer = at.since_epoch().as_secs().saturating_add_signed(ahead);
        facts.issued_at = Some(UnixTime::from_secs(by_issuer));
        facts.expires_at = Some(UnixTime::from_secs(by_issuer + 300));
        facts.issuer_ahead_millis = told.then_some(ahead * 1000);
        view.token_ids(&facts)
    };
    for ahead in [0, 30, -30] {
        let before = issued(clock.wall() - Duration::from_secs(2), ahead, true);
        assert_eq!(check(&view, &clock, &before), Check::Clear);
        node.revoker()
            .revoke(Target::subject(ISSUER, "alice"))
            .await
            .unwrap();
        let after = issued(clock.wall(), ahead, true);
        assert_eq!(
            check(&view, &clock, &before),
            Check::Revoked(Kind::Subject),
            "{ahead}"
        );
        assert_eq!(check(&view, &clock, &after), Check::Clear, "{ahead}");
        sleep(Duration::from_secs(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_without_an_answer_is_done_once() {
    let clock = TestClock::following_tokio();
    let (log, node) = node(&clock).await;
    let view = node.view();
    let order = Order::revoke([Target::subject(ISSUER, "alice")]);
    log.set(Mood::DoneInSilence);
    let began = Instant::now();
    let error = node.revoker().submit(&order).await.unwrap_err();
    assert_eq!(error, RevokeError::Unknown(LogError::Timeout));
    assert!(
        began.elapsed() <= Duration::from_millis(2500),
        "{:?}",
        began.elapsed()
    );
    log.set(Mood::Well);
    sleep(Duration::from_secs(10)).await;
    // Logged in meanwhile: the retry must not move the time of the revocation.
    let meanwhile = {
        let mut facts = TokenFacts::new(ISSUER);
        facts.subject = Some("alice");
        facts.issued_at = Some(clock.wall() - Duration::from_secs(5));
        facts.expires_at = Some(clock.wall() + Duration::from_secs(60));
        view.token_ids(&facts)
    };
    let before = token(&view, &clock, "s");
    node.revoker().submit(&order).await.unwrap();
    assert_eq!(check(&view, &clock, &meanwhile), Check::Clear);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(check(&view, &clock, &meanwhile), Check::Clear);
    let _ = before;
    assert_eq!(node.health().entries, 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_not_sent_is_not_done_and_says_so() {
    let clock = TestClock::following_tokio();
    let (log, node) = node(&clock).await;
    log.set(Mood::Down);
    let began = Instant::now();
    let patient = node.revoker().with_patience(Duration::from_secs(1));
    let error = patient
        .revoke(Target::session(ISSUER, "s"))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        RevokeError::NotDone(LogError::Unavailable(_))
    ));
    assert!(began.elapsed() <= Duration::from_secs(1));
    assert_eq!(node.health().entries, 0);
    let nothing = node.revoker().submit(&Order::revoke([])).await;
    assert_eq!(nothing, Err(RevokeError::Nothing));
    let many = (0..501).map(|n| Target::session(ISSUER, &n.to_string()));
    let much = node.revoker().submit(&Order::revoke(many)).await;
    assert_eq!(much, Err(RevokeError::TooMuch));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_comes_back_in_time_gets_the_order() {
    let clock = TestClock::following_tokio();
    let (log, node) = node(&clock).await;
    log.set(Mood::Down);
    let revoker = node.revoker();
    let order = Order::revoke([Target::session(ISSUER, "s")]);
    let back = async {
        sleep(Duration::from_millis(300)).await;
        log.set(Mood::Well);
    };
    let (ack, ()) = tokio::join!(revoker.submit(&order), back);
    ack.unwrap();
    let view = node.view();
    let ids = token(&view, &clock, "s");
    assert_eq!(check(&view, &clock, &ids), Check::Revoked(Kind::Session));
}
