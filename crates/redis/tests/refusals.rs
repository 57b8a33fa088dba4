//! Servers that will not do, entries that cannot be read: each loud and specific.
#![cfg(all(unix, feature = "revocation"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use portcullis_core::Secret;
use portcullis_redis::RedisLog;
use portcullis_revocation::LogError;
use portcullis_revocation::log::{Anchor, Refused};
use portcullis_revocation::{BadEntry, Check, Trouble};
use portcullis_testing::{RedisServer, Reply};

use self::support::node::Node;
use self::support::{
    append, awaited, builder, config, connected, id, log_on, order, poll, set, until,
};

const META: &str = "portcullis:{rv}:meta";
const SET: &str = "portcullis:{rv}:set";
const EXPIRY: &str = "portcullis:{rv}:expiry";
const LOG: &str = "portcullis:{rv}:log";

fn refused<T>(answer: &Result<T, LogError>) -> Option<&Refused> {
    match answer {
        Err(LogError::Refused(refused)) => Some(refused),
        _ => None,
    }
}

#[tokio::test]
async fn a_server_that_may_evict_is_refused_when_connecting_and_when_it_changes() {
    let server = RedisServer::builder()
        .option("maxmemory-policy", "allkeys-lru")
        .start()
        .await;
    let evicts = |answer: &Result<_, LogError>| matches!(refused(answer), Some(Refused::EvictionPolicy(policy)) if policy == "allkeys-lru");
    let log = builder(&server).start().unwrap();
    until(async || poll(&log, None).await.map(|_| ()), evicts).await;
    until(async || append(&log, 1).await.map(|_| ()), evicts).await;
    assert_eq!(
        server.command(&["DBSIZE"]).await,
        "0",
        "nothing was written"
    );
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"])
        .await;
    until(async || poll(&log, None).await, Result::is_ok).await;
    server
        .command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    assert!(evicts(&poll(&log, None).await.map(|_| ())));
}

#[tokio::test]
async fn no_key_of_the_log_expires_by_itself() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    poll(&log, None).await.unwrap();
    let Reply::List(keys) = server.command(&["KEYS", "*"]).await else {
        panic!("no list");
    };
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in keys {
        let key = key.text().unwrap();
        assert!(key.starts_with("portcullis:{rv}:"), "{key}");
        assert_eq!(server.command(&["TTL", key]).await, "-1", "{key}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_polls_and_appends_and_nothing_is_half_done() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    let node = Node::new(log_on(&server).await);
    node.until_synced().await;
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    let full = Some(&Refused::OutOfMemory);
    assert_eq!(refused(&append(&log, 2).await), full);
    assert_eq!(refused(&poll(&log, None).await), full);
    assert_eq!(refused(&log_reassert(&log).await), full);
    // What is there can be read; the view ages, loudly.
    assert_eq!(set(&log, 10).await.unwrap().len(), 1);
    node.until_troubled("out_of_memory").await;
    node.until_stale().await;
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    node.until_synced().await;
    let page = poll(&log, Some(Anchor::default())).await.unwrap();
    assert_eq!((page.head.seq, page.changes.len()), (1, 1));
    assert_eq!(append(&log, 2).await.unwrap().records[0].0, id(2));
}

async fn log_reassert(log: &RedisLog) -> Result<(), LogError> {
    use portcullis_revocation::RevocationLog as _;
    let record = set(log, 10).await?[0].1;
    log.reassert(vec![(id(7), record)]).await
}

#[tokio::test]
async fn a_replica_is_refused_when_connecting_and_when_it_becomes_one() {
    let primary = RedisServer::start().await;
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    // Demoted while we are connected: found out by the next write, and again by the next hand-shake.
    server.follow(&primary).await;
    let read_only = |answer: &Result<_, LogError>| refused(answer) == Some(&Refused::ReadOnly);
    assert!(read_only(&append(&log, 2).await.map(|_| ())));
    assert!(read_only(&poll(&log, None).await.map(|_| ())));
    until(async || poll(&log, None).await.map(|_| ()), read_only).await;
    until(async || log.health(), |health| !health.connected).await;
    server.promote().await;
    until(async || poll(&log, None).await, Result::is_ok).await;
    until(async || append(&log, 2).await, Result::is_ok).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    let server = RedisServer::builder().password("open5esame").start().await;
    let wrong = config(server.address()).with_password(Secret::from("hunter2"));
    let log = RedisLog::builder(wrong).start().unwrap();
    let refuses = |answer: &Result<_, LogError>| refused(answer) == Some(&Refused::Authentication);
    until(async || poll(&log, None).await.map(|_| ()), refuses).await;
    until(async || append(&log, 1).await.map(|_| ()), refuses).await;
    let node = Node::new(log);
    node.until_troubled("authentication").await;
    assert_eq!(node.check("nobody"), Check::NeverSynced);
    assert!(!format!("{:?}", node.health()).contains("hunter2"));
    let right = config(server.address()).with_password(Secret::from("open5esame"));
    let log = connected(RedisLog::builder(right)).await;
    append(&log, 1).await.unwrap();
}

#[tokio::test]
async fn a_log_of_another_version_is_neither_read_nor_touched() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    server.command(&["HSET", META, "version", "2"]).await;
    let before = server.command(&["HGETALL", META]).await;
    let other = Err(LogError::OtherVersion(2));
    assert_eq!(poll(&log, None).await.map(|_| ()), other);
    assert_eq!(append(&log, 2).await.map(|_| ()), other);
    assert_eq!(set(&log, 10).await.map(|_| ()), other);
    assert_eq!(server.command(&["HGETALL", META]).await, before);
    let node = Node::new(log);
    node.until_troubled("other_version").await;
}

