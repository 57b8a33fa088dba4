//! An issuer, a log that breaks at the word of the test, and a server of one service.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis_auth::{Attempt, Issuer, JwtVerifier, Revocations, Standing, StandingView, Verdict};
use portcullis_core::{Clock as _, Identity, Secret, SystemClock};
use portcullis_revocation::log::{
    Append, Appended, Cursor, Hints, LogFuture, OpId, Page, Poll, SnapshotPage,
};
use portcullis_revocation::{
    Id, LogError, MemoryLog, Record, Revocation, RevocationLog, Revoker, Secrets,
};
use portcullis_testing::{Algorithm, FakeIssuer, TokenBuilder};
use portcullis_tests::api::fixed;
use tokio::net::TcpListener;
use tower_service::Service;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The client id of the service under test.
pub(crate) const CLIENT: &str = "web";
pub(crate) const PASSWORD: &str = "correct horse & battery: staple+%";

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Down,
    /// It is done, and nobody is told.
    DoneInSilence,
    /// It is done, and only the primary has it.
    NotDurable,
}

/// A log in memory with moods.
#[derive(Clone)]
pub(crate) struct MoodyLog {
    log: Arc<MemoryLog>,
    mood: Arc<Mutex<Mood>>,
    /// The orders that reached it.
    orders: Arc<Mutex<Vec<OpId>>>,
}

pub(crate) struct Stand {
    pub(crate) issuer: FakeIssuer,
    pub(crate) log: MoodyLog,
    pub(crate) revocation: Revocation,
    pub(crate) verifier: JwtVerifier,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

// === impl MoodyLog ===

impl MoodyLog {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How many orders reached it, each as often as it came.
    pub(crate) fn appends(&self) -> usize {
        self.orders.lock().unwrap().len()
    }

    /// How many orders reached it, however often.
    pub(crate) fn orders(&self) -> usize {
        let orders: HashSet<OpId> = self.orders.lock().unwrap().iter().copied().collect();
        orders.len()
    }
}

impl RevocationLog for MoodyLog {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        self.log.poll(poll)
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        self.log.snapshot(cursor, limit)
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        self.orders.lock().unwrap().push(append.op);
        let mood = *self.mood.lock().unwrap();
        Box::pin(async move {
            if mood == Mood::Down {
                return Err(LogError::Unavailable("switched off".into()));
            }
            let mut appended = self.log.append(append).await?;
            match mood {
                Mood::DoneInSilence => pending().await,
                Mood::NotDurable => (appended.replicas, appended.required) = (0, 1),
                Mood::Well | Mood::Down => {}
            }
            Ok(appended)
        })
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        self.log.reassert(records)
    }

    fn hints(&self) -> Option<Hints> {
        self.log.hints()
    }
}

// === impl Stand ===

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(
            FakeIssuer::builder()
                .algorithm(Algorithm::Es256)
                .without_sockets(),
        )
        .await
    }

    pub(crate) async fn with(issuer: FakeIssuer) -> Self {
        let log = MoodyLog {
            log: Arc::new(MemoryLog::new()),
            mood: Arc::new(Mutex::new(Mood::Well)),
            orders: Arc::default(),
        };
        let secrets = Secrets::new(&Secret::new(vec![7; 32])).unwrap();
        let revocation = Revocation::builder(secrets, log.clone()).start().unwrap();
        let trusted = Issuer::new(issuer.issuer(), fixed(&[&issuer.key()]))
            .audience(issuer.audience())
            .access_tokens_only();
        let verifier = JwtVerifier::builder().issuer(trusted).build().unwrap();
        let stand = Self {
            issuer,
            log,
            revocation,
            verifier,
        };
        let synced = async {
            while !stand.revocation.health().synced {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, synced).await.unwrap();
        stand
    }

    pub(crate) fn revoker(&self) -> Revoker {
        self.revocation
            .revoker()
            .with_patience(Duration::from_millis(700))
    }

    /// An access token of the client.
    pub(crate) fn token(&self) -> TokenBuilder {
        self.issuer.token().client(CLIENT).scope("api:read")
    }

    pub(crate) fn logout(&self) -> TokenBuilder {
        self.issuer.logout_token(CLIENT)
    }

    /// The issuer's time, in seconds.
    pub(crate) fn issuer_now(&self) -> u64 {
        SystemClock.wall().as_secs()
    }

    /// Whether a good token was revoked.
    pub(crate) fn is_revoked(&self, token: &str) -> bool {
        let identity = self.identity(token);
        match Revocations::new(self.revocation.view()).standing(&identity) {
            Standing::Revoked => true,
            Standing::Good => false,
            other => panic!("{other:?}"),
        }
    }

    fn identity(&self, token: &str) -> Identity {
        match self.verifier.explain(token) {
            Attempt::Done(Verdict::Valid(identity)) => identity,
            other => panic!("no good token: {other:?}"),
        }
    }
}

// === client and server ===

/// Serves until the test ends, in HTTP/1.1 and HTTP/2.
pub(crate) async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                // A client that hangs up in the middle is an error here, and none of ours.
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

/// A POST of a form, to be changed.
pub(crate) fn post(address: SocketAddr, form: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}/feed"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(pairs.join("&")))
        .unwrap()
}

pub(crate) fn basic(client: &str, password: &str) -> String {
    let pair = format!("{}:{}", escaped(client), escaped(password));
    format!("Basic {}", STANDARD.encode(pair))
}

/// The same, with the client's password in the header.
pub(crate) fn authenticated(address: SocketAddr, form: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut request = post(address, form);
    let line = basic(CLIENT, PASSWORD).parse().unwrap();
    request.headers_mut().insert("authorization", line);
    request
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> Answer {
    send_by(request, false).await
}

pub(crate) async fn send_by(request: Request<Full<Bytes>>, http2: bool) -> Answer {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http();
    let answer = async {
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    };
    tokio::time::timeout(DEADLINE, answer).await.unwrap()
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

// === impl Answer ===

impl Answer {
    /// The status and the OAuth error; what every answer must have is asserted.
    #[track_caller]
    pub(crate) fn told(&self) -> (u16, String) {
        assert_eq!(self.headers["cache-control"], "no-store");
        let status = self.status.as_u16();
        assert_eq!(self.headers.contains_key("retry-after"), status == 503);
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
        if status == 200 {
            assert!(self.body.is_empty(), "{:?}", self.body);
            return (status, String::new());
        }
        assert_eq!(self.headers["content-type"], "application/json");
        let error: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert!(!error["error_description"].as_str().unwrap().is_empty());
        (status, error["error"].as_str().unwrap().to_owned())
    }
}

/// What [`Answer::told`] gives.
pub(crate) fn is(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}
