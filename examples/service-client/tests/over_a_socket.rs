//! The example as a process, between a caller and two instances over real sockets.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(30);

/// An instance that is well or not, as the test says.
#[derive(Clone, Default)]
struct Instance {
    ill: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Instance {
    async fn start(&self) -> String {
        let this = self.clone();
        let answer = move || {
            this.asked.fetch_add(1, Ordering::SeqCst);
            let ill = this.ill.load(Ordering::SeqCst);
            async move {
                if ill {
                    StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    StatusCode::OK
                }
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(
            async move { axum::serve(listener, Router::new().route("/", get(answer))).await },
        );
        url
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn ask(url: &str) -> Response<impl Sized + use<>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::get(url).body(Body::empty()).unwrap();
    client.request(request).await.unwrap()
}

#[tokio::test]
async fn one_that_fails_is_left_out_and_when_all_fail_callers_are_told_how_long() {
    let (one, other) = (Instance::default(), Instance::default());
    let instances = format!("{},{}", one.start().await, other.start().await);
    let mut process = Command::new(env!("CARGO_BIN_EXE_service-client"))
        .env("INSTANCES", instances)
        .env("LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let line = line.unwrap().unwrap().unwrap();
    let url = line.strip_prefix("listening on ").unwrap();

    for _ in 0..4 {
        assert_eq!(ask(url).await.status(), 200);
    }
    assert_eq!((one.asked(), other.asked()), (2, 2), "in turn");
    one.ill.store(true, Ordering::SeqCst);
    while one.asked() < 5 {
        ask(url).await;
    }
    for _ in 0..10 {
        assert_eq!(ask(url).await.status(), 200);
    }
    assert_eq!(one.asked(), 5, "left out");
    other.ill.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(ask(url).await.status(), 500);
    }
    let refused = ask(url).await;
    assert_eq!(refused.status(), 503);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
    // Both are well again, and both come back by themselves.
    for instance in [&one, &other] {
        instance.ill.store(false, Ordering::SeqCst);
    }
    let asked = one.asked();
    tokio::time::timeout(PATIENCE, async {
        while one.asked() == asked || ask(url).await.status() != 200 {
            let _ = ask(url).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}
