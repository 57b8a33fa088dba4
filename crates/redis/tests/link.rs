//! The link and a server that is killed, frozen, partitioned, or will not have us.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_core::Secret;
use portcullis_redis::{Cause, Link, LinkError, RedisConfig};
use portcullis_testing::{Fault, FaultProxy, RedisServer};

const DEADLINE: Duration = Duration::from_millis(50);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(450);
/// Longer than any wait between attempts in these tests.
const PATIENCE: Duration = Duration::from_secs(20);

fn config(address: SocketAddr) -> RedisConfig {
    RedisConfig::parse(&format!("redis://{address}"))
        .unwrap()
        .with_reconnect_cap(Duration::from_millis(500))
}

async fn connected(address: SocketAddr) -> Link {
    let link = Link::start(config(address)).unwrap();
    assert!(link.connected_within(PATIENCE).await, "{link:?}");
    link.ping().await.unwrap();
    link
}

/// Calls until something holds of the answer; every call ends within its deadline.
async fn until(link: &Link, holds: impl Fn(&Result<(), LinkError>) -> bool) {
    let begun = Instant::now();
    loop {
        let sent = Instant::now();
        let answer = link.ping().await;
        let took = sent.elapsed();
        assert!(took < DEADLINE + SLACK, "a call took {took:?}");
        if holds(&answer) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?} for too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A thousand calls fail, and not one waits.
async fn fails_fast(link: &Link) -> LinkError {
    let begun = Instant::now();
    let mut last = link.ping().await.unwrap_err();
    for _ in 0..1000 {
        last = link.ping().await.unwrap_err();
    }
    assert!(begun.elapsed() < DEADLINE * 10, "{:?}", begun.elapsed());
    last
}

#[tokio::test]
async fn a_frozen_server_costs_three_deadlines_and_its_old_connection_answers_when_it_thaws() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    server.freeze();
    for _ in 0..3 {
        let sent = Instant::now();
        assert_eq!(link.ping().await, Err(LinkError::Timeout));
        let took = sent.elapsed();
        assert!(took >= DEADLINE && took < DEADLINE + SLACK, "{took:?}");
    }
    assert_eq!(fails_fast(&link).await, LinkError::Silent);
    assert!(!link.health().connected);
    // Only the old connection can be the one that answers.
    proxy.set(Fault::Refuse).await;
    server.thaw();
    assert!(link.connected_within(PATIENCE).await);
    link.ping().await.unwrap();
    assert!(link.health().reconnects <= 1, "{:?}", link.health());
}

#[tokio::test]
async fn while_it_is_silent_one_probe_is_sent_however_many_calls_there_are() {
    let server = RedisServer::start().await;
    let link = connected(server.address()).await;
    let before: u64 = server
        .info("total_commands_processed")
        .await
        .unwrap()
        .parse()
        .unwrap();
    server.freeze();
    until(&link, |answer| *answer == Err(LinkError::Silent)).await;
    fails_fast(&link).await;
    server.thaw();
    assert!(link.connected_within(PATIENCE).await);
    link.ping().await.unwrap();
    let after: u64 = server
        .info("total_commands_processed")
        .await
        .unwrap()
        .parse()
        .unwrap();
    assert!(after - before < 60, "{} commands", after - before);
}

#[tokio::test]
async fn a_half_open_connection_is_replaced_by_one_beside_it() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    proxy.half_open();
    until(&link, Result::is_ok).await;
    assert_eq!(link.health().reconnects, 1);
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_black_hole_is_left_for_a_new_connection_when_it_ends() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    proxy.set(Fault::BlackHole).await;
    until(&link, |answer| *answer == Err(LinkError::Silent)).await;
    fails_fast(&link).await;
    proxy.set(Fault::Pass).await;
    until(&link, Result::is_ok).await;
    assert!(link.health().reconnects >= 1);
    let failed = link.health().last_error.unwrap();
    assert!(
        failed.contains("does not answer") || failed.contains("too long"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_stalled_network_delivers_late_and_no_answer_is_taken_for_another() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    proxy.set(Fault::Delay(Duration::from_millis(400))).await;
    for _ in 0..3 {
        let sent = Instant::now();
        assert_eq!(link.ping().await, Err(LinkError::Timeout));
        assert!(sent.elapsed() < DEADLINE + SLACK);
    }
    proxy.set(Fault::Pass).await;
    until(&link, Result::is_ok).await;
}

#[tokio::test]
async fn a_killed_server_is_noticed_at_once_and_found_again_when_it_is_back() {
    let mut server = RedisServer::start().await;
    let link = connected(server.address()).await;
    server.stop();
    until(&link, |answer| {
        *answer == Err(LinkError::Down(Cause::ConnectionRefused))
    })
    .await;
    fails_fast(&link).await;
    server.restart().await;
    until(&link, Result::is_ok).await;
    let health = link.health();
    assert!(health.connected && health.reconnects == 1, "{health:?}");
}

#[tokio::test]
async fn a_reset_or_a_kill_of_the_connection_is_made_good_at_once() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    proxy.reset();
    until(&link, Result::is_ok).await;
    server
        .command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
    until(&link, |_| link.health().reconnects == 2).await;
    until(&link, Result::is_ok).await;
}

