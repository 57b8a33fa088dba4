//! A logout token that is replayed to another node of the cluster, or sent there after 503 from the first.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis_auth::{Issuer, LogoutVerifier};
use portcullis_core::{Clock, SystemClock};
use portcullis_revocation::Target;
use portcullis_revocation::feeds::{BackchannelLogout, LogoutReader as _, LogoutReading};
use portcullis_revocation::log::OPS_REMEMBERED;
use portcullis_testing::{Algorithm, FakeIssuer, TestClock};
use portcullis_tests::api::fixed;
use portcullis_tests::revocation::{Stand as Node, SwitchedLog};
use tower_service::Service as _;

use crate::backchannel::{logout, receiver};
use crate::stand::{CLIENT, Mood, Stand, is, serve};

fn trusted<C: Clock>(issuer: &FakeIssuer) -> Issuer<C> {
    Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
}

fn reader<C: Clock>(issuer: &FakeIssuer, clock: C) -> LogoutVerifier<C> {
    LogoutVerifier::<C>::builder_with_clock(clock)
        .issuer(trusted(issuer).audience(CLIENT))
        .build()
        .unwrap()
}

/// Sends a logout token, without sockets.
async fn send(receiver: &BackchannelLogout, token: &str) -> StatusCode {
    let request = Request::post("/feed")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(format!("logout_token={token}"))))
        .unwrap();
    let Ok(answer) = receiver.clone().call(request).await;
    answer.status()
}

#[tokio::test(start_paused = true)]
async fn a_replay_to_another_node_ends_nothing_that_began_since() {
    let clock = TestClock::following_tokio();
    let log = SwitchedLog::new(&clock);
    let issuer = FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .clock(clock.clone())
        .without_sockets();
    let nodes = [(); 2].map(|()| {
        let (log, clock, issuer) = (log.clone(), clock.clone(), issuer.clone());
        let trusted = trusted(&issuer);
        Node::trusting(log, clock, issuer, trusted, |builder| builder)
    });
    let feeds = nodes.each_ref().map(|node| {
        let reader = reader(&issuer, clock.clone());
        BackchannelLogout::with_clock(node.revocation.revoker(), reader, clock.clone())
    });
    for node in &nodes {
        node.until_synced().await;
    }
    let everywhere = async |token: &str| {
        let mut told = Vec::new();
        for node in &nodes {
            told.push(node.present(token).await.status.as_u16());
        }
        told
    };
    let second = Duration::from_secs(1);

    let [old, here] = ["old", "here"].map(|sid| nodes[0].token().session(sid).issue());
    tokio::time::sleep(second * 2).await;
    let [all, one] = [
        issuer.logout_token(CLIENT).expires_in(second * 86_400),
        issuer
            .logout_token(CLIENT)
            .subject("bob")
            .session("here")
            .expires_in(second * 86_400),
    ]
    .map(|token| token.issue());
    for token in [&all, &one] {
        assert_eq!(send(&feeds[0], token).await, 200);
    }
    tokio::time::sleep(second).await;
    assert_eq!(everywhere(&old).await, [401, 401]);

    // The subject comes back, and somebody lets the session be.
    let new = nodes[0].token().session("new").issue();
    let lifted = nodes[0].revocation.revoker();
    lifted
        .lift(Target::session(issuer.issuer(), "here"))
        .await
        .unwrap();
    let again = nodes[0].token().session("here").issue();
    // To the last moment of the tokens.
    for pause in [second, second * 60, second * 560] {
        tokio::time::sleep(pause).await;
        for token in [&all, &one] {
            assert_eq!(send(&feeds[0], token).await, 400, "the first knows it");
            assert_eq!(
                send(&feeds[1], token).await,
                if pause == second { 200 } else { 400 }
            );
            // A node that started since knows nothing.
            let reader = reader(&issuer, clock.clone());
            let revoker = nodes[1].revocation.revoker();
            let started = BackchannelLogout::with_clock(revoker, reader, clock.clone());
            assert_eq!(send(&started, token).await, 200);
        }
        tokio::time::sleep(second).await;
        assert_eq!(everywhere(&new).await, [200, 200], "after {pause:?}");
        assert_eq!(everywhere(&again).await, [200, 200], "after {pause:?}");
    }
    assert_eq!(everywhere(&old).await, [401, 401]);
    assert_eq!(everywhere(&here).await, [401, 401]);
    // A logout of its own is done, at whatever node.
    assert_eq!(
        send(&feeds[1], &issuer.logout_token(CLIENT).issue()).await,
        200
    );
    tokio::time::sleep(second).await;
    assert_eq!(everywhere(&new).await, [401, 401]);
}

