//! A node whose polls are noted, and that can be cut off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use portcullis_auth::{Auth, AuthLayer, Issuer, JwtVerifier, Revocations};
use portcullis_core::{Secret, UnixTime};
use portcullis_revocation::log::{
    Append, Appended, Cursor, Hints, LogFuture, Page, Poll, SnapshotPage,
};
use portcullis_revocation::{Id, Record, Revocation, RevocationLog, Secrets, Target};
use portcullis_testing::{KeyMint, SigningKey};
use portcullis_tests::api::fixed;
use tower::{Layer as _, Service as _, ServiceExt as _};

/// P, much shorter than services have it.
pub(crate) const POLL_EVERY: Duration = Duration::from_millis(100);
pub(crate) const POLL_DEADLINE: Duration = Duration::from_millis(250);
/// How old a view may be.
pub(crate) const S: Duration = Duration::from_millis(500);

const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "api";

type Answer = fn(Request<()>) -> std::future::Ready<Result<Response<()>, std::convert::Infallible>>;

/// A service behind the layer, and what it stands on.
pub(crate) struct Node {
    pub(crate) log: Noted,
    pub(crate) revocation: Revocation,
    service: Auth<tower::util::ServiceFn<Answer>, JwtVerifier>,
}

/// Tokens of one key.
pub(crate) struct Tokens(SigningKey);

/// A log without hints whose polls are noted, and that can fall silent.
#[derive(Clone)]
pub(crate) struct Noted(Arc<Inner>);

struct Inner {
    log: Arc<dyn RevocationLog>,
    cut: AtomicBool,
    polls: Mutex<Vec<Call>>,
}

/// One poll.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) sent: Instant,
    pub(crate) answered: bool,
}

// === impl Tokens ===

impl Tokens {
    pub(crate) fn new() -> Self {
        Self(SigningKey::es256())
    }

    /// A token of this number, and one of the names that it can be revoked by.
    pub(crate) fn token(&self, number: usize) -> (HeaderValue, Target) {
        let [subject, session, id] = ["sub", "sid", "jti"].map(|name| format!("{name}-{number}"));
        let now = UnixTime::from(SystemTime::now());
        let token = KeyMint::new()
            .token()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .subject(&subject)
            .session(&session)
            .token_id(&id)
            // A watermark spares what was issued within the second before it.
            .issued_at(now - Duration::from_secs(60))
            .expires_at(now + Duration::from_secs(600))
            .sign(&self.0);
        let target = match number % 3 {
            0 => Target::token(ISSUER, &id),
            1 => Target::session(ISSUER, &session),
            _ => Target::subject(ISSUER, &subject),
        };
        (format!("Bearer {token}").parse().unwrap(), target)
    }
}

// === impl Node ===

impl Node {
    /// A node that has read the log.
    pub(crate) async fn start(log: Arc<dyn RevocationLog>, tokens: &Tokens) -> Self {
        let log = Noted(Arc::new(Inner {
            log,
            cut: AtomicBool::new(false),
            polls: Mutex::default(),
        }));
        let secrets = Secrets::new(&Secret::new(vec![7; 32])).unwrap();
        let revocation = Revocation::builder(secrets, log.clone())
            .with_poll_every(POLL_EVERY)
            .with_poll_deadline(POLL_DEADLINE)
            .with_max_age(S)
            .start()
            .unwrap();
        let issuer = Issuer::new(ISSUER, fixed(&[&tokens.0])).audience(AUDIENCE);
        let verifier = JwtVerifier::builder()
            .issuer(issuer.access_tokens_only())
            .build()
            .unwrap();
        let view = Revocations::new(revocation.view())
            .with_freshness(S)
            .unwrap();
        let answer: Answer = |_| std::future::ready(Ok(Response::new(())));
        let layer = AuthLayer::new(verifier).with_standing(view);
        let begun = Instant::now();
        while !revocation.health().synced {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self {
            service: layer.layer(tower::service_fn(answer)),
            log,
            revocation,
        }
    }

    pub(crate) async fn ask(&self, bearer: &HeaderValue) -> StatusCode {
        let mut service = self.service.clone();
        let mut request = Request::new(());
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let Ok(ready) = service.ready().await;
        let Ok(response) = ready.call(request).await;
        response.status()
    }
}

// === impl Noted ===

impl Noted {
    /// Lets polls go unanswered, or no longer.
    pub(crate) fn cut(&self, cut: bool) {
        self.0.cut.store(cut, Ordering::SeqCst);
    }

    /// The polls up to now, those under way among them.
    pub(crate) fn polls(&self) -> Vec<Call> {
        self.0.polls.lock().unwrap().clone()
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
    }
}

impl RevocationLog for Noted {
    fn poll(&self, poll: Poll) -> LogFuture<'_, Page> {
        let place = {
            let mut polls = self.0.polls.lock().unwrap();
            polls.push(Call {
                sent: Instant::now(),
                answered: false,
            });
            polls.len() - 1
        };
        Box::pin(async move {
            if self.is_cut() {
                std::future::pending::<()>().await;
            }
            let page = self.0.log.poll(poll).await;
            // Noted together with the question whether it is lost: nobody sees one without the other.
            let mut polls = self.0.polls.lock().unwrap();
            if self.is_cut() {
                drop(polls);
                return std::future::pending().await;
            }
            if let Some(call) = polls.get_mut(place) {
                call.answered = page.is_ok();
            }
            page
        })
    }

    fn snapshot(&self, cursor: Option<Cursor>, limit: usize) -> LogFuture<'_, SnapshotPage> {
        self.0.log.snapshot(cursor, limit)
    }

    fn append(&self, append: Append) -> LogFuture<'_, Appended> {
        // Also where the log is in this process, requests come before the change and before its acknowledgement.
        Box::pin(async move {
            tokio::task::yield_now().await;
            let appended = self.0.log.append(append).await;
            tokio::task::yield_now().await;
            appended
        })
    }

    fn reassert(&self, records: Vec<(Id, Record)>) -> LogFuture<'_, ()> {
        self.0.log.reassert(records)
    }

    fn hints(&self) -> Option<Hints> {
        None
    }
}

/// The log on a server, by a link of its own.
#[cfg(unix)]
pub(crate) async fn on_redis(server: &portcullis_testing::RedisServer) -> Arc<dyn RevocationLog> {
    let config = portcullis_redis::RedisConfig::parse(&server.url()).unwrap();
    let log = portcullis_redis::RedisLog::builder(config.with_deadline(Duration::from_secs(1)))
        .start()
        .unwrap();
    assert!(log.connected_within(Duration::from_secs(30)).await);
    Arc::new(log)
}
