//! What it does with a request, as a process and over real sockets.
#![allow(clippy::unwrap_used)] // unwrap in a test is an assertion

use std::convert::Infallible;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use trace_echo::{Limits, router};

const PATIENCE: Duration = Duration::from_secs(30);
const PARENT: &str = "00-7d1c0b5e9f3a48268e64d2a1b0c9f7e3-a1b2c3d4e5f60718-01";

/// Serves until the test ends, and says where.
async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

async fn ask(url: &str, body: impl Into<Body>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::post(url).header("traceparent", PARENT);
    let request = request.body(body.into()).unwrap();
    let answer = async {
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

/// Asserts an answer that says what is wrong.
fn assert_problem(answer: &Answer, status: u16, says: &str) {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, status, "{problem}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail}");
}

/// A place to call that notes when a call began and when it was answered.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Noted {
    fn app(&self) -> Router {
        let this = self.clone();
        let answer = move |request: Request<Body>| async move {
            let path = request.uri().path().to_owned();
            let traced = request.headers().contains_key("traceparent");
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8_lossy(&body);
            this.note(format!("{path} {text} {traced}"));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            this.note(format!("{path} answered"));
            StatusCode::IM_A_TEAPOT
        };
        Router::new().fallback(post(answer))
    }

    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn as_a_process_it_says_where_it_listens_and_makes_the_calls_in_order() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_trace-echo"))
        .env("LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let line = line.unwrap().unwrap().unwrap();
    let url = line.strip_prefix("listening on ").unwrap();

    let noted = Noted::default();
    let place = serve(noted.app()).await;
    let body = json!([
        {"url": format!("{place}/first"), "arguments": [{"url": "x", "arguments": []}, 7]},
        {"url": format!("{place}/second")},
    ]);
    for path in ["/test", "/", "/any/other"] {
        let answer = ask(&format!("{url}{path}"), body.to_string()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(&answer.body[..], b"[418,418]");
    }
    let expected = [
        r#"/first [{"arguments":[],"url":"x"},7] true"#,
        "/first answered",
        "/second [] true",
        "/second answered",
    ];
    assert_eq!(noted.all(), expected.repeat(3));
}

#[tokio::test]
async fn a_request_that_is_no_list_of_calls_is_refused_before_any_call() {
    let noted = Noted::default();
    let place = serve(noted.app()).await;
    let limits = Limits {
        body_bytes: 1000,
        calls: 3,
        ..Limits::default()
    };
    let url = serve(router(limits)).await;
    let call = json!({"url": place, "arguments": []});

    for body in ["", "[", "{}", "null", "[7]", "[{}]", r#"[{"url": 7}]"#] {
        assert_problem(&ask(&url, body).await, 400, "not an array of objects");
    }
    let deep = "[".repeat(400);
    let body = format!(r#"[{{"url": "{place}", "arguments": {deep}"#);
    assert_problem(&ask(&url, body).await, 400, "recursion limit");
    for wrong in ["", "/path", "host", "https://a/", "http:///a", "a:b", "*"] {
        let body = json!([call, {"url": wrong, "arguments": []}]);
        assert_problem(&ask(&url, body.to_string()).await, 400, "item 1: the url");
    }
    let many = Value::from(vec![call; 4]).to_string();
    assert_problem(&ask(&url, many).await, 400, "4 calls");
    let big = " ".repeat(1001);
    assert_problem(&ask(&url, big).await, 413, "limit");
    assert_eq!(noted.all(), Vec::<String>::new());

    let nothing = ask(&url, "[]").await;
    assert_eq!(
        (nothing.status.as_u16(), &nothing.body[..]),
        (200, &b"[]"[..])
    );
}

#[tokio::test]
async fn after_a_call_that_fails_or_is_late_no_more_are_made() {
    let noted = Noted::default();
    let place = serve(noted.app()).await;
    let limits = Limits {
        call: Duration::from_millis(300),
        ..Limits::default()
    };
    let url = serve(router(limits)).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    // It is connected to, and never accepts.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let never = format!("http://{}/", silent.local_addr().unwrap());

    for (bad, status) in [(nobody, 502), (never, 504)] {
        let body = json!([{"url": format!("{place}/1")}, {"url": bad}, {"url": place}]);
        assert_problem(&ask(&url, body.to_string()).await, status, "item 1: ");
    }
    let once = ["/1 [] true", "/1 answered"];
    assert_eq!(noted.all(), once.repeat(2));
}

/// A body that has begun, and of which no more comes.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_late_too() {
    let limits = Limits {
        call: Duration::from_millis(300),
        ..Limits::default()
    };
    let url = serve(router(limits)).await;
    let endless = || async { Body::new(Endless) };
    let place = serve(Router::new().fallback(post(endless))).await;
    let body = json!([{"url": place}]);
    assert_problem(&ask(&url, body.to_string()).await, 504, "item 0: ");
}