#[tokio::test]
async fn a_token_that_got_503_goes_on_at_another_node_as_the_same_order() {
    let stand = Stand::new().await;
    let one = serve(receiver(&stand)).await;
    for (moods, mood) in [Mood::DoneInSilence, Mood::NotDurable]
        .into_iter()
        .enumerate()
    {
        let other = serve(receiver(&stand)).await;
        let token = stand.logout().issue();
        stand.log.set(mood);
        assert_eq!(logout(one, &token).await.status, 503, "{mood:?}");
        stand.log.set(Mood::Well);
        assert_eq!(logout(other, &token).await.told(), is(200, ""), "{mood:?}");
        assert_eq!(stand.log.orders(), moods + 1, "{mood:?}");
    }
}

/// A provider that takes a `jti` twice is at fault, and yet nobody is told that a logout is done which is not.
#[tokio::test]
async fn two_tokens_of_one_jti_are_two_orders_at_two_nodes() {
    let stand = Stand::new().await;
    let tokens = ["a", "b"].map(|sid| stand.logout().session(sid).token_id("j").issue());
    for token in &tokens {
        let address = serve(receiver(&stand)).await;
        assert_eq!(logout(address, token).await.told(), is(200, ""));
    }
    assert_eq!(stand.log.orders(), 2);
    for sid in ["a", "b"] {
        assert!(stand.is_revoked(&stand.token().session(sid).issue()));
    }
}

#[tokio::test]
async fn the_log_remembers_an_order_longer_than_any_logout_token_is_accepted() {
    let issuer = FakeIssuer::builder().without_sockets();
    let leeway = Duration::from_secs(300);
    let trusted = trusted::<SystemClock>(&issuer)
        .audience(CLIENT)
        .leeway(leeway)
        .max_token_age(Duration::from_secs(3_600));
    let reader = LogoutVerifier::builder().issuer(trusted).build().unwrap();
    // As early as it can come, to be accepted as long as it can be.
    let now = SystemClock.wall();
    let token = issuer
        .logout_token(CLIENT)
        .issued_at(now + leeway)
        .expires_in(Duration::from_secs(86_400))
        .issue();
    let LogoutReading::Good(token) = reader.read(&token.into()).await else {
        panic!("it is good");
    };
    let accepted = token.spent_at.since(now);
    assert!(accepted > Duration::from_secs(4_200), "{accepted:?}");
    assert!(accepted + Duration::from_secs(240) < OPS_REMEMBERED);
}

#[cfg(unix)]
#[tokio::test]
async fn a_replay_to_another_node_changes_nothing_on_redis() {
    use portcullis_redis::{RedisConfig, RedisLog};
    use portcullis_revocation::log::{Epoch, Poll};
    use portcullis_revocation::{Revocation, RevocationLog as _, Secrets};
    use portcullis_testing::RedisServer;

    let server = RedisServer::start().await;
    let log = async || {
        let config = RedisConfig::parse(&server.url()).unwrap();
        let log = RedisLog::builder(config.with_deadline(Duration::from_secs(1)))
            .with_deadline(Duration::from_secs(1))
            .start()
            .unwrap();
        assert!(log.connected_within(Duration::from_secs(20)).await);
        log
    };
    let issuer = FakeIssuer::builder().without_sockets();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let secrets = Secrets::new(&portcullis_core::Secret::new(vec![7; 32])).unwrap();
        let revocation = Revocation::builder(secrets, log().await).start().unwrap();
        let revoker = revocation.revoker().with_patience(Duration::from_secs(5));
        let feed = BackchannelLogout::new(revoker, reader(&issuer, SystemClock));
        nodes.push((revocation, feed));
    }
    let log = log().await;
    let state = async || {
        let head = log
            .poll(Poll::new(Epoch::random(), Vec::new()))
            .await
            .unwrap();
        let set = log.snapshot(None, 10).await.unwrap().entries;
        (head.head, set)
    };
    let token = issuer.logout_token(CLIENT).issue();
    assert_eq!(send(&nodes[0].1, &token).await, 200);
    let done = state().await;
    assert_eq!((done.0.seq, done.1.len()), (1, 1));
    assert_eq!(send(&nodes[1].1, &token).await, 200);
    assert_eq!(state().await, done);
    // Another of the same subject moves the watermark.
    let other = issuer.logout_token(CLIENT).issue();
    assert_eq!(send(&nodes[1].1, &other).await, 200);
    assert_ne!(state().await, done);
}
