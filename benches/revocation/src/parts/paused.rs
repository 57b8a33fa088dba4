//! A node whose process is stopped for ten seconds: what was revoked meanwhile must not pass when it goes on.

use std::fs;
use std::time::Duration;

use portcullis_revocation::Order;
use portcullis_testing::RedisServer;

use crate::child::{Process, now};
use crate::kit::{Kit, Token};
use crate::node::{Node, Setup};
use crate::report::{Budgets, Spans, millis};

pub(crate) const TITLE: &str = "the process is paused";

const PAUSE: Duration = Duration::from_secs(10);
/// How many are revoked just before the pause, in the midst of it, and round its end.
const EACH: usize = 400;

/// A node in a process of its own; revocations come from another.
pub(crate) async fn run(kit: &Kit, setup: &Setup, budgets: &mut Budgets) {
    let server = RedisServer::start().await;
    let other = Node::start(server.address(), kit.jwk(), setup).await;
    let tokens = kit.tokens(3 * EACH);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let texts: Vec<_> = tokens.iter().map(|token| token.text.as_str()).collect();
    let (jwk, list) = (
        file("jwk", kit.jwk().to_owned()),
        file("tokens", texts.join("\n")),
    );
    let node = Process::start(server.address(), &jwk, &list, setup.freshness).await;
    // Whatever is true of its view is true at a moment of chance.
    tokio::time::sleep(Duration::from_millis(fastrand::u64(500..1000))).await;

    let (before, rest) = tokens.split_at(EACH);
    let (amid, after) = rest.split_at(EACH);
    let mut sent = Vec::new();
    // A request may be under way when it is stopped, so the first are revoked while it still runs.
    revoke(&other, before, &mut sent).await;
    node.stop();
    let begun = tokio::time::Instant::now();
    tokio::time::sleep(PAUSE / 2).await;
    revoke(&other, amid, &mut sent).await;
    tokio::time::sleep_until(begun + PAUSE).await;
    let (some, others) = after.split_at(EACH / 2);
    revoke(&other, some, &mut sent).await;
    let went_on = now();
    node.go_on();
    revoke(&other, others, &mut sent).await;
    // As long as it may take by the bound, and a poll more.
    tokio::time::sleep(setup.freshness + Duration::from_secs(1)).await;

    let fates = node.report(tokens.len()).await;
    let accepted = |by_end: bool| -> Spans {
        let each = fates.iter().zip(&sent).map(|(fate, sent)| {
            let last = if by_end { fate.last.1 } else { fate.last.0 };
            last.saturating_sub(*sent)
        });
        each.collect()
    };
    let spans = accepted(false);
    // Revoked before it went on, and let through by a request that began afterwards.
    let beyond = fates
        .iter()
        .zip(&sent)
        .filter(|(fate, sent)| **sent < went_on && fate.last.0 > went_on)
        .count();
    budgets.must(beyond == 0 || setup.freshness > PAUSE, || {
        format!("{TITLE}: {beyond} tokens were let through by a view as old as the pause")
    });
    println!(
        "  {} revocations; accepted after it was ordered: at most {} (until the end of the last request {}); {beyond} \
         that were revoked before its end were let through after it",
        spans.count(),
        millis(spans.longest()),
        millis(accepted(true).longest()),
    );
    let admitted = fates.iter().filter(|fate| !fate.refused).count();
    budgets.must(admitted == 0, || {
        format!("{TITLE}: {admitted} tokens were never refused")
    });
    let bound = other.health().bound.expect("a lone primary has a bound");
    budgets.span(
        &format!("revocation, {TITLE} for 10 s, S + L"),
        spans.longest(),
        bound,
    );
}

/// Revokes tokens together, fifty at a time, and notes when each was ordered.
async fn revoke(node: &Node, tokens: &[Token], sent: &mut Vec<Duration>) {
    for some in tokens.chunks(50) {
        let order = Order::revoke(some.iter().map(|token| token.target.clone()));
        sent.extend(some.iter().map(|_| now()));
        let done = node.revoker().submit(&order).await;
        done.expect("a log that takes revocations");
    }
}
