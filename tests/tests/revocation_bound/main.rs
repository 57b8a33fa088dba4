//! The bound: what was revoked is refused by the poll after it, and by a node that is cut off as soon as its view is too
//! old. Requests race revocations in real time, so nothing here waits for a span to pass; what is asserted holds
//! whatever the machine does meanwhile.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod docs;
mod node;
mod race;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream;
use portcullis_revocation::{MemoryLog, RevocationLog};

use self::node::{Node, POLL_DEADLINE, POLL_EVERY, S, Tokens};
use self::race::{Outcome, race};

/// Revocations in all, and at a time.
const RACES: usize = 200;
const AT_A_TIME: usize = 50;
/// A race ends by itself long before.
const PATIENCE: Duration = Duration::from_secs(30);

async fn one(nodes: &[Node], tokens: &Tokens, number: usize, revokers: usize) -> Outcome {
    let (bearer, target) = tokens.token(number);
    let ask = |node: usize| nodes[node].ask(&bearer);
    let revoke = async {
        let revoker = nodes[number % revokers].revocation.revoker();
        revoker.revoke(target).await.unwrap();
    };
    race(nodes.len(), ask, revoke, PATIENCE).await
}

/// Lets requests on three nodes race revocations.
async fn races(nodes: &[Node], tokens: &Tokens, revokers: usize) -> Vec<Outcome> {
    let each = (0..RACES).map(|number| one(nodes, tokens, number, revokers));
    let outcomes: Vec<_> = stream::iter(each)
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let raced = outcomes.iter().filter(|one| one.is_race()).count();
    assert!(raced > RACES / 4, "only {raced} of {RACES} were races");
    for seen in outcomes.iter().flat_map(|one| &one.nodes) {
        assert!(seen.refused && !seen.revived && !seen.wrong, "{seen:?}");
    }
    outcomes
}

async fn three(log: impl AsyncFn() -> Arc<dyn RevocationLog>) -> (Tokens, [Node; 3]) {
    let tokens = Tokens::new();
    let nodes = [
        Node::start(log().await, &tokens).await,
        Node::start(log().await, &tokens).await,
        Node::start(log().await, &tokens).await,
    ];
    (tokens, nodes)
}

/// No request is let through that begins when the answer to a poll sent after the revocation was taken in; and the time
/// until then is the poll interval and the deadline, but for what this machine took to wake up whoever slept.
async fn the_poll_after_a_revocation_ends_it(log: impl AsyncFn() -> Arc<dyn RevocationLog>) {
    let (tokens, nodes) = three(log).await;
    let watch = Lateness::begin();
    let outcomes = races(&nodes, &tokens, 3).await;
    let late = watch.end().await;
    for (place, node) in nodes.iter().enumerate() {
        let polls = node.log.polls();
        for outcome in &outcomes {
            let Some((began, _)) = outcome.nodes[place].last else {
                panic!("never let through: {outcome:?}");
            };
            let after = |poll: &&node::Call| poll.sent >= outcome.recorded && poll.answered;
            // The next call is made when the answer was taken in.
            let known = polls
                .iter()
                .position(|poll| after(&poll))
                .and_then(|first| polls.get(first + 1));
            assert!(
                known.is_none_or(|next| began <= next.sent),
                "let through {:?} after the poll that brought it",
                known.map(|next| began - next.sent)
            );
        }
        if polls.iter().all(|poll| poll.answered) {
            // The timer of the poll, its answer, the racer, and whoever revokes are woken up one after the other.
            let slack = 4 * late;
            let limit = POLL_EVERY + POLL_EVERY / 5 + POLL_DEADLINE + slack;
            let longest = outcomes.iter().map(|one| one.accepted_for(place)).max();
            assert!(longest.unwrap() <= limit, "{longest:?}, late by {late:?}");
        }
    }
}

/// No request is let through that begins S after the last poll was sent that was answered.
async fn a_node_that_is_cut_off_refuses_after_its_freshness(
    log: impl AsyncFn() -> Arc<dyn RevocationLog>,
) {
    let (tokens, nodes) = three(log).await;
    let cut_off = async {
        tokio::task::yield_now().await;
        let node = &nodes[2];
        node.log.cut(true);
        let cut = Instant::now();
        let last = node.log.polls().into_iter().rfind(|poll| poll.answered);
        // Until it is stale, and for as long as the others take to revoke some more.
        let (good, _) = tokens.token(RACES);
        while node.ask(&good).await == 200 {
            assert!(cut.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let stale = Instant::now();
        assert_eq!(node.ask(&good).await, 503, "nobody knows that it is bad");
        node.log.cut(false);
        (last.unwrap().sent, stale)
    };
    let (outcomes, (last, stale)) = join(races(&nodes, &tokens, 2), cut_off).await;
    let mut tested = 0;
    for outcome in &outcomes {
        let (began, _) = outcome.nodes[2].last.unwrap();
        // Of those that were revoked and refused in the time of the cut.
        if outcome.sent > last && began < stale {
            tested += 1;
            assert!(began <= last + S, "{:?} too late", began - (last + S));
        }
    }
    assert!(tested > 0, "nothing was revoked while the node was cut off");
    let health = nodes[2].revocation.health();
    assert_eq!(health.bound, Some(S), "L is none: nobody else answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_the_poll_after_a_revocation_ends_it() {
    let shared = Arc::new(MemoryLog::new());
    the_poll_after_a_revocation_ends_it(async || shared.clone() as Arc<dyn RevocationLog>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_a_node_that_is_cut_off_refuses_after_its_freshness() {
    let shared = Arc::new(MemoryLog::new());
    let log = async || shared.clone() as Arc<dyn RevocationLog>;
    a_node_that_is_cut_off_refuses_after_its_freshness(log).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_the_poll_after_a_revocation_ends_it() {
    let server = portcullis_testing::RedisServer::start().await;
    the_poll_after_a_revocation_ends_it(async || node::on_redis(&server).await).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_a_node_that_is_cut_off_refuses_after_its_freshness() {
    let server = portcullis_testing::RedisServer::start().await;
    a_node_that_is_cut_off_refuses_after_its_freshness(async || node::on_redis(&server).await)
        .await;
}

/// By how much the runtime is late for a timer, at most.
struct Lateness(
    tokio::sync::oneshot::Sender<()>,
    tokio::task::JoinHandle<Duration>,
);

impl Lateness {
    fn begin() -> Self {
        let (over, mut ended) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut worst = Duration::ZERO;
            while ended.try_recv().is_err() {
                let begun = Instant::now();
                let nap = Duration::from_millis(1);
                tokio::time::sleep(nap).await;
                worst = worst.max(begun.elapsed().saturating_sub(nap));
            }
            worst
        });
        Self(over, task)
    }

    async fn end(self) -> Duration {
        let _ = self.0.send(());
        self.1.await.unwrap()
    }
}
