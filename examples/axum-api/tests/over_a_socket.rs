//! The example as a process, called over a socket with tokens that a real issuer signed.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_testing::{Algorithm, FakeIssuer, Mode, SigningKey};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(20);

struct Api {
    issuer: FakeIssuer,
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    _process: Child,
}

// === impl Api ===

impl Api {
    async fn start(issuer: FakeIssuer) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_axum-api"))
            .env("ISSUER", issuer.issuer())
            .env("AUDIENCE", issuer.audience())
            .env("LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the built example starts");
        let stdout = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("in time").expect("read").expect("a line");
        let url = line.strip_prefix("listening on ").expect("an address");
        Self {
            issuer,
            url: url.to_owned(),
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            _process: process,
        }
    }

    async fn call(&self, method: Method, path: &str, token: Option<&str>) -> Response<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("origin", "https://shop.example.com")
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Full::from(r#"{"item":"tea"}"#))
            .expect("a request");
        let exchange = async {
            let (head, body) = self
                .client
                .request(request)
                .await
                .expect("an answer")
                .into_parts();
            Response::from_parts(head, body.collect().await.expect("a body").to_bytes())
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("an answer in time")
    }

    async fn get(&self, path: &str, token: &str) -> Response<Bytes> {
        self.call(Method::GET, path, Some(token)).await
    }

    fn token(&self, scope: &str) -> String {
        self.issuer.token().subject("alice").scope(scope).issue()
    }
}

async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).expect("JSON")
}

#[tokio::test]
async fn a_good_token_is_known_to_the_handler() {
    let api = Api::start(issuer().await).await;
    let token = api.token("orders:read");
    for known in ["fresh", "cached"] {
        let me = api.get("/me", &token).await;
        assert_eq!(me.status(), 200);
        assert_eq!(json(&me)["subject"], "alice");
        assert_eq!(json(&me)["issuer"], api.issuer.issuer());
        assert_eq!(json(&me)["scopes"][0], "orders:read");
        assert_eq!(json(&me)["known"], known);
    }
    assert_eq!(
        json(&api.get("/orders", &token).await)["orders_of"],
        "alice"
    );
}

#[tokio::test]
async fn the_guarded_method_of_a_route_asks_for_its_scope() {
    let api = Api::start(issuer().await).await;
    let (reader, writer) = (api.token("orders:read"), api.token("orders:write"));
    let refused = api.call(Method::POST, "/orders", Some(&reader)).await;
    assert_eq!(
        (refused.status().as_u16(), &json(&refused)["reason"]),
        (403, &"insufficient_scope".into())
    );
    let ordered = api.call(Method::POST, "/orders", Some(&writer)).await;
    assert_eq!(ordered.status(), 200);
    assert_eq!(json(&ordered)["ordered"]["item"], "tea");
    assert_eq!(api.get("/orders", &reader).await.status(), 200);
}

#[tokio::test]
async fn missing_and_bad_tokens_are_401_that_a_browser_can_read() {
    let api = Api::start(issuer().await).await;
    let expired = api
        .issuer
        .token()
        .scope("s")
        .expired(Duration::from_secs(600))
        .issue();
    for token in [None, Some("garbage"), Some(&*expired)] {
        let refused = api.call(Method::GET, "/me", token).await;
        assert_eq!(refused.status(), 401);
        assert!(
            refused.headers()["www-authenticate"]
                .as_bytes()
                .starts_with(b"Bearer")
        );
        assert_eq!(refused.headers()["access-control-allow-origin"], "*");
        assert_eq!(
            refused.headers()["access-control-expose-headers"],
            "www-authenticate,retry-after"
        );
    }
    assert_eq!(api.call(Method::GET, "/health", None).await.status(), 200);
}

#[tokio::test]
async fn an_outage_of_the_issuer_is_never_401() {
    let api = Api::start(issuer().await).await;
    assert_eq!(api.get("/me", &api.token("s")).await.status(), 200);
    api.issuer.mode(Mode::Refuse);
    assert_eq!(
        api.get("/me", &api.token("s")).await.status(),
        200,
        "its keys are held"
    );
    let unknown = api.issuer.token().scope("s").sign(&SigningKey::es256());
    let refused = api.get("/me", &unknown).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(!refused.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn what_is_not_set_is_named() {
    let ended = Command::new(env!("CARGO_BIN_EXE_axum-api"))
        .env_remove("ISSUER")
        .output()
        .await
        .unwrap();
    assert!(!ended.status.success());
    assert!(
        String::from_utf8(ended.stderr)
            .unwrap()
            .contains("set ISSUER")
    );
}
