//! What a store may lose: all of it, the last moments, a part. Nobody is un-revoked, and it comes back.
#![cfg(all(unix, feature = "revocation"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::time::Duration;

use portcullis_redis::RedisLog;
use portcullis_revocation::log::{Anchor, RevocationLog};
use portcullis_revocation::{Check, Horizon};
use portcullis_testing::{Fault, FaultProxy, RedisServer};

use self::support::node::Node;
use self::support::{append, builder, config, connected, log_on, order, poll, set, until};

#[tokio::test]
async fn a_flush_un_revokes_nobody_and_what_was_lost_is_brought_back() {
    let server = RedisServer::start().await;
    let node = Node::new(log_on(&server).await);
    let revoker = node.revoker();
    for n in 0..50 {
        revoker
            .revoke(Node::session(&format!("s{n}")))
            .await
            .unwrap();
    }
    node.until_synced().await;
    server.flush().await;
    let log = log_on(&server).await;
    until(
        async || set(&log, 7).await.map_or(0, |set| set.len()),
        |count| *count == 50,
    )
    .await;
    assert!((0..50).all(|n| node.is_revoked(&format!("s{n}"))));
    // A node that starts now knows all of it.
    let other = Node::of(log_on(&server).await, b'x', 5);
    other.until_synced().await;
    assert!((0..50).all(|n| other.is_revoked(&format!("s{n}"))));
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_refilled() {
    let mut server = RedisServer::start().await;
    let node = Node::new(log_on(&server).await);
    node.revoker().revoke(Node::session("s")).await.unwrap();
    server.restart_empty().await;
    let log = log_on(&server).await;
    let filled = |count: &usize| *count == 1;
    until(
        async || set(&log, 7).await.map_or(0, |set| set.len()),
        filled,
    )
    .await;
    assert!(node.is_revoked("s"));
    node.until_synced().await;
}

#[tokio::test]
async fn a_failover_that_lost_an_acknowledged_entry_gets_it_back_from_whoever_saw_it() {
    let old = RedisServer::start().await;
    let new = RedisServer::builder().replica_of(&old).start().await;
    // All clients go by a name that leads to the primary.
    let name = FaultProxy::start(old.address()).await;
    let named = || RedisLog::builder(config(name.address())).with_deadline(Duration::from_secs(1));
    let node = Node::new(connected(named()).await);
    let revoker = node.revoker();
    revoker.revoke(Node::session("kept")).await.unwrap();
    until(async || node.is_clear(), |clear| *clear).await;
    let copied = async || new.command(&["HGET", "portcullis:{rv}:meta", "seq"]).await;
    until(copied, |seq| *seq == "1").await;

    // The replica hears nothing more, and the primary acknowledges.
    new.freeze();
    let ack = revoker.revoke(Node::session("lost")).await.unwrap();
    assert!(!ack.is_durable(), "{ack:?}");
    drop(old);
    new.thaw();
    new.promote().await;
    name.redirect(new.address());
    name.reset();

    // Somebody else revokes on the new primary, so the number of the newest change is the same again.
    let log = connected(named()).await;
    append(&log, 9).await.unwrap();
    assert!(poll(&log, None).await.unwrap().head.seq >= 2);
    until(
        async || set(&log, 7).await.map_or(0, |set| set.len()),
        |count| *count == 3,
    )
    .await;
    assert!(node.is_revoked("lost") && node.is_revoked("kept"));
    let other = Node::new(log);
    other.until_revoked("lost").await;
    other.until_revoked("kept").await;
}

#[tokio::test]
async fn a_restart_from_an_old_snapshot_is_noticed_and_made_good() {
    let mut server = RedisServer::start().await;
    let node = Node::new(log_on(&server).await);
    let revoker = node.revoker();
    revoker.revoke(Node::session("saved")).await.unwrap();
    assert_eq!(server.command(&["SAVE"]).await, "OK");
    revoker.revoke(Node::session("forgotten")).await.unwrap();
    server.restart().await;
    // The same epoch, and a number that was given before.
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    until(
        async || set(&log, 7).await.map_or(0, |set| set.len()),
        |count| *count == 3,
    )
    .await;
    assert!(node.is_revoked("saved") && node.is_revoked("forgotten"));
    node.until_synced().await;
}

#[tokio::test]
async fn after_an_outage_the_next_poll_finds_the_server_whatever_the_wait_between_attempts() {
    let mut server = RedisServer::builder().durable().start().await;
    let patient = config(server.address()).with_reconnect_cap(Duration::from_secs(30));
    let node = Node::new(connected(RedisLog::builder(patient)).await);
    node.until_synced().await;
    server.stop();
    // Long enough for waits of seconds.
    node.until_stale().await;
    server.restart().await;
    let back = std::time::Instant::now();
    node.until_synced().await;
    // Polls are 100 ms apart, and ask for an attempt each 250 ms at most.
    assert!(
        back.elapsed() < Duration::from_millis(1200),
        "{:?}",
        back.elapsed()
    );
}

#[tokio::test]
async fn a_log_without_a_part_of_it_begins_anew_under_another_name() {
    for part in ["meta", "log", "set", "expiry"] {
        let server = RedisServer::start().await;
        let node = Node::new(log_on(&server).await);
        node.revoker().revoke(Node::session("s")).await.unwrap();
        node.until_synced().await;
        let log = log_on(&server).await;
        let before = poll(&log, None).await.unwrap().epoch;
        server
            .command(&["DEL", &format!("portcullis:{{rv}}:{part}")])
            .await;
        if ["meta", "log"].contains(&part) {
            assert_ne!(poll(&log, None).await.unwrap().epoch, before, "{part}");
        }
        // A node that starts later either knows it or says that it cannot.
        let other = Node::new(log);
        until(async || other.check("s"), |check| *check != Check::Clear).await;
        append(&log_on(&server).await, 1).await.unwrap();
        assert!(node.is_revoked("s"));
    }
}

#[tokio::test]
async fn the_tail_is_trimmed_by_the_horizon_and_never_its_newest() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    poll(&log, None).await.unwrap();
    for n in 0..5 {
        append(&log, n).await.unwrap();
    }
    let first = poll(&log, Some(Anchor::default())).await.unwrap().changes[0].at;
    // As if a horizon had passed.
    server
        .command(&["HSET", "portcullis:{rv}:meta", "keep", "1"])
        .await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let page = poll(&log, Some(first)).await.unwrap();
    assert_eq!(page.changes.len(), 1);
    assert_eq!(page.changes[0].at, page.head);
    assert_eq!(page.head.seq, 5);
    server
        .command(&["HSET", "portcullis:{rv}:meta", "keep", "86760000"])
        .await;
    append(&log, 6).await.unwrap();
    assert_eq!(poll(&log, Some(page.head)).await.unwrap().changes.len(), 2);
    assert_eq!(Horizon::DEFAULT.keep().as_millis(), 86_760_000);
}

