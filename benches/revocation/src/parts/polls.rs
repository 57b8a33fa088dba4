//! While polls succeed: the bound is the poll interval and the deadline of a poll, or a moment where hints arrive.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join;
use futures_util::stream;
use portcullis_revocation::{Order, Target};
use portcullis_testing::RedisServer;

use super::{Races, one};
use crate::kit::{ISSUER, Kit, Token};
use crate::node::{Node, POLL_DEADLINE, POLL_EVERY, Setup};
use crate::noise::Noise;
use crate::report::{Budgets, Spans, millis};

/// What is different from the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Usual,
    /// Pages of 100 changes, and ten thousand revocations of others in between.
    Pages,
    /// A leeway of 60 s, and tokens that live by it.
    Leeway,
    /// Hints arrive.
    Hints,
}

/// Revocations under way at a time.
const AT_A_TIME: usize = 100;
/// The same where hints arrive: fewer, so that the log and not the crowd is measured.
const HINTED_AT_A_TIME: usize = 4;
/// Revocations of others in a burst.
const BURST: usize = 10_000;
/// Tokens that nobody revokes.
const BYSTANDERS: usize = 200;

/// Three nodes, one server, and nothing broken.
pub(crate) async fn run(kind: Kind, kit: &Kit, races: usize, setup: &Setup, budgets: &mut Budgets) {
    let mut setup = setup.clone();
    let (mut at_a_time, mut races) = (AT_A_TIME, races);
    let tokens = match kind {
        Kind::Leeway => {
            setup.leeway = Duration::from_secs(60);
            kit.tokens_at_their_end(races + BYSTANDERS)
        }
        Kind::Hints => {
            setup.hints = true;
            at_a_time = HINTED_AT_A_TIME;
            // Fewer at a time, so more are over before a request meets them.
            races *= 2;
            kit.tokens(races + BYSTANDERS)
        }
        Kind::Pages => {
            setup.page = 100;
            kit.tokens(races + BYSTANDERS)
        }
        Kind::Usual => kit.tokens(races + BYSTANDERS),
    };
    let server = RedisServer::start().await;
    let start = || Node::start(server.address(), kit.jwk(), &setup);
    let nodes = [start().await, start().await, start().await];
    let all = [&nodes[0], &nodes[1], &nodes[2]];
    let (racing, bystanders) = tokens.split_at(races);

    let over = Cell::new(false);
    let revocations = async {
        let raced = stream::iter(racing)
            .map(|token| one(&all, all[fastrand::usize(..3)], token))
            .buffer_unordered(at_a_time);
        let outcomes = raced.collect().await;
        over.set(true);
        Races { outcomes }
    };
    let burst = async {
        if kind == Kind::Pages {
            flood(&nodes[0]).await;
        }
    };
    let stand_by = stand_by(&all, bystanders, &over);
    let noise = Noise::begin();
    let ((races, ()), refused) = join(join(revocations, burst), stand_by).await;
    let noise = noise.end();

    let title = kind.title();
    let spans = races.show(title, 0..3, budgets);
    let polls = nodes.each_ref().map(|node| node.log.polls());
    let failed: u64 = polls.iter().map(|polls| polls.failed).sum();
    let answered: u64 = polls.iter().map(|polls| polls.answered).sum();
    let longest = polls.iter().map(|polls| polls.longest).max();
    println!(
        "  {answered} polls were answered, {failed} were not; the longest took {}; beside it a thread that wanted to \
         sleep for a millisecond overslept by {} at p99, {} at most",
        millis(longest.unwrap_or_default()),
        millis(noise.permille(990)),
        millis(noise.longest()),
    );
    budgets.must(races.raced() >= 1000, || {
        format!("{title}: only {} were races", races.raced())
    });
    budgets.must(refused.is_empty(), || {
        format!("{title}: requests of others were refused: {refused:?}")
    });
    kind.hold(&spans, setup.freshness, budgets);
}

/// Revokes ten thousand sessions of others.
async fn flood(node: &Node) {
    let run = fastrand::u64(..);
    let session = |number| Target::session(ISSUER, &format!("other-{run}-{number}"));
    let targets: Vec<_> = (0..BURST).map(session).collect();
    for some in targets.chunks(Order::MOST) {
        let done = node.revoker().submit(&Order::revoke(some.to_vec())).await;
        done.expect("a log that takes revocations");
    }
}

/// Presents tokens that nobody revokes; counts the requests that were refused, by status.
async fn stand_by(nodes: &[&Node], tokens: &[Token], over: &Cell<bool>) -> BTreeMap<u16, u64> {
    let mut refused = BTreeMap::new();
    for token in tokens.iter().cycle() {
        if over.get() {
            break;
        }
        let status = nodes[fastrand::usize(..nodes.len())]
            .ask(&token.bearer)
            .await;
        if status != 200 {
            *refused.entry(status.as_u16()).or_default() += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    refused
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Usual, Self::Pages, Self::Leeway, Self::Hints];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Usual => "polls succeed, all hints lost",
            Self::Pages => "polls succeed, pages of 100, a burst of 10 000 revocations of others",
            Self::Leeway => "polls succeed, leeway 60 s, tokens past their expiry",
            Self::Hints => "polls succeed, hints arrive",
        }
    }

    fn hold(self, spans: &Spans, freshness: Duration, budgets: &mut Budgets) {
        let name = format!("revocation, {}", self.title());
        if self == Self::Hints {
            let limit = Duration::from_millis(50);
            budgets.span(&format!("{name}, p99"), spans.permille(990), limit);
            return;
        }
        if self == Self::Pages {
            // Each page is a round trip more.
            budgets.span(&format!("{name}, S + L"), spans.longest(), freshness);
            return;
        }
        budgets.span(&name, spans.longest(), POLL_EVERY + POLL_DEADLINE);
    }
}
