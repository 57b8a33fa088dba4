//! A primary with three replicas splits: with a quorum there is a bound, without one there is none and it is told.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis_testing::{Fault, FaultProxy, RedisServer};

use super::{Races, one_within};
use crate::kit::Kit;
use crate::node::{Node, Setup};
use crate::report::{Budgets, millis};

pub(crate) const TITLE: &str = "three replicas split";

const REPLICAS: u32 = 3;
/// How many revocations are ordered on the other side.
const RACES: usize = 200;

/// Nodes that stay with the old primary, while the other side elects another and revokes there.
pub(crate) async fn run(kit: &Kit, setup: &Setup, budgets: &mut Budgets) {
    let primary = RedisServer::start().await;
    let mut replicas = Vec::new();
    let mut proxies = Vec::new();
    for _ in 0..REPLICAS {
        let proxy = FaultProxy::start(primary.address()).await;
        let source = format!("{} {}", proxy.address().ip(), proxy.address().port());
        let replica = RedisServer::builder().option("replicaof", &source);
        replicas.push(replica.start().await);
        proxies.push(proxy);
    }
    for replica in &replicas {
        let up = async |replica: &RedisServer| {
            replica.info("master_link_status").await.as_deref() == Some("up")
        };
        replica.until(up).await;
    }
    let mut quorum = setup.clone();
    quorum.replicas = Some(REPLICAS);
    let with = Node::start(primary.address(), kit.jwk(), &quorum).await;
    let without = Node::start(primary.address(), kit.jwk(), setup).await;
    let told = |health: &portcullis_revocation::Health| {
        health
            .troubles
            .iter()
            .any(|one| one.label() == "quorum_unchecked")
    };
    without.until("unbounded", told).await;
    let bound = with.health().bound.expect("a quorum was configured");
    let lag = bound - setup.freshness;
    println!(
        "  with a quorum configured: S = {} s, L as computed: {} s; without: {}",
        setup.freshness.as_secs(),
        lag.as_secs(),
        without
            .health()
            .bound
            .map_or("unbounded".to_owned(), millis),
    );
    budgets.fact(
        "revocation, three replicas, no quorum configured",
        "health says that there is no bound",
        without.health().bound.is_none(),
    );

    // The network splits between the primary and its replicas, and these elect one of their own.
    for proxy in &proxies {
        proxy.set(Fault::BlackHole).await;
    }
    replicas[0].promote().await;
    for replica in &replicas[1..] {
        replica.follow(&replicas[0]).await;
    }
    let there = Node::start(replicas[0].address(), kit.jwk(), &quorum).await;
    let tokens = kit.tokens(RACES);
    let nodes = [&with, &without];
    let patience = bound + Duration::from_secs(2);
    let races = tokens.iter().map(|token| async {
        tokio::time::sleep(Duration::from_millis(500).mul_f64(fastrand::f64())).await;
        one_within(&nodes, &there, token, patience).await
    });
    let races = Races {
        outcomes: join_all(races).await,
    };
    let spans = races.accepted(0..1);
    let crossed = races.outcomes.iter().filter(|one| one.nodes[0].refused);
    println!(
        "  {} revocations on the other side, {} of them raced; accepted with a quorum: at most {}; without: still after {}",
        races.outcomes.len(),
        races.raced(),
        millis(spans.longest()),
        millis(races.accepted(1..2).longest()),
    );
    budgets.must(crossed.count() == 0, || {
        format!("{TITLE}: a revocation crossed the split, so it was none")
    });
    budgets.must(races.accepted(1..2).longest() > bound, || {
        format!("{TITLE}: the old primary was not followed without a quorum, so it was no split")
    });
    budgets.span(
        &format!("revocation, {TITLE}, quorum configured, S + L"),
        spans.longest(),
        bound,
    );
}
