//! A gateway before an upstream that remembers, with an issuer and clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use portcullis_gateway::{Config, Gateway, Running};
use portcullis_testing::{Algorithm, FakeIssuer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) target: String,
    /// Of the target, as HTTP/2 has it.
    pub(crate) authority: Option<String>,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

/// An upstream of HTTP/1.1 and HTTP/2 that remembers what it received.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// An issuer, an upstream, and the gateway between.
pub(crate) struct Stand {
    pub(crate) issuer: FakeIssuer,
    pub(crate) upstream: Upstream,
    pub(crate) gateway: Running,
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

// === impl Upstream ===

impl Upstream {
    /// Answers 200 with the name `x-upstream`.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| Response::new(Body::from("hello"))).await
    }

    /// Answers as `answer` says.
    pub(crate) async fn answering(
        answer: impl Fn(&Received) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Mutex<Vec<Received>>>::default();
        let calls = Arc::<AtomicUsize>::default();
        let (memory, counter) = (Arc::clone(&seen), Arc::clone(&calls));
        let service = tower::service_fn(move |request: Request<Body>| {
            counter.fetch_add(1, Ordering::SeqCst);
            let (memory, answer) = (Arc::clone(&memory), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let (body, trailers) = match body.collect().await {
                    Ok(body) => {
                        let trailers = body.trailers().cloned();
                        (body.to_bytes(), trailers)
                    }
                    Err(_) => (Bytes::new(), None),
                };
                let received = Received {
                    method: head.method,
                    target: head
                        .uri
                        .path_and_query()
                        .map_or_else(String::new, ToString::to_string),
                    authority: head.uri.authority().map(ToString::to_string),
                    version: head.version,
                    headers: head.headers,
                    body,
                    trailers,
                };
                let response = answer(&received);
                memory.lock().expect("no panic").push(received);
                Ok::<_, Infallible>(response)
            }
        });
        let (address, task) = serve(Router::new().fallback_service(service)).await;
        Self {
            address,
            seen,
            calls,
            task,
        }
    }

    /// Answers as `answer` says, with the request still coming. Remembers nothing.
    pub(crate) async fn streaming(
        answer: impl Fn(Request<Body>) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let service = tower::service_fn(move |request| {
            let response = answer(request);
            async move { Ok::<_, Infallible>(response) }
        });
        let (address, task) = serve(Router::new().fallback_service(service)).await;
        Self {
            address,
            seen: Arc::default(),
            calls: Arc::default(),
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came, completely or not.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The request that came last.
    pub(crate) fn last(&self) -> Received {
        let seen = self.seen.lock().expect("no panic");
        seen.last().cloned().expect("a request came")
    }
}

async fn serve(app: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    (address, task)
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Stand ===

impl Stand {
    /// `/api/` demands the scope `api:read`, `/mixed/` has optional tokens, `/open/` is open.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// The same, with more routes; `UPSTREAM` in them is where the upstream is.
    pub(crate) async fn with(more: &str) -> Self {
        Self::between(issuer().await, Upstream::start().await, more).await
    }

    pub(crate) async fn between(issuer: FakeIssuer, upstream: Upstream, more: &str) -> Self {
        let config = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            admin = "127.0.0.1:0"
            header_timeout = "1s"
            shutdown_timeout = "5s"
            [[issuer]]
            url = "{issuer}"
            audiences = ["{audience}"]
            [[route]]
            path = "/api/"
            upstream = ["UPSTREAM"]
            scopes = ["api:read"]
            [[route]]
            path = "/mixed/"
            upstream = ["UPSTREAM"]
            auth = "optional"
            [[route]]
            path = "/open/"
            upstream = ["UPSTREAM"]
            auth = "none"
            {more}
            "#,
            issuer = issuer.issuer(),
            audience = issuer.audience(),
        );
        let gateway = gateway(&config.replace("UPSTREAM", &upstream.url())).await;
        Self {
            issuer,
            upstream,
            gateway,
        }
    }

    /// A good token for `/api/`.
    pub(crate) fn token(&self) -> String {
        self.issuer
            .token()
            .subject("alice")
            .client("web")
            .scope("api:read api:write")
            .issue()
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.gateway.address())
    }

    /// GET with a token.
    pub(crate) async fn get(&self, target: &str, token: &str) -> Answer {
        let request =
            Request::get(self.url(target)).header("authorization", format!("Bearer {token}"));
        send(request.body(Full::default()).expect("a request")).await
    }

    /// GET without a token.
    pub(crate) async fn get_bare(&self, target: &str) -> Answer {
        let request = Request::get(self.url(target)).body(Full::default());
        send(request.expect("a request")).await
    }

    /// What the gateway answers to these bytes, until it closes the connection.
    pub(crate) async fn raw(&self, bytes: &str) -> String {
        raw(&self.gateway, bytes.as_bytes()).await
    }
}

/// What a gateway answers to these bytes, until it closes the connection.
pub(crate) async fn raw(gateway: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.address())
        .await
        .expect("a connection");
    // It may be closed before all is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // What came before a reset was read.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Starts a gateway with this configuration.
pub(crate) async fn gateway(config: &str) -> Running {
    let config = Config::parse(config).unwrap_or_else(|error| panic!("{error}\n{config}"));
    Gateway::start(config)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn issuer() -> FakeIssuer {
    FakeIssuer::builder()
        .algorithm(Algorithm::Es256)
        .start()
        .await
}

/// Sends by HTTP/1.1.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> Answer {
    exchange(
        Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
        request,
    )
    .await
}

/// Sends by HTTP/2, by prior knowledge.
pub(crate) async fn send_http2(request: Request<Full<Bytes>>) -> Answer {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build(HttpConnector::new());
    exchange(client, request).await
}

async fn exchange(
    client: Client<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Answer {
    let exchange = async {
        let response = client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body");
        Answer {
            status: head.status,
            headers: head.headers,
            trailers: body.trailers().cloned(),
            body: body.to_bytes(),
        }
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time")
}

// === impl Answer ===

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The stable label of the refusal.
    pub(crate) fn reason(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem: Value = serde_json::from_slice(&self.body).expect("a problem");
        assert_eq!(problem["status"], self.status.as_u16());
        problem["reason"].as_str().expect("a reason").to_owned()
    }
}
