//! What is measured, one file each.

pub(crate) mod cut;
pub(crate) mod naive;
pub(crate) mod outage;
pub(crate) mod paused;
pub(crate) mod polls;
pub(crate) mod split;

use std::time::Duration;

use crate::kit::Token;
use crate::node::Node;
use crate::race::{Outcome, race};
use crate::report::{Budgets, Spans, millis};

/// What races came to.
#[derive(Debug)]
pub(crate) struct Races {
    pub(crate) outcomes: Vec<Outcome>,
}

/// A race ends when every node has refused the token, or after this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets requests on each node race the revocation of a token, ordered at `revoker`.
pub(crate) async fn one(nodes: &[&Node], revoker: &Node, token: &Token) -> Outcome {
    one_within(nodes, revoker, token, PATIENCE).await
}

async fn one_within(nodes: &[&Node], revoker: &Node, token: &Token, patience: Duration) -> Outcome {
    let ask = |node: usize| nodes[node].ask(&token.bearer);
    let revoke = async {
        let done = revoker.revoker().revoke(token.target.clone()).await;
        done.expect("a log that takes revocations");
    };
    race(nodes.len(), ask, revoke, patience).await
}

// === impl Races ===

impl Races {
    /// How many were races: a request was under way while the log recorded the revocation.
    pub(crate) fn raced(&self) -> usize {
        self.outcomes.iter().filter(|one| one.is_race()).count()
    }

    /// For how long each token was accepted on each of these nodes, by the beginning of requests.
    pub(crate) fn accepted(&self, nodes: std::ops::Range<usize>) -> Spans {
        let each = |one: &Outcome| -> Vec<_> {
            nodes.clone().map(|node| one.accepted_for(node)).collect()
        };
        self.outcomes.iter().flat_map(each).collect()
    }

    /// The longest until the *end* of a request that was let through.
    pub(crate) fn longest_under_way(&self, nodes: std::ops::Range<usize>) -> Duration {
        let each = |one: &Outcome| {
            let seen = one.nodes[nodes.clone()].iter();
            let ends = seen.filter_map(|seen| Some(seen.last?.1));
            ends.max()
                .map(|end| end.saturating_duration_since(one.sent))
        };
        self.outcomes
            .iter()
            .filter_map(each)
            .max()
            .unwrap_or_default()
    }

    /// The longest that a request could begin and be let through after the revocation was acknowledged.
    fn longest_after_ack(&self, nodes: std::ops::Range<usize>) -> Duration {
        let after = |one: &Outcome| {
            let took = one.recorded.saturating_duration_since(one.sent);
            let accepted = nodes.clone().map(|node| one.accepted_for(node));
            accepted.max().unwrap_or_default().saturating_sub(took)
        };
        self.outcomes.iter().map(after).max().unwrap_or_default()
    }

    /// Prints them, and holds what must never happen.
    pub(crate) fn show(
        &self,
        title: &str,
        nodes: std::ops::Range<usize>,
        budgets: &mut Budgets,
    ) -> Spans {
        let spans = self.accepted(nodes.clone());
        println!(
            "  {} revocations, {} of them raced; accepted after it was ordered: p50 {}, p99 {}, at most {} \
             (until the end of the last request {}; counted from the acknowledgement {})",
            self.outcomes.len(),
            self.raced(),
            millis(spans.permille(500)),
            millis(spans.permille(990)),
            millis(spans.longest()),
            millis(self.longest_under_way(nodes.clone())),
            millis(self.longest_after_ack(nodes.clone())),
        );
        let seen = || {
            let outcomes = self.outcomes.iter();
            outcomes.flat_map(|one| one.nodes[nodes.clone()].iter())
        };
        let revived = seen().filter(|seen| seen.revived).count();
        let admitted = seen().filter(|seen| !seen.refused).count();
        let wrong = seen().filter(|seen| seen.wrong).count();
        budgets.must(revived + admitted + wrong == 0, || {
            format!(
                "{title}: {revived} tokens were let through after they had been refused, {admitted} were never \
                 refused, {wrong} were answered wrongly"
            )
        });
        spans
    }
}
