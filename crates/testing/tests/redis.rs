//! A redis-server of one's own: what it does at the word of a test.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::TcpStream;
use std::time::Duration;

use portcullis_testing::{RedisServer, Reply};

async fn set_and_get(server: &RedisServer, value: &str) -> Reply {
    server.command(&["SET", "key", value]).await;
    server.command(&["GET", "key"]).await
}

#[tokio::test]
async fn it_answers_where_it_says_and_ends_when_it_is_dropped() {
    let server = RedisServer::start().await;
    assert_eq!(set_and_get(&server, "value").await, "value");
    assert_eq!(server.command(&["GET", "other"]).await, Reply::Nil);
    let wrong = server.command(&["NO-SUCH-COMMAND"]).await;
    assert!(matches!(wrong, Reply::Error(_)), "{wrong:?}");
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn what_is_killed_comes_back_with_what_it_was_to_keep() {
    let mut durable = RedisServer::builder().durable().start().await;
    assert_eq!(set_and_get(&durable, "kept").await, "kept");
    let address = durable.address();
    durable.stop();
    assert!(TcpStream::connect(address).is_err());
    durable.restart().await;
    assert_eq!(durable.address(), address);
    assert_eq!(durable.command(&["GET", "key"]).await, "kept");
    durable.restart_empty().await;
    assert_eq!(durable.command(&["DBSIZE"]).await, "0");

    let mut forgetful = RedisServer::start().await;
    assert_eq!(set_and_get(&forgetful, "lost").await, "lost");
    forgetful.restart().await;
    assert_eq!(forgetful.command(&["DBSIZE"]).await, "0");
    assert_eq!(set_and_get(&forgetful, "x").await, "x");
    forgetful.flush().await;
    assert_eq!(forgetful.command(&["DBSIZE"]).await, "0");
}

#[tokio::test]
async fn a_frozen_server_accepts_and_does_not_answer_until_it_is_thawed() {
    let server = RedisServer::start().await;
    server.freeze();
    let asked = server.command(&["SET", "key", "late"]);
    let asked = tokio::time::timeout(Duration::from_millis(200), asked);
    assert!(asked.await.is_err());
    server.thaw();
    // What was said meanwhile is done.
    server
        .until(async |server| server.command(&["GET", "key"]).await == "late")
        .await;
}

#[tokio::test]
async fn a_replica_follows_until_it_is_promoted() {
    let primary = RedisServer::builder().password("open5esame").start().await;
    let builder = RedisServer::builder().password("open5esame");
    let replica = builder.replica_of(&primary).start().await;
    primary.command(&["SET", "key", "copied"]).await;
    replica
        .until(async |replica| replica.command(&["GET", "key"]).await == "copied")
        .await;
    let refused = replica.command(&["SET", "key", "mine"]).await;
    assert!(matches!(&refused, Reply::Error(why) if why.starts_with("READONLY")));
    replica.promote().await;
    assert_eq!(set_and_get(&replica, "mine").await, "mine");
    primary.follow(&replica).await;
    assert_eq!(primary.info("role").await.unwrap(), "slave");
}

#[tokio::test]
async fn options_and_passwords_are_in_force() {
    let builder = RedisServer::builder().option("maxmemory-policy", "allkeys-lru");
    let server = builder.password("open5esame").start().await;
    let policy = server.command(&["CONFIG", "GET", "maxmemory-policy"]).await;
    let Reply::List(policy) = policy else {
        panic!("{policy:?}")
    };
    assert_eq!(policy[1], "allkeys-lru");
    assert_eq!(server.password(), Some("open5esame"));
    assert!(!server.url().contains("open5esame"));
    assert!(server.log().contains("Ready to accept connections"));
}

#[tokio::test]
#[should_panic(expected = "redis-server did not start")]
async fn a_wrong_option_is_told() {
    RedisServer::builder().option("nonsense", "1").start().await;
}