#[tokio::test]
async fn it_starts_while_there_is_no_server_and_connects_when_there_is() {
    let mut server = RedisServer::start().await;
    server.stop();
    let link = Link::start(config(server.address())).unwrap();
    assert!(matches!(link.ping().await, Err(LinkError::Down(_))));
    assert!(!link.connected_within(Duration::from_millis(20)).await);
    server.restart().await;
    assert!(link.connected_within(PATIENCE).await);
    assert_eq!(link.health().reconnects, 0);
}

#[tokio::test]
async fn a_wrong_or_missing_password_is_told_and_not_shown() {
    let server = RedisServer::builder().password("open5esame").start().await;
    let told = |link: &Link, code: &'static str| {
        let down = LinkError::Down(Cause::Authentication(code));
        assert!(!format!("{link:?}").contains("hunter2"));
        move |answer: &Result<(), LinkError>| *answer == Err(down.clone())
    };
    let missing = Link::start(config(server.address())).unwrap();
    until(&missing, told(&missing, "NOAUTH")).await;
    let wrong = config(server.address()).with_password(Secret::from("hunter2"));
    let wrong = Link::start(wrong).unwrap();
    until(&wrong, told(&wrong, "AUTH")).await;
    let health = wrong.health().last_error.unwrap();
    assert!(
        health.contains("password") && !health.contains("hunter2"),
        "{health}"
    );
    let right = config(server.address()).with_password(Secret::from("open5esame"));
    let right = Link::start(right).unwrap();
    until(&right, Result::is_ok).await;
}

#[tokio::test]
async fn a_password_that_nobody_asked_for_is_not_quoted_either() {
    let server = RedisServer::builder()
        .option("rename-command", "AUTH \"\"")
        .start()
        .await;
    let link = config(server.address()).with_password(Secret::from("hunter2"));
    let link = Link::start(link).unwrap();
    until(&link, |_| link.health().last_error.is_some()).await;
    let error = link.ping().await.unwrap_err();
    assert!(matches!(&error, LinkError::Down(_)), "{error:?}");
    for said in [error.to_string(), format!("{error:?} {link:?}")] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_replica_is_refused_until_it_is_promoted() {
    let primary = RedisServer::start().await;
    let replica = RedisServer::builder().replica_of(&primary).start().await;
    let link = Link::start(config(replica.address())).unwrap();
    until(&link, |answer| {
        *answer == Err(LinkError::Down(Cause::Replica))
    })
    .await;
    replica.promote().await;
    until(&link, Result::is_ok).await;
}

#[tokio::test]
async fn more_calls_than_may_be_under_way_fail_at_once() {
    let server = RedisServer::start().await;
    let link = Link::start(config(server.address()).with_most_calls(2)).unwrap();
    assert!(link.connected_within(PATIENCE).await);
    server.freeze();
    let answers = tokio::join!(link.ping(), link.ping(), link.ping());
    assert_eq!(answers.2, Err(LinkError::Busy));
    assert_eq!(answers.0, Err(LinkError::Timeout));
    assert_eq!(answers.1, Err(LinkError::Timeout));
}

#[tokio::test]
async fn an_old_connection_is_replaced_without_a_failed_call() {
    let server = RedisServer::start().await;
    let link = config(server.address())
        .with_max_age(Duration::from_secs(1))
        .with_deadline(Duration::from_secs(5));
    let link = Link::start(link).unwrap();
    assert!(link.connected_within(PATIENCE).await);
    while link.health().reconnects < 2 {
        assert_eq!(link.ping().await, Ok(()));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_last_handle_takes_the_connection_and_the_task_with_it() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let link = connected(proxy.address()).await;
    let clone = link.clone();
    drop(link);
    clone.ping().await.unwrap();
    drop(clone);
    // The connection belongs to the task.
    server.until(async |_| proxy.open() == 0).await;
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told() {
    let config = RedisConfig::parse("redis://no-such-host.invalid").unwrap();
    let link = Link::start(config.with_connect_deadline(Duration::from_secs(5))).unwrap();
    until(&link, |_| link.health().last_error.is_some()).await;
    let error = link.ping().await.unwrap_err();
    let told = [Cause::Unresolved, Cause::Timeout].map(LinkError::Down);
    assert!(told.contains(&error), "{error:?}");
}
