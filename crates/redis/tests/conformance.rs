//! The contract of the log, on a real server.
#![cfg(all(unix, feature = "revocation"))]

mod support;

use portcullis_core::Secret;
use portcullis_redis::RedisLog;
use portcullis_revocation::conformance;
use portcullis_testing::RedisServer;

use self::support::log_on;

#[tokio::test]
async fn the_log_on_redis_keeps_the_contract() {
    let server = RedisServer::start().await;
    conformance::all(async || {
        server.flush().await;
        log_on(&server).await
    })
    .await;
}

#[tokio::test]
async fn the_log_on_a_primary_with_replicas_keeps_the_contract() {
    let primary = RedisServer::builder()
        .option("min-replicas-to-write", "1")
        .start()
        .await;
    let _replica = RedisServer::builder().replica_of(&primary).start().await;
    conformance::all(async || {
        primary.flush().await;
        let log = support::builder(&primary).with_replicas(1);
        support::connected(log).await
    })
    .await;
}

#[tokio::test]
async fn the_rights_that_the_documentation_names_suffice() {
    let server = RedisServer::start().await;
    // As the README says.
    let rights = "resetkeys ~portcullis:{rv}:* resetchannels &portcullis:{rv}:hint -@all +eval +evalsha \
        +info +ping +wait +subscribe +time +publish +del +@hash +@sortedset +@stream";
    let mut words = vec!["ACL", "SETUSER", "gate", "on", ">open5esame"];
    words.extend(rights.split_whitespace());
    assert_eq!(server.command(&words).await, "OK");
    conformance::all(async || {
        server.flush().await;
        let config = support::config(server.address())
            .with_username("gate")
            .with_password(Secret::from("open5esame"));
        support::connected(RedisLog::builder(config)).await
    })
    .await;
}