#[tokio::test]
async fn what_expired_leaves_the_set_and_what_did_not_stays() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    let now = poll(&log, None).await.unwrap().server_time;
    let mut soon = order(1);
    soon.changes = (0..10)
        .map(|n| {
            let expires = Some(now + Duration::from_millis(if n < 5 { 1 } else { 60_000 }));
            let kind = portcullis_revocation::Kind::Token;
            (
                support::id(n),
                portcullis_revocation::log::Edit::Revoke { kind, expires },
            )
        })
        .collect();
    log.append(soon).await.unwrap();
    let left = async || {
        poll(&log, None).await.unwrap();
        set(&log, 3).await.unwrap().len()
    };
    until(left, |count| *count == 5).await;
    assert_eq!(
        server.command(&["ZCARD", "portcullis:{rv}:expiry"]).await,
        "5"
    );
}

#[tokio::test]
async fn ten_thousand_revocations_in_a_burst_are_read_page_by_page() {
    let server = RedisServer::start().await;
    let node = Node::of(log_on(&server).await, b'x', 100);
    node.until_synced().await;
    let revoker = node.revoker();
    let other = Node::of(log_on(&server).await, b'x', 100);
    other.until_synced().await;
    for batch in 0..20 {
        let targets = (0..500).map(|n| Node::session(&format!("s{batch}-{n}")));
        let order = portcullis_revocation::Order::revoke(targets);
        revoker.submit(&order).await.unwrap();
    }
    until(
        async || other.health().entries,
        |entries| *entries == 10_000,
    )
    .await;
    assert!(other.is_revoked("s0-0") && other.is_revoked("s19-499"));
    let late = Node::of(log_on(&server).await, b'x', 100);
    until(async || late.health(), |health| health.synced).await;
    assert_eq!(late.health().entries, 10_000);
    assert!(late.is_revoked("s7-77"));
}

#[tokio::test]
async fn without_a_single_hint_polls_bring_everything() {
    let server = RedisServer::start().await;
    let revoking = log_on(&server).await;
    // Messages are published elsewhere than where anybody listens.
    server
        .command(&["ACL", "SETUSER", "default", "resetchannels"])
        .await;
    let node = Node::new(log_on(&server).await);
    node.until_synced().await;
    append(&revoking, 3).await.unwrap();
    until(async || node.health().entries, |entries| *entries == 1).await;
}

#[tokio::test]
async fn a_hint_brings_a_revocation_long_before_the_next_poll() {
    let server = RedisServer::start().await;
    let secrets = support::node::secrets(b'x');
    let slow = portcullis_revocation::Revocation::builder(secrets, log_on(&server).await)
        .with_poll_every(Duration::from_secs(40))
        .with_max_age(Duration::from_secs(100))
        .start()
        .unwrap();
    let log = log_on(&server).await;
    until(async || slow.health(), |health| health.synced).await;
    // The subscription may come later than the first poll: one of these is heard.
    let heard = async || {
        append(&log, 1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        slow.health().entries
    };
    until(heard, |entries| *entries == 1).await;
}

#[tokio::test]
async fn cut_off_it_grows_stale_and_recovers_with_the_first_poll_after() {
    let server = RedisServer::start().await;
    let proxy = FaultProxy::start(server.address()).await;
    let mine = config(proxy.address()).with_deadline(Duration::from_millis(50));
    let log = RedisLog::builder(mine).with_deadline(Duration::from_millis(200));
    let node = Node::new(connected(log).await);
    node.until_synced().await;
    let others = log_on(&server).await;
    for fault in [Fault::BlackHole, Fault::Refuse, Fault::Stall] {
        assert!(node.is_clear());
        proxy.set(fault).await;
        if fault == Fault::Refuse {
            proxy.reset();
        }
        append(&others, 1).await.unwrap();
        node.until_stale().await;
        assert!(!node.troubles().is_empty());
        proxy.set(Fault::Pass).await;
        node.until_synced().await;
        assert_eq!(node.health().entries, 1);
    }
    drop(builder(&server));
}
