//! What the tests of the log have in common.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses some of it; a test that cannot go on should stop"
)]

pub(crate) mod node;

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use portcullis_redis::{RedisConfig, RedisLog, RedisLogBuilder};
use portcullis_revocation::log::{
    Anchor, Append, Appended, Edit, Epoch, LogError, OpId, Page, Poll, RevocationLog,
};
use portcullis_revocation::{Id, Kind, Record};
use portcullis_testing::RedisServer;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration with deadlines for a busy machine.
pub(crate) fn config(address: SocketAddr) -> RedisConfig {
    RedisConfig::parse(&format!("redis://{address}"))
        .unwrap()
        .with_deadline(Duration::from_secs(1))
        .with_connect_deadline(Duration::from_secs(2))
        .with_reconnect_cap(Duration::from_millis(500))
}

pub(crate) fn builder(server: &RedisServer) -> RedisLogBuilder {
    RedisLog::builder(config(server.address()))
        .with_deadline(Duration::from_secs(1))
        .with_durable_within(Duration::from_secs(1))
}

pub(crate) async fn connected(builder: RedisLogBuilder) -> RedisLog {
    let log = builder.start().unwrap();
    assert!(log.connected_within(PATIENCE).await, "{log:?}");
    log
}

pub(crate) async fn log_on(server: &RedisServer) -> RedisLog {
    connected(builder(server)).await
}

pub(crate) fn id(n: u8) -> Id {
    Id::from_bytes([n + 1; 16])
}

pub(crate) const fn revoke() -> Edit {
    Edit::Revoke {
        kind: Kind::Session,
        expires: None,
    }
}

/// An order written under the secret of the nodes.
pub(crate) fn order(n: u8) -> Append {
    let mut order = Append::new(OpId::random(), Epoch::random(), vec![(id(n), revoke())]);
    order.fingerprints = node::secrets(b'x').fingerprints().collect();
    order
}

pub(crate) async fn append(log: &RedisLog, n: u8) -> Result<Appended, LogError> {
    log.append(order(n)).await
}

pub(crate) async fn poll(log: &RedisLog, anchor: Option<Anchor>) -> Result<Page, LogError> {
    let mut poll = Poll::new(Epoch::random(), Vec::new());
    poll.anchor = anchor;
    log.poll(poll).await
}

/// The whole set.
pub(crate) async fn set(log: &RedisLog, limit: usize) -> Result<Vec<(Id, Record)>, LogError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = log.snapshot(cursor, limit).await?;
        all.extend(page.entries.into_iter().map(Result::unwrap));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// Asks again until the answer is as it should be.
pub(crate) async fn until<T: Debug>(ask: impl AsyncFn() -> T, holds: impl Fn(&T) -> bool) {
    drop(awaited(ask, holds).await);
}

/// The same, and gives the answer.
pub(crate) async fn awaited<T: Debug>(ask: impl AsyncFn() -> T, holds: impl Fn(&T) -> bool) -> T {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if holds(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:?} for too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
