//! A node that is cut off from its log: the bound is the freshness, whatever the cut looks like.

use std::time::Duration;

use futures_util::future::{join, join_all};
use portcullis_testing::{Fault, RedisServer};

use super::{Races, one};
use crate::kit::{Kit, Token};
use crate::node::{Node, Setup};
use crate::report::Budgets;

pub(crate) const TITLE: &str = "a node is cut off";

/// Each way to be cut off.
const CUTS: [Cut; 4] = [
    Cut::Fault(Fault::BlackHole),
    Cut::Fault(Fault::Stall),
    Cut::Fault(Fault::Delay(Duration::from_millis(400))),
    Cut::Refused,
];

#[derive(Clone, Copy, Debug)]
enum Cut {
    Fault(Fault),
    /// Connections are reset, and new ones are refused.
    Refused,
}

/// Revocations are ordered for so long, before the cut and after.
const BEFORE: Duration = Duration::from_millis(150);
const ROUND: Duration = Duration::from_millis(600);

/// Three nodes, of which the last is cut off four times, each time in another way.
pub(crate) async fn run(kit: &Kit, races: usize, setup: &Setup, budgets: &mut Budgets) {
    let server = RedisServer::start().await;
    let start = || Node::start(server.address(), kit.jwk(), setup);
    let nodes = [start().await, start().await, start().await];
    // Some are over before a request meets them.
    let races = races * 3 / 2;
    let tokens = kit.tokens(races + CUTS.len());
    let (racing, bystanders) = tokens.split_at(races);
    let mut all = Races {
        outcomes: Vec::new(),
    };
    let bound = nodes[2].health().bound;
    let bound = bound.expect("a lone primary has a bound");
    println!(
        "  S = {} s; L as computed from a lone primary: {} s",
        setup.freshness.as_secs(),
        (bound - setup.freshness).as_secs()
    );
    for ((cut, tokens), bystander) in CUTS
        .into_iter()
        .zip(racing.chunks(races.div_ceil(CUTS.len())))
        .zip(bystanders)
    {
        let races = join_all(tokens.iter().map(|token| begin_somewhen(&nodes, token)));
        let (outcomes, wrongly_bad) = join(races, breaking(&nodes[2], cut, bound, bystander)).await;
        all.outcomes.extend(outcomes);
        budgets.must(!wrongly_bad, || {
            format!("{TITLE}, {cut:?}: somebody else's token was not answered 200 or 503")
        });
        let healed = |health: &portcullis_revocation::Health| health.synced;
        nodes[2].until("synced again", healed).await;
    }
    println!("  the two that were not cut off:");
    all.show(TITLE, 0..2, budgets);
    println!("  the one that was:");
    let spans = all.show(TITLE, 2..3, budgets);
    budgets.must(all.raced() >= 1000, || {
        format!("{TITLE}: only {} were races", all.raced())
    });
    budgets.span(
        &format!("revocation, {TITLE}, S + L"),
        spans.longest(),
        bound,
    );
}

/// A race that begins at a moment of chance, before the cut or after. The node that is cut off cannot revoke.
async fn begin_somewhen(nodes: &[Node; 3], token: &Token) -> crate::race::Outcome {
    tokio::time::sleep(ROUND.mul_f64(fastrand::f64())).await;
    let all = [&nodes[0], &nodes[1], &nodes[2]];
    one(&all, all[fastrand::usize(..2)], token).await
}

/// Cuts a node off until nothing may be accepted any more, and for a while longer; tells whether anybody was
/// answered as if a token were bad.
async fn breaking(node: &Node, cut: Cut, bound: Duration, bystander: &Token) -> bool {
    tokio::time::sleep(BEFORE).await;
    match cut {
        Cut::Fault(fault) => node.proxy.set(fault).await,
        Cut::Refused => {
            node.proxy.set(Fault::Refuse).await;
            node.proxy.reset();
        }
    }
    let until = tokio::time::Instant::now() + bound + Duration::from_secs(1);
    let mut wrongly_bad = false;
    let mut last = http::StatusCode::OK;
    while tokio::time::Instant::now() < until {
        last = node.ask(&bystander.bearer).await;
        wrongly_bad |= last != 200 && last != 503;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    node.proxy.set(Fault::Pass).await;
    // What cannot be found out is neither yes nor no.
    wrongly_bad || last != 503
}
