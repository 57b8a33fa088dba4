//! Where operators and other services revoke, take it back, and look up a session.
//!
//! | what | is asked | answer |
//! |---|---|---|
//! | `POST /revoke`, `POST /lift` | a JSON object that names one thing | 200 once a majority of the store has it, 202 while fewer do |
//! | `POST /session` | a JSON object that names a session | 200: revoked, not, or unknown |
//!
//! An address of its own, for nobody from outside. Still a browser inside could be made to ask: so a name
//! that was not configured is refused (a name may lead anywhere tomorrow), and so is all but JSON, which a
//! page of another origin cannot send without asking first.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use portcullis_core::{ConfigError, Protocol};
use portcullis_revocation::RevokeError;
use tokio::time::timeout;
use tower::Service;

use self::access::Access;
use self::asked::{Asked, Change};
use self::audit::Audit;
use self::denied::Denied;
use crate::admin::json;
use crate::auth::Trust;
use crate::config;
use crate::metrics::{Metrics, RevocationAction, RevocationSource};
use crate::revoking::Revoking;

mod access;
mod asked;
mod audit;
mod denied;

/// Revokes for whoever may.
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub(crate) struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    revoking: Revoking,
    metrics: Arc<Metrics>,
}

/// How it ended, for the audit, and the answer.
type Answered = (&'static str, Response<Body>);

/// The largest body: room for a token of the largest size that is accepted.
const MOST_BODY: usize = 32 << 10;
/// How long a body may take, and then a verdict on the caller.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl Control ===

impl Control {
    /// As configured. What was spent of its limits is taken over from the one `before`.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub(crate) fn new(
        section: &config::Control,
        trust: Option<&Trust>,
        revoking: &Revoking,
        metrics: &Arc<Metrics>,
        before: Option<&Self>,
    ) -> Result<Self, ConfigError> {
        let access = Access::new(
            section,
            trust,
            revoking,
            before.map(|before| &before.shared.access),
        )?;
        let shared = Shared {
            access,
            revoking: revoking.clone(),
            metrics: Arc::clone(metrics),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

impl Service<Request<Body>> for Control {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let action = action(request.uri().path());
        // Both are kept however this ends, dropped included.
        let mut audit = Audit::new(action);
        let counting =
            action.map(|action| shared.metrics.revocation(RevocationSource::Control, action));
        Box::pin(async move {
            let response = match shared.answer(action, request, &mut audit).await {
                Ok((outcome, response)) => {
                    audit.ended(outcome);
                    response
                }
                Err(denied) => {
                    let reason = denied.refusal().reason();
                    audit.ended(reason);
                    shared.metrics.refused(reason);
                    refused(denied)
                }
            };
            if let Some(counting) = counting {
                counting.answered(response.status());
            }
            Ok(response)
        })
    }
}

fn action(path: &str) -> Option<RevocationAction> {
    match path {
        "/revoke" => Some(RevocationAction::Revoke),
        "/lift" => Some(RevocationAction::Lift),
        "/session" => Some(RevocationAction::LookUp),
        _ => None,
    }
}

fn refused(denied: Denied) -> Response<Body> {
    let refusal = denied.refusal();
    let mut response = refusal.response::<Body>(Protocol::Http).map(Body::new);
    if matches!(denied, Denied::Method) {
        let post = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, post);
    }
    response
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(
        &self,
        action: Option<RevocationAction>,
        request: Request<Body>,
        audit: &mut Audit,
    ) -> Result<Answered, Denied> {
        self.access.host(&request)?;
        let action = action.ok_or(Denied::Path)?;
        if request.method() != Method::POST {
            return Err(Denied::Method);
        }
        if !is_json(&request) {
            return Err(Denied::Body);
        }
        // Before anything is read: of a stranger nothing is.
        let caller = timeout(PATIENCE, self.access.caller(request.headers()));
        let caller = caller.await.map_err(|_| Denied::NoVerdict)??;
        audit.by(&caller);
        self.access.admit(&caller)?;
        let body = read(request.into_body()).await?;
        let asked = Asked::read(&body)?;
        audit.about(asked.kind());
        match action {
            RevocationAction::Revoke => self.change(Change::Revoke, &asked, audit).await,
            RevocationAction::Lift => self.change(Change::Lift, &asked, audit).await,
            RevocationAction::LookUp => self.session(asked),
        }
    }

    async fn change(
        &self,
        change: Change,
        asked: &Asked,
        audit: &mut Audit,
    ) -> Result<Answered, Denied> {
        let order = asked.order(change)?;
        audit.because(order.reason());
        let done = self.revoking.revoker().submit(&order).await;
        let ack = done.map_err(|error| match error {
            RevokeError::NotDone(_) => Denied::NotRecorded,
            _ => Denied::OutcomeUnknown,
        })?;
        let mut response = json(&serde_json::json!({
            "durable": ack.is_durable(),
            "replicas": ack.replicas,
            "required": ack.required,
        }));
        if ack.is_durable() {
            return Ok(("durable", response));
        }
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok(("not_durable", response))
    }

    fn session(&self, asked: Asked) -> Result<Answered, Denied> {
        let (issuer, session) = asked.session()?;
        let found = self.revoking.session(&issuer, &session);
        Ok((found, json(&serde_json::json!({ "session": found }))))
    }
}

fn is_json<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(body: Body) -> Result<Bytes, Denied> {
    match timeout(PATIENCE, Limited::new(body, MOST_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(Denied::TooLarge),
        Err(_) => Err(Denied::Slow),
    }
}
