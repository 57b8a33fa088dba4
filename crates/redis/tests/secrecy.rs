//! What is in the store says nothing of whom it is about.
#![cfg(all(unix, feature = "revocation"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use portcullis_revocation::{Order, Target};
use portcullis_testing::RedisServer;

use self::support::log_on;
use self::support::node::Node;

fn has(dump: &[u8], text: &[u8]) -> bool {
    dump.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_dump_of_the_store_has_no_raw_name_and_no_secret() {
    let server = RedisServer::builder()
        .option("rdbcompression", "no")
        .start()
        .await;
    let node = Node::new(log_on(&server).await);
    node.until_synced().await;
    let issuer = "https://issuer.canary.example";
    let token = "aGVhZGVyLWNhbmFyeQ.cGF5bG9hZC1jYW5hcnk.c2lnbmF0dXJlLWNhbmFyeQ";
    let targets = [
        Target::token(issuer, "jti-canary"),
        Target::jwt(issuer, token).unwrap(),
        Target::opaque(issuer, "opaque-canary"),
        Target::session(issuer, "session-canary"),
        Target::subject(issuer, "subject-canary"),
        Target::client(issuer, "client-canary"),
        Target::key(issuer, "key-canary"),
        Target::tenant(issuer, "tenant-canary"),
    ];
    let order = Order::revoke(targets).because("reason-canary").unwrap();
    node.revoker().submit(&order).await.unwrap();
    // The search finds what is there.
    server.command(&["SET", "planted", "planted-canary"]).await;
    assert_eq!(server.command(&["SAVE"]).await, "OK");
    let dump = std::fs::read(server.folder().join("dump.rdb")).unwrap();
    assert!(has(&dump, b"planted-canary") && has(&dump, b"portcullis:{rv}:set"));
    let at = dump
        .windows(14)
        .position(|window| window == b"planted-canary")
        .unwrap();
    let others = [&dump[..at], &dump[at + 14..]].concat();
    for raw in [
        "canary",
        issuer,
        token,
        "aGVhZGVy",
        "cGF5bG9hZC",
        "c2lnbmF0",
    ] {
        assert!(!has(&others, raw.as_bytes()), "{raw}");
    }
    assert!(!has(&dump, &[b'x'; 32]), "the secret");
}