/// Puts an entry into the tail as another program might.
async fn plant(server: &RedisServer, record: &str) {
    let seq: u64 = server
        .command(&["HGET", META, "seq"])
        .await
        .text()
        .unwrap()
        .parse()
        .unwrap();
    let seq = (seq + 1).to_string();
    let mark = "e".repeat(32);
    let id = id(9).to_string();
    let entry = [
        "XADD",
        LOG,
        &format!("{seq}-0"),
        "i",
        &id,
        "r",
        record,
        "m",
        &mark,
        "t",
        "9999999999999",
    ];
    server.command(&entry).await;
    server
        .command(&["HSET", META, "seq", &seq, "mark", &mark])
        .await;
}

#[tokio::test]
async fn an_entry_of_the_tail_that_cannot_be_read_blocks_loudly() {
    for (record, bad) in [
        ("nonsense", BadEntry::Malformed),
        ("2 t r 1 1 1 and more", BadEntry::OtherVersion(2)),
    ] {
        let server = RedisServer::start().await;
        let log = log_on(&server).await;
        append(&log, 1).await.unwrap();
        let node = Node::new(log_on(&server).await);
        node.until_synced().await;
        plant(&server, record).await;
        let page = poll(&log, Some(Anchor::default())).await.unwrap();
        assert_eq!(page.changes[1].entry, Err(bad));
        let blocked = |troubles: &Vec<Trouble>| troubles.contains(&Trouble::BadEntry(bad));
        until(async || node.troubles(), blocked).await;
        node.until_stale().await;
        // What can be read is known nevertheless.
        append(&log, 3).await.unwrap();
        until(async || node.health().entries, |entries| *entries == 2).await;
    }
}

#[tokio::test]
async fn an_entry_of_the_set_that_cannot_be_read_blocks_loudly_and_is_not_overwritten() {
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    poll(&log, None).await.unwrap();
    let planted = id(1).to_string();
    server.command(&["HSET", SET, &planted, "3 whatever"]).await;
    server
        .command(&["ZADD", EXPIRY, "9999999999999", &planted])
        .await;
    assert_eq!(
        append(&log, 1).await.map(|_| ()),
        Err(LogError::OtherVersion(3))
    );
    assert_eq!(server.command(&["HGET", SET, &planted]).await, "3 whatever");
    let node = Node::new(log_on(&server).await);
    node.until_troubled("entry_of_other_version").await;
    server.command(&["HSET", SET, &planted, ""]).await;
    assert_eq!(
        append(&log, 1).await.map(|_| ()),
        Err(LogError::Malformed("entry"))
    );
    // An id that stands in the order but has no record at all.
    server.command(&["HDEL", SET, &planted]).await;
    let node = Node::new(log_on(&server).await);
    node.until_troubled("bad_entry").await;
    assert_eq!(node.check("nobody"), Check::NeverSynced);
    append(&log, 1).await.unwrap();
    Node::new(log).until_synced().await;
}

#[tokio::test]
async fn a_node_with_another_secret_is_not_synced() {
    let server = RedisServer::start().await;
    let node = Node::new(log_on(&server).await);
    node.until_synced().await;
    let other = Node::of(log_on(&server).await, b'y', 1000);
    other.until_troubled("secret_young").await;
    assert_eq!(other.check("nobody"), Check::NeverSynced);
    node.until_troubled("other_secrets").await;
}

#[tokio::test]
async fn scripts_are_loaded_again_where_a_server_forgot_them() {
    let mut server = RedisServer::builder().durable().start().await;
    let log = log_on(&server).await;
    append(&log, 1).await.unwrap();
    server.command(&["SCRIPT", "FLUSH"]).await;
    append(&log, 2).await.unwrap();
    assert_eq!(poll(&log, None).await.unwrap().head.seq, 2);
    server.restart().await;
    until(async || append(&log, 3).await, Result::is_ok).await;
    let set = awaited(async || set(&log, 2).await, Result::is_ok).await;
    assert_eq!(set.unwrap().len(), 3);
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    use portcullis_revocation::RevocationLog as _;
    use portcullis_revocation::log::Cursor;
    let server = RedisServer::start().await;
    let log = log_on(&server).await;
    let before_any_poll = log.snapshot(None, 10).await;
    assert!(refused(&before_any_poll).is_some(), "{before_any_poll:?}");
    append(&log, 1).await.unwrap();
    for cursor in ["", " ", "x y", "(1 a", "1"] {
        let answer = log.snapshot(Some(Cursor(cursor.into())), 10).await;
        assert_eq!(
            answer.map(|_| ()),
            Err(LogError::Malformed("cursor")),
            "{cursor}"
        );
    }
}

#[tokio::test]
async fn the_same_order_after_a_freeze_is_done_once() {
    use portcullis_revocation::RevocationLog as _;
    let server = RedisServer::start().await;
    let config = config(server.address()).with_deadline(std::time::Duration::from_millis(50));
    let log = RedisLog::builder(config).with_deadline(std::time::Duration::from_millis(50));
    let log = connected(log).await;
    let order = order(1);
    server.freeze();
    for _ in 0..2 {
        // Nobody knows whether it is done: it will be.
        assert_eq!(
            log.append(order.clone()).await.map(|_| ()),
            Err(LogError::Timeout)
        );
    }
    server.thaw();
    until(async || log.append(order.clone()).await, Result::is_ok).await;
    assert_eq!(poll(&log, None).await.unwrap().head.seq, 1);
}
