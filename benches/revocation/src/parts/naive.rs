//! For comparison: the usual connection of redis-rs, asked for every request.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis_testing::RedisServer;
use redis::aio::ConnectionManager;

use super::outage::{DEADLINE, Failure};
use crate::report::{Spans, millis};

pub(crate) const TITLE: &str = "naive check of every request, for comparison";

/// Requests under way at a time.
const CALLERS: usize = 32;
const HEALTHY: Duration = Duration::from_secs(1);
const OUTAGE: Duration = Duration::from_secs(5);
/// How often a caller asks.
const PACE: Duration = Duration::from_millis(5);

/// What one request came to: how long it took, and whether Redis knew.
type Request = (Duration, bool);

/// Asks Redis for every request whether its token was revoked, before and during an outage, and after.
pub(crate) async fn run(failure: Failure) {
    let mut server = RedisServer::builder().durable().start().await;
    let client = redis::Client::open(server.url()).expect("an address");
    let manager = ConnectionManager::new(client).await.expect("a connection");
    let title = format!("{failure:?}").to_lowercase();
    show("healthy", &load(&manager, HEALTHY).await);
    failure.begin(&mut server);
    show(&format!("Redis {title}"), &load(&manager, OUTAGE).await);
    let back = failure.end(&mut server).await;
    let mut first = None;
    while first.is_none() && back.elapsed() < Duration::from_secs(30) {
        if request(&manager).await.1 {
            first = Some(back.elapsed());
        }
    }
    println!(
        "  ConnectionManager, back again: an answer after {}",
        first.map_or("more than 30 s".to_owned(), millis)
    );
}

async fn load(manager: &ConnectionManager, span: Duration) -> Vec<Request> {
    let end = Instant::now() + span;
    let callers = (0..CALLERS).map(|_| async {
        let mut requests = Vec::new();
        while Instant::now() < end {
            requests.push(request(manager).await);
            tokio::time::sleep(PACE).await;
        }
        requests
    });
    join_all(callers).await.into_iter().flatten().collect()
}

async fn request(manager: &ConnectionManager) -> Request {
    let begun = Instant::now();
    let key = format!("revoked:{}", fastrand::u32(..10_000));
    let mut exists = redis::cmd("EXISTS");
    exists.arg(key);
    let mut manager = manager.clone();
    let answer = exists.query_async::<bool>(&mut manager).await;
    (begun.elapsed(), answer.is_ok())
}

fn show(name: &str, requests: &[Request]) {
    let known = requests.iter().filter(|(_, known)| *known).count();
    let late = requests.iter().filter(|(took, _)| *took > DEADLINE).count();
    let spans: Spans = requests.iter().map(|(took, _)| *took).collect();
    println!(
        "  ConnectionManager, {name}: {} requests, {known} of them known to be good; p50 {}, p99 {}, at most {}; {late} \
         beyond a deadline of {} s",
        requests.len(),
        millis(spans.permille(500)),
        millis(spans.permille(990)),
        millis(spans.longest()),
        DEADLINE.as_secs(),
    );
}
