//! Reload under load.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use super::{Followed, SERVER};
use crate::stand::{PATIENCE, Upstream};

const CHANGES: u64 = 20;
const CLIENTS: usize = 12;

/// An upstream that says its name, and whether it saw a token.
async fn named(name: &'static str) -> Upstream {
    Upstream::answering(move |received| {
        let token = received.headers.contains_key("authorization");
        Response::new(Body::from(format!("{name} {token}")))
    })
    .await
}

/// To `one` without the token, or to `two` with it: an answer from a mixture would show.
fn version(generation: u64, one: &Upstream, two: &Upstream) -> String {
    let (upstream, token) = if generation % 2 == 1 {
        (one.url(), "drop")
    } else {
        (two.url(), "forward")
    };
    format!(
        "{SERVER}[[route]]\npath = \"/\"\nauth = \"none\"\ntoken = \"{token}\"\nupstream = [\"{upstream}\"]\n"
    )
}

fn client(keep_alive: bool) -> Client<HttpConnector, Full<Bytes>> {
    let idle = if keep_alive { 1 } else { 0 };
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(idle)
        .build(HttpConnector::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_file_changes_twenty_times() {
    let (one, two) = (named("one").await, named("two").await);
    let gateway = Followed::start(&version(1, &one, &two)).await;
    let over = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for index in 0..CLIENTS {
        // Half of them on one connection each, half on a new one for each request.
        let client = client(index % 2 == 0);
        let url = format!("http://{}/x", gateway.gateway.address());
        let (over, served) = (Arc::clone(&over), Arc::clone(&served));
        clients.spawn(async move {
            let mut answers = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let request = Request::get(&url)
                    .header("authorization", "Bearer x")
                    .body(Full::default())
                    .expect("a request");
                let exchange = async {
                    let response = client.request(request).await.expect("an answer");
                    let status = response.status().as_u16();
                    let body = response.into_body().collect().await.expect("a body");
                    (status, body.to_bytes())
                };
                let answer = tokio::time::timeout(PATIENCE, exchange).await;
                answers.push(answer.expect("an answer in time"));
                served.fetch_add(1, Ordering::SeqCst);
            }
            answers
        });
    }

    for generation in 2..=CHANGES + 1 {
        let config = version(generation, &one, &two);
        if generation % 4 < 2 {
            gateway.write(&config);
        } else {
            // As careful programs write.
            fs::write(gateway.path("new"), &config).expect("written");
            fs::rename(gateway.path("new"), gateway.path("gateway.toml")).expect("renamed");
        }
        assert_eq!(gateway.until_after(generation - 1).await, generation);
        // Whatever begins now is served by the new one.
        let expected = if generation % 2 == 1 { "one" } else { "two" };
        let answer = gateway.get("/x").await;
        assert!(answer.body.starts_with(expected.as_bytes()), "{answer:?}");
        // The load goes on between two changes.
        let before = served.load(Ordering::SeqCst);
        while served.load(Ordering::SeqCst) < before + CLIENTS {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::SeqCst);

    let (mut by_one, mut by_two) = (0, 0);
    for answers in clients.join_all().await {
        assert!(!answers.is_empty());
        for (status, body) in answers {
            assert_eq!(status, 200, "{body:?}");
            match &*body {
                b"one false" => by_one += 1,
                b"two true" => by_two += 1,
                other => panic!("a mixture: {}", String::from_utf8_lossy(other)),
            }
        }
    }
    assert!(by_one > 0 && by_two > 0, "{by_one} {by_two}");
    let ready = gateway.ready().await;
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["config"]["generation"], CHANGES + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_at_once_come_one_after_the_other() {
    let (one, two) = (named("one").await, named("two").await);
    let gateway = Arc::new(Followed::start(&version(1, &one, &two)).await);
    let mut reloads = JoinSet::new();
    for generation in 2..=10 {
        let gateway = Arc::clone(&gateway);
        let config = version(generation, &one, &two);
        reloads.spawn(async move {
            let config = portcullis_gateway::Config::parse(&config).expect("a configuration");
            gateway.gateway.reload(config).await.expect("taken");
        });
    }
    reloads.join_all().await;
    assert_eq!(gateway.ready().await["config"]["generation"], 10);
}

#[tokio::test]
async fn a_storm_of_requests_to_take_the_file_takes_it_and_ends() {
    let (one, two) = (named("one").await, named("two").await);
    let gateway = Followed::start(&version(1, &one, &two)).await;
    gateway.write(&version(2, &one, &two));
    for _ in 0..1000 {
        gateway.gateway.take_file();
    }
    gateway.until_after(1).await;
    assert!(gateway.get("/x").await.body.starts_with(b"two"));
    // They were not made before the task came to the first: a few at the most.
    let generation = gateway.ready().await["config"]["generation"].as_u64();
    assert!(generation < Some(10), "{generation:?}");
}
