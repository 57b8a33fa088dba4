//! Redis down or frozen: callers who were seen notice nothing for S and then through the grace.

use std::time::{Duration, Instant};

use http::StatusCode;
use portcullis_testing::RedisServer;

use crate::kit::{Kit, Token};
use crate::node::{Node, POLL_DEADLINE, POLL_EVERY, Setup};
use crate::report::{Budgets, Spans, micros, millis};

pub(crate) const TITLE: &str = "outage of Redis";

/// How Redis fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Down,
    Frozen,
}

/// Tokens that were seen before.
const SEEN: usize = 500;
/// A request has this deadline: that of the layer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// Requests of a batch are asked without a break, so that what is measured is the request.
const BATCH: usize = 50;

/// What requests came to.
#[derive(Debug, Default)]
struct Load {
    took: Vec<Duration>,
    of_200: Vec<Duration>,
    bad: u64,
}

/// A node whose Redis fails, and one whose Redis is well, in the same moments.
#[derive(Debug, Default)]
struct Pair {
    calm: Load,
    load: Load,
}

/// Two nodes side by side, each with its own Redis, of which one fails. Requests go to both in turn, so that
/// healthy and not are measured in the same moments.
pub(crate) async fn run(
    failure: Failure,
    kit: &Kit,
    setup: &Setup,
    grace: Duration,
    budgets: &mut Budgets,
) {
    let mut setup = setup.clone();
    setup.hints = true;
    setup.grace = Some(grace);
    let well = RedisServer::start().await;
    let mut ill = RedisServer::builder().durable().start().await;
    let healthy = Node::start(well.address(), kit.jwk(), &setup).await;
    let failing = Node::start(ill.address(), kit.jwk(), &setup).await;
    let tokens = kit.tokens(SEEN);
    for node in [&healthy, &failing] {
        for token in &tokens {
            assert_eq!(node.ask(&token.bearer).await, 200);
        }
    }
    failure.begin(&mut ill);
    // The age of the view tells which of the promises holds. The last of both are left out: a batch must end in it.
    let margin = Duration::from_millis(50);
    let mut turn = false;
    let [mut fresh, mut degraded] = [Pair::default(), Pair::default()];
    loop {
        let age = failing.health().age.expect("synced before");
        if age + margin > setup.freshness + grace {
            break;
        }
        let pair = if age + margin < setup.freshness {
            Some(&mut fresh)
        } else if age > setup.freshness {
            Some(&mut degraded)
        } else {
            None
        };
        if let Some(Pair { calm, load }) = pair {
            // Whoever is first finds cold caches.
            turn = !turn;
            if turn {
                calm.batch(&healthy, &tokens).await;
                load.batch(&failing, &tokens).await;
            } else {
                load.batch(&failing, &tokens).await;
                calm.batch(&healthy, &tokens).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let marked = failing.degraded();
    let beyond = until(&failing, &tokens[0], Duration::from_secs(5), |status| {
        status != 200
    })
    .await;
    let back = failure.end(&mut ill).await;
    let fresh_again = async {
        failing.until("synced again", |health| health.synced).await;
        back.elapsed()
    };
    let recovered = fresh_again.await;
    let after = failing.ask(&tokens[0].bearer).await;

    let title = format!("{failure:?}").to_lowercase();
    let both = [("within S", &fresh), ("within the grace", &degraded)];
    for (name, Pair { calm, load }) in both {
        println!("  Redis {title}, {name}: {load}");
        println!("  the healthy node meanwhile: {calm}");
    }
    let [fresh, degraded] = [&fresh.load, &degraded.load];
    println!(
        "  beyond both: {}; back again: a fresh view after {}, then {after}",
        beyond.map_or("still 200".to_owned(), |status| status.to_string()),
        millis(recovered)
    );
    let all = fresh.took.len() + degraded.took.len();
    let good = fresh.of_200.len() + degraded.of_200.len();
    budgets.at_least(
        &format!("Redis {title}, seen tokens answered 200"),
        100.0 * good as f64 / all.max(1) as f64,
        99.9,
        "%",
    );
    for (name, Pair { calm, load }) in both {
        let (theirs, calm) = (load.p99(), calm.p99());
        budgets.at_most(
            &format!("Redis {title}, p99 {name} beside healthy"),
            theirs.as_secs_f64() / calm.as_secs_f64(),
            1.2,
            "×",
        );
    }
    let longest = fresh.took.iter().chain(&degraded.took).max();
    budgets.span(
        &format!("Redis {title}, the longest request"),
        longest.copied().unwrap_or_default(),
        DEADLINE,
    );
    budgets.span(
        &format!("Redis {title}, recovered within one poll"),
        recovered,
        POLL_EVERY + POLL_DEADLINE,
    );
    budgets.must(fresh.bad + degraded.bad == 0, || {
        format!("{TITLE}: a good token was called bad")
    });
    budgets.must(beyond == Some(StatusCode::SERVICE_UNAVAILABLE), || {
        format!("{TITLE}: beyond S and grace the answer was {beyond:?}, not 503")
    });
    budgets.must(marked > 0 && after == 200, || {
        format!("{TITLE}: nobody was marked as degraded, or the end was no end")
    });
}

/// Asks until the answer is as wanted, for so long.
async fn until(
    node: &Node,
    token: &Token,
    patience: Duration,
    wanted: impl Fn(StatusCode) -> bool,
) -> Option<StatusCode> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let status = node.ask(&token.bearer).await;
        if wanted(status) {
            return Some(status);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

// === impl Failure ===

impl Failure {
    pub(crate) fn begin(self, server: &mut RedisServer) {
        match self {
            Self::Down => server.stop(),
            Self::Frozen => server.freeze(),
        }
    }

    /// Ends it; tells when it was over.
    pub(crate) async fn end(self, server: &mut RedisServer) -> Instant {
        match self {
            Self::Down => server.restart().await,
            Self::Frozen => server.thaw(),
        }
        Instant::now()
    }
}

// === impl Load ===

impl Load {
    async fn batch(&mut self, node: &Node, tokens: &[Token]) {
        for _ in 0..BATCH {
            let token = &tokens[fastrand::usize(..tokens.len())];
            let begun = Instant::now();
            let status = node.ask(&token.bearer).await;
            let took = begun.elapsed();
            self.took.push(took);
            if status == 200 {
                self.of_200.push(took);
            }
            self.bad += u64::from(status == 401);
        }
    }

    fn p99(&self) -> Duration {
        self.of_200.iter().copied().collect::<Spans>().permille(990)
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spans: Spans = self.of_200.iter().copied().collect();
        write!(
            f,
            "{} requests, {} of them 200; p50 {}, p99 {}, at most {}",
            self.took.len(),
            self.of_200.len(),
            micros(spans.permille(500)),
            micros(spans.permille(990)),
            micros(spans.longest()),
        )
    }
}
