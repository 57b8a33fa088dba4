//! A primary with replicas: who may answer, and who has what.
#![cfg(all(unix, feature = "revocation"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::time::Duration;

use portcullis_revocation::log::{Lag, LogError, Quorum, Refused};
use portcullis_testing::RedisServer;

use self::support::node::Node;
use self::support::{append, awaited, builder, connected, poll, until};

struct Three {
    primary: RedisServer,
    replicas: [RedisServer; 2],
}

async fn three(min_replicas: &str) -> Three {
    let primary = RedisServer::builder()
        .option("min-replicas-to-write", min_replicas)
        .option("min-replicas-max-lag", "2")
        .start()
        .await;
    let replica = || RedisServer::builder().replica_of(&primary).start();
    let replicas = [replica().await, replica().await];
    Three { primary, replicas }
}

#[tokio::test]
async fn a_quorum_of_those_configured_answers_and_without_it_a_view_grows_stale() {
    let three = three("0").await;
    let log = connected(builder(&three.primary).with_replicas(2)).await;
    let quorum = async || poll(&log, None).await.unwrap().quorum;
    let in_step = |wanted| move |quorum: &Quorum| matches!(quorum, Quorum::Configured { good, .. } if *good == wanted);
    let seen = awaited(quorum, in_step(2)).await;
    assert_eq!(seen.required(), 1);
    assert_eq!(seen.lag(), Lag::Within(Duration::from_secs(3)));
    let node = Node::new(connected(builder(&three.primary).with_replicas(2)).await);
    node.until_synced().await;
    assert_eq!(
        node.health().bound,
        Some(support::node::FRESH + Duration::from_secs(3))
    );

    three.replicas[0].freeze();
    until(quorum, in_step(1)).await;
    assert!(node.is_clear(), "one of two is enough");
    three.replicas[1].freeze();
    assert!(!awaited(quorum, in_step(0)).await.holds());
    node.until_troubled("no_quorum").await;
    node.until_stale().await;

    three.replicas[0].thaw();
    until(quorum, in_step(1)).await;
    node.until_synced().await;
}

#[tokio::test]
async fn a_primary_told_to_have_replicas_refuses_polls_and_revocations_without_them() {
    let three = three("1").await;
    let log = connected(builder(&three.primary).with_replicas(2)).await;
    until(async || poll(&log, None).await, Result::is_ok).await;
    append(&log, 1).await.unwrap();
    for replica in &three.replicas {
        replica.freeze();
    }
    let no_quorum = |answer: &Result<_, LogError>| {
        let wanted = Refused::NoQuorum {
            good: 0,
            required: 1,
        };
        *answer == Err(LogError::Refused(wanted))
    };
    until(async || poll(&log, None).await.map(|_| ()), no_quorum).await;
    until(async || append(&log, 2).await.map(|_| ()), no_quorum).await;
    three.replicas[0].thaw();
    until(async || append(&log, 2).await, Result::is_ok).await;
    assert_eq!(poll(&log, None).await.unwrap().head.seq, 2);
}

#[tokio::test]
async fn an_acknowledgement_counts_the_replicas_that_have_this_revocation() {
    let three = three("0").await;
    let log = connected(builder(&three.primary).with_replicas(2)).await;
    let ack = append(&log, 1).await.unwrap();
    assert!(ack.replicas >= 1 && ack.required == 1, "{ack:?}");
    for replica in &three.replicas {
        replica.freeze();
    }
    // Another connection has nothing to wait for; this one waits for what it wrote.
    let ack = append(&log, 2).await.unwrap();
    assert_eq!((ack.replicas, ack.required), (0, 1));
    three.replicas[1].thaw();
    until(
        async || append(&log, 3).await.unwrap().replicas,
        |replicas| *replicas == 1,
    )
    .await;
}

#[tokio::test]
async fn replicas_that_nobody_configured_leave_no_bound() {
    let three = three("0").await;
    let node = Node::new(connected(builder(&three.primary)).await);
    node.until_troubled("quorum_unchecked").await;
    until(async || node.is_clear(), |clear| *clear).await;
    assert_eq!(node.health().bound, None);
    // They are remembered when they are gone: that is what a split looks like.
    for replica in &three.replicas {
        replica.promote().await;
    }
    let gone = async || three.primary.info("connected_slaves").await;
    until(gone, |count| count.as_deref() == Some("0")).await;
    node.until_troubled("quorum_unchecked").await;
    assert_eq!(node.health().bound, None);
}

#[tokio::test]
async fn in_a_split_the_half_with_the_fewer_replicas_stops_answering() {
    let three = three("0").await;
    let [one, two] = &three.replicas;
    let here = connected(builder(&three.primary).with_replicas(2)).await;
    let node = Node::new(connected(builder(&three.primary).with_replicas(2)).await);
    node.until_synced().await;
    // The other half has elected one of its own.
    one.promote().await;
    two.follow(one).await;
    let there = connected(builder(one).with_replicas(2)).await;
    let quorum = async |log| Ok::<_, LogError>(poll(log, None).await?.quorum.holds());
    until(async || quorum(&there).await, |holds| *holds == Ok(true)).await;
    until(async || quorum(&here).await, |holds| *holds == Ok(false)).await;
    append(&there, 1).await.unwrap();
    node.until_stale().await;
}
